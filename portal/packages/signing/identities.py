"""Who signs an organization's packages: its certificate from PKCS#12 or PKCS#11 by setting, else the portal's own seal.

Refuses a certificate that is not there, not readable, not valid now, or not for signing; it never falls back to the
portal's own seal where a certificate was named.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asn1crypto import keys as asn1_keys
from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from django.conf import settings
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

from evidence import clock
from portal.packages.signing import own, tokens
from portal.packages.signing.faults import NotSigned

USAGES = {"digital_signature", "non_repudiation"}


@dataclass(frozen=True)
class Identity:
    """What signs; `chain` leads from the certificate's issuer upward, as far as it was given."""

    signer: Signer
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    is_own: bool = False


@contextmanager
def lent(slug: str) -> Iterator[Identity]:
    """The identity of the organization, for the block. Raises NotSigned, and Unavailable for a damaged own seal."""
    if settings.CLEARHOLD_SIGN["pkcs11"]:
        with _of_token() as found:
            yield _fit(found)
        return
    path = _file(slug)
    yield _fit(_of_file(path, _passphrase(path)) if path else _own())


def _file(slug: str) -> Path | None:
    named = settings.CLEARHOLD_SIGN["pkcs12"]
    if not named:
        return None
    path = Path(named)
    if path.is_dir():
        # An organization without a file in the folder has the portal's own seal.
        path = path / f"{slug}.p12"
        return path if path.exists() else None
    return path


def _passphrase(path: Path) -> bytes | None:
    beside = path.with_suffix(".passphrase")
    named = settings.CLEARHOLD_SIGN["passphrase_file"] or (str(beside) if beside.exists() else "")
    try:
        given = Path(named).read_text().rstrip("\r\n") if named else settings.CLEARHOLD_SIGN["passphrase"]
    except OSError as fault:
        raise NotSigned("The file with the passphrase of the certificate cannot be read.") from fault
    return given.encode() or None


def _of_file(path: Path, passphrase: bytes | None) -> Identity:
    try:
        found = pkcs12.load_pkcs12(path.read_bytes(), passphrase)
    except OSError as fault:
        raise NotSigned(f"The certificate file {path.name} cannot be read.") from fault
    except ValueError as fault:
        raise NotSigned(f"{path.name} is no PKCS#12 file, or its passphrase is another.") from fault
    if found.key is None or found.cert is None:
        raise NotSigned(f"{path.name} holds no key with its certificate.")
    chain = tuple(_plain(each.certificate) for each in found.additional_certs)
    return _simple(found.key, found.cert.certificate, chain)


def _own() -> Identity:
    key, certificate = own.ensure()
    return _simple(key, certificate, (), is_own=True)


def _simple(key: Any, certificate: Any, chain: tuple[x509.Certificate, ...], *, is_own: bool = False) -> Identity:
    packed = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    shown = _plain(certificate)
    signer = SimpleSigner(shown, asn1_keys.PrivateKeyInfo.load(packed), _store((shown, *chain)))
    return Identity(signer, shown, chain, is_own)


@contextmanager
def _of_token() -> Iterator[Identity]:
    told = settings.CLEARHOLD_SIGN
    pin = (_passphrase(Path(told["pkcs11"])) or b"").decode()
    with tokens.opened(told, pin) as (signer, chain):
        yield Identity(signer, signer.signing_cert, chain)


def _fit(identity: Identity) -> Identity:
    shown, now = identity.certificate, clock.now()
    if not shown.not_valid_before <= now <= shown.not_valid_after:
        raise NotSigned(f"The certificate of {told(shown)} is valid from {shown.not_valid_before:%d %b %Y} to {shown.not_valid_after:%d %b %Y}.")  # fmt: skip
    usage = shown.key_usage_value
    if usage is not None and not USAGES & usage.native:
        raise NotSigned(f"The certificate of {told(shown)} is not for signing.")
    return identity


def told(certificate: x509.Certificate) -> str:
    """Whose certificate it is."""
    return named(certificate.subject)


def named(name: x509.Name) -> str:
    """A name of a certificate as people read it: the common name, and the organization when it says more."""
    found = name.native
    words = [found.get("common_name"), found.get("organization_name")]
    plain = ", ".join(dict.fromkeys(word for word in words if isinstance(word, str) and word))
    return (plain or name.human_friendly)[:300]


def _plain(certificate: Any) -> x509.Certificate:
    return x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _store(certificates: Iterable[x509.Certificate]) -> SimpleCertificateStore:
    store = SimpleCertificateStore()
    store.register_multiple(certificates)
    return store
