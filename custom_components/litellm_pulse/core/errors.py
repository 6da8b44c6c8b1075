"""What can be wrong with an answer of the proxy, with the ledger's own file, or with a query."""

from collections.abc import Iterable


class PulseError(Exception):
    """Base of every error that the inner ring raises."""


class AnswerError(PulseError):
    """The proxy's answer cannot be used; nothing was counted and no state changed."""


class EmptyAnswerError(AnswerError):
    """The body is empty: LiteLLM in multi-process mode answers so to `name[]`, or has no traffic."""


class TruncatedAnswerError(AnswerError):
    """The body ends inside a line, or lacks families that the same process published before."""


class MissingIdentityError(AnswerError):
    """The body does not tell which process answers, as the answers before did."""


class NotPrometheusError(AnswerError):
    """The body is not in the exposition format, but for example HTML or JSON."""


class WebPageError(NotPrometheusError):
    """The body begins as HTML or JSON does; none of it was taken in, so that another may follow."""


class TooManySeriesError(AnswerError):
    """The body has more series than memory is given to."""


class NoLiteLLMMetricsError(AnswerError):
    """The body is in the exposition format and holds no `litellm_` family."""


class EnterpriseOnlyError(AnswerError):
    """LiteLLM before 1.80: metrics were part of the Enterprise edition and are not published."""


class SurprisingPartError(PulseError):
    """A part of an answer that is not believed by itself: ask for the whole, of the same process."""


class DoubtfulRestartError(PulseError):
    """Counters fell, and nothing tells whether the process was restarted or another one answers: ask again."""


class StoreError(PulseError):
    """The ledger's file cannot be read or written."""


class ClosedStoreError(StoreError):
    """The ledger was closed meanwhile."""


class NewerSchemaError(StoreError):
    """The file was written by a newer release of the integration; it was left untouched."""


class ReadOnlyStoreError(StoreError):
    """The ledger's file could be opened for reading only, since it belongs to somebody else."""


class DamagedStoreError(StoreError):
    """The file is not a database, or its pages contradict each other."""


class QueryError(PulseError):
    """A query that cannot be answered as it was asked; the translations hold its sentence."""

    def __init__(
        self, translation_key: str, *, field: str | None = None, available: Iterable[object] | None = None, **names: str
    ) -> None:
        """Keep the sentence's key and the names in it, the parameter that is wrong, and what could be asked instead."""
        super().__init__(translation_key, names)
        self.translation_key = translation_key
        self.placeholders = names
        self.field = field
        self.available = None if available is None else list(available)


class NotFoundError(QueryError):
    """What was asked for does not exist."""


class NotAvailableError(QueryError):
    """Nothing can be answered now; it may be later."""
