"""What can be wrong with an answer of the proxy, or with the ledger's own file."""


class PulseError(Exception):
    """Base of every error that the inner ring raises."""


class AnswerError(PulseError):
    """The proxy's answer cannot be used; nothing was counted and no state changed."""


class EmptyAnswerError(AnswerError):
    """The body is empty: LiteLLM in multi-process mode answers so to `name[]`, or has no traffic."""


class TruncatedAnswerError(AnswerError):
    """The body ends inside a line, or lacks families that the same process published before."""


class NotPrometheusError(AnswerError):
    """The body is not in the exposition format, but for example HTML or JSON."""


class NoLiteLLMMetricsError(AnswerError):
    """The body is in the exposition format and holds no `litellm_` family."""


class EnterpriseOnlyError(AnswerError):
    """LiteLLM before 1.80: metrics were part of the Enterprise edition and are not published."""


class UnfamiliarProcessError(PulseError):
    """Only a part was asked for, of a process that has not shown what it publishes: ask for the whole."""


class StoreError(PulseError):
    """The ledger's file cannot be read or written."""


class NewerSchemaError(StoreError):
    """The file was written by a newer release of the integration; it was left untouched."""


class DamagedStoreError(StoreError):
    """The file is not a database, or its pages contradict each other."""
