"""Certificates of one's own: an authority, and servers with certificates of it."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

type Issuer = tuple[x509.Name, ec.EllipticCurvePrivateKey]


class Authority:
    """Signs certificates; its own lies in a file."""

    def __init__(self, folder: Path, *, plain: bool = False) -> None:
        """Make its key and its certificate; a plain one does not say what it may be used for, as openssl makes it."""
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.file = folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("An authority")
        self.file.write_bytes(
            _pem(_signed(self._name, self._key, (self._name, self._key), authority=True, plain=plain))
        )

    def server(
        self,
        *,
        address: str = "127.0.0.1",
        valid: tuple[datetime, datetime] | None = None,
        self_signed: bool = False,
        intermediate: bool = False,
    ) -> ssl.SSLContext:
        """Return the TLS of a server at an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer: Issuer = (_name("litellm"), key) if self_signed else (self._name, self._key)
        chain = b""
        if intermediate:
            between: Issuer = (_name("An intermediate"), ec.generate_private_key(ec.SECP256R1()))
            chain = _pem(_signed(*between, issuer, authority=True))
            issuer = between
        certificate = _signed(_name("litellm"), key, issuer, address=address, valid=valid)
        file = self.folder / "server.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + _pem(certificate) + chain)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context


def _signed(  # noqa: PLR0913 - what a certificate says
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: Issuer,
    *,
    authority: bool = False,
    address: str = "127.0.0.1",
    valid: tuple[datetime, datetime] | None = None,
    plain: bool = False,
) -> x509.Certificate:
    """Return a certificate that the issuer has signed; valid today where nothing else is said."""
    now = datetime.now(UTC)
    begin, end = valid or (now - timedelta(days=1), now + timedelta(days=1))
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer[0])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer[1].public_key()), critical=False)
    )
    if authority and not plain:
        builder = builder.add_extension(_KEY_USAGE, critical=True)
    if not authority:
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(issuer[1], hashes.SHA256())


_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _name(common: str) -> x509.Name:
    """Return a name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as text."""
    return certificate.public_bytes(serialization.Encoding.PEM)
