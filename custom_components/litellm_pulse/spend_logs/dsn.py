"""The address of a PostgreSQL database, read and checked without asking anybody."""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit

from .errors import InvalidDsnError

_SCHEMES = ("postgres", "postgresql")
_PORT = 5432


class TlsMode(StrEnum):
    """How the connection is encrypted, by the names of libpq's sslmode."""

    DISABLE = "disable"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dsn:
    """Where the database is and who asks."""

    host: str
    port: int = _PORT
    user: str
    password: str = field(default="", repr=False)
    database: str
    tls: TlsMode = TlsMode.PREFER


def parse(text: str, *, tls: TlsMode | None = None) -> Dsn:
    """Return what an address like postgresql://user:password@host:5432/database?sslmode=require says.

    `tls` overrules the address. InvalidDsnError tells what is missing, never the password.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as err:
        raise InvalidDsnError("host or port cannot be read") from err
    # SQLAlchemy's addresses name a driver: postgresql+asyncpg://
    if parts.scheme.partition("+")[0] not in _SCHEMES:
        raise InvalidDsnError("it does not begin with postgresql://")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host, database = options.get("host") or parts.hostname or "", unquote(parts.path.removeprefix("/"))
    if not host or "," in host:
        raise InvalidDsnError("it names no host, or several")
    if not database:
        raise InvalidDsnError("it names no database")
    if not parts.username:
        raise InvalidDsnError("it names no user")
    return Dsn(
        host=host,
        port=port or _PORT,
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        database=database,
        tls=tls or _tls(options.get("sslmode", TlsMode.PREFER)),
    )


def _tls(mode: str) -> TlsMode:
    """Return a mode by its name; libpq's `allow` is the same as `prefer` here."""
    try:
        return TlsMode.PREFER if mode == "allow" else TlsMode(mode)
    except ValueError as err:
        raise InvalidDsnError(f"sslmode is none of {', '.join(TlsMode)}") from err
