"""What can be wrong with a source of history; each error has the key of its translation."""

from typing import ClassVar


class SourceError(Exception):
    """Base of every error of a source; the message is for logs and holds no secret."""

    code: ClassVar[str] = "unknown"


class InvalidDsnError(SourceError):
    """The address of the database is not one: nothing was asked."""

    code = "invalid_dsn"


class UnreachableError(SourceError):
    """Nobody answers at the host and port, or not now."""

    code = "cannot_connect"


class TlsError(SourceError):
    """The encrypted connection did not come about, or the server's certificate is not trusted."""

    code = "tls_failed"


class TlsRequiredError(TlsError):
    """The server lets nobody in without encryption."""

    code = "tls_required"


class AuthenticationError(SourceError):
    """User, password or key are wrong."""

    code = "invalid_auth"


class NoSuchDatabaseError(SourceError):
    """The server has no database of this name."""

    code = "no_such_database"


class PermissionDeniedError(SourceError):
    """User or key are known and may not read what is needed."""

    code = "no_permission"


class NoKnownTableError(SourceError):
    """The database holds neither LiteLLM's spend logs nor cost_logs."""

    code = "no_known_table"


class SpendLogsOffError(SourceError):
    """The table is there and empty: LiteLLM does not write spend logs, or has not yet."""

    code = "spend_logs_off"


class SourceTimeoutError(SourceError):
    """An answer took longer than it may: the query was too long, or waited for a lock."""

    code = "timeout"


class BusyError(SourceError):
    """LiteLLM, or a gateway before it, answers fewer questions than were asked, also after a pause."""

    code = "busy"

    def __init__(self, path: str, seconds: float) -> None:
        """Take what was asked, and how long to wait before it is asked again."""
        super().__init__(f"{path}: asked too often")
        self.seconds = seconds


class NoDatabaseError(SourceError):
    """The proxy runs without a database: it knows no past. The key is not at fault."""

    code = "no_database"


class NotOfferedError(SourceError):
    """This release of LiteLLM has no such endpoint."""

    code = "not_offered"


class UnexpectedAnswerError(SourceError):
    """The answer is not what any known release gives."""

    code = "unexpected_answer"
