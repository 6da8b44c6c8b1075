"""What each failure is called in the translations: one table for the flow and the coordinator."""

from typing import Final

from homeassistant.exceptions import HomeAssistantError

from .client import (
    CAFileError,
    CannotConnectError,
    EncodingError,
    InvalidAuthError,
    NotFoundError,
    NotHTTPError,
    RateLimitedError,
    RedirectError,
    ScrapeError,
    ScrapeTimeoutError,
    TLSError,
    TooLargeError,
    TruncatedTransferError,
    UnexpectedStatusError,
)
from .const import DOMAIN
from .core.errors import (
    AnswerError,
    EmptyAnswerError,
    EnterpriseOnlyError,
    MissingIdentityError,
    NoLiteLLMMetricsError,
    NotPrometheusError,
    TooManySeriesError,
    TruncatedAnswerError,
)

_KEYS: Final[dict[type[ScrapeError | AnswerError], str]] = {
    CannotConnectError: "cannot_connect",
    NotHTTPError: "not_prometheus",
    ScrapeTimeoutError: "timeout",
    TLSError: "tls_error",
    CAFileError: "ca_file",
    InvalidAuthError: "invalid_auth",
    NotFoundError: "not_found",
    RedirectError: "redirect",
    RateLimitedError: "rate_limited",
    UnexpectedStatusError: "unexpected_status",
    TooLargeError: "too_large",
    TooManySeriesError: "too_large",
    EncodingError: "encoding",
    TruncatedTransferError: "truncated",
    TruncatedAnswerError: "truncated",
    MissingIdentityError: "missing_identity",
    EmptyAnswerError: "no_litellm_metrics",
    NoLiteLLMMetricsError: "no_litellm_metrics",
    NotPrometheusError: "not_prometheus",
    EnterpriseOnlyError: "enterprise_only",
}


FAILURES: Final = sorted(set(_KEYS.values()))
"""All translation keys of failures."""


def translation_key(error: ScrapeError | AnswerError) -> str:
    """Return the translation key of a failure, under `config.error` and under `exceptions`."""
    return next(key for kind in type(error).__mro__ if (key := _KEYS.get(kind)))


def translation_placeholders(error: ScrapeError | AnswerError) -> dict[str, str]:
    """Return what the translation of a failure may name."""
    return {"status": str(error.status)} if isinstance(error, UnexpectedStatusError) else {}


def message(error: ScrapeError | AnswerError) -> str:
    """Return a failure in words, as the coordinator would say it."""
    return text(translation_key(error), **translation_placeholders(error))


def text(key: str, **placeholders: str) -> str:
    """Return a sentence of `exceptions`."""
    return str(
        HomeAssistantError(translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders)
    )
