"""A certificate authority of one's own."""

from ssl import VERIFY_X509_STRICT, SSLContext, create_default_context


def trusting(ca_file: str) -> SSLContext:
    """Return TLS that trusts the authority of a file in PEM, and no other; blocking.

    Raises OSError or ValueError where the file holds none.
    """
    context = create_default_context(cafile=ca_file)
    # An authority as openssl makes it does not say what it may be used for.
    context.verify_flags &= ~VERIFY_X509_STRICT
    return context
