"""The portal's own seal: a key and a certificate that it made itself, kept where the key of the history is kept.

It shows that the file came from whoever holds that key. Who that is, no authority has confirmed.
"""

from datetime import UTC, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from evidence import clock
from evidence.errors import Unavailable
from evidence.ledger import keys

FILE = "seal-0001.pem"
NAME = "Own seal of this Clearhold portal (self-made certificate)"
BITS = 3072
YEARS = 20


def ensure() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """The key and its certificate, made at first use. Raises Unavailable when others could read them."""
    path = keys.folder() / FILE
    if not path.exists():
        keys.create(path, _made(), 0o600)
    return _read(path)


def _read(path: Path) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    if path.stat().st_mode & 0o077:
        raise Unavailable(f"The key of the portal's own seal, {path.name}, may be read by others.", help="Set its mode to 0600.")  # fmt: skip
    content = path.read_bytes()
    try:
        key, certificate = load_pem_private_key(content, password=None), x509.load_pem_x509_certificate(content)
    except ValueError as fault:
        raise Unavailable(f"The portal's own seal, {path.name}, cannot be read.", help="Put it back from the backup of the keys.") from fault  # fmt: skip
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise Unavailable(f"The key and the certificate in {path.name} do not belong together.")
    return key, certificate


def _made() -> bytes:
    """Both in one file, so that no process ever finds the one without the other."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = clock.now().astimezone(UTC)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
