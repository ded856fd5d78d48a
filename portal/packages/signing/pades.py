"""Signs a finished PDF as an incremental revision: not one byte before it is changed.

The level follows the settings: B-T with a time-stamping authority, B-LT and B-LTA when asked for, B-B without an
authority. What cannot be reached is refused; a lower level than the settings promise is never written.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import pem, tsp, x509
from django.conf import settings
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, PdfTimeStamper
from pyhanko.sign.fields import InvisSigSettings, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers.pdf_signer import TimestampDSSContentSettings
from pyhanko.sign.timestamps.api import TimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError, SignatureValidationError
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.fetchers.requests_fetchers import RequestsFetcherBackend

from evidence import clock
from evidence.errors import Unavailable
from evidence.ledger import timestamps
from portal.packages.signing.faults import NotSigned
from portal.packages.signing.identities import Identity, named, told
from portal.packages.signing.levels import LASTING, Level

FIELD, ARCHIVE_FIELD = "Seal", "SealArchive"
MD = "sha256"
#: PDF/A wants a widget that is printed, PDF/UA one that stands off the page when it is not tagged.
OFF_THE_PAGE = InvisSigSettings(set_print_flag=True, box_out_of_bounds=True)
FAULTS = (PdfError, SignatureValidationError, ValidationError, PathError, ValueError, TypeError, KeyError, LookupError)


@dataclass(frozen=True)
class Signed:
    """What was put behind the first `closed_bytes` bytes of the file."""

    level: Level
    is_own: bool
    signer: str
    issuer: str
    certificate_sha256: str
    signed_at: datetime
    stamped_at: datetime | None
    authority: str
    closed_bytes: int
    sha256: str
    size: int


def level_for(identity: Identity) -> Level:
    """The level that the settings promise. Raises NotSigned for one that can't be kept."""
    asked = settings.CLEARHOLD_SIGN["level"]
    if asked and asked not in Level.values:
        raise NotSigned(f"CLEARHOLD_SIGN_LEVEL says “{asked}”; it may say {', '.join(Level.values)}.")
    if not timestamps.is_configured():
        if asked not in ("", Level.BASIC):
            raise NotSigned(f"The level {asked} needs a time-stamping authority: set CLEARHOLD_TSA_URL.")
        return Level.BASIC
    # Nobody can say that a self-made certificate was not revoked.
    if identity.is_own and asked in LASTING:
        return Level.STAMPED
    return Level(asked or Level.STAMPED)


def sign(path: Path, identity: Identity) -> Signed:
    """Sign the file in its place and look at the result. Raises NotSigned; then the file is of no use any more."""
    level = level_for(identity)
    closed, before = path.stat().st_size, _sha256(path)
    # In a thread of its own: the libraries run an event loop, and the caller's thread may be running one already.
    with _named_faults(), ThreadPoolExecutor(1) as alone:
        stamp = alone.submit(_written, path, identity, level).result()
    if _sha256(path, closed) != before:
        raise NotSigned("Signing changed what was there before.")
    shown = identity.certificate
    return Signed(
        level=level,
        is_own=identity.is_own,
        signer=told(shown),
        issuer=named(shown.issuer),
        certificate_sha256=shown.sha256.hex(),
        signed_at=clock.now(),
        stamped_at=stamp.at if stamp else None,
        authority=stamp.authority if stamp else "",
        closed_bytes=closed,
        sha256=_sha256(path),
        size=path.stat().st_size,
    )


class _Behind(IncrementalPdfFileWriter):
    """Writes a revision behind the file. What the file says of itself stays as it was closed."""

    def _update_meta(self) -> None:
        """Nothing: the library would put its own name and the present moment into the metadata."""


class _Authority(TimeStamper):
    """The authority that stamps checkpoints stamps signatures too."""

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        return tsp.TimeStampResp.load(timestamps.post(req.dump()), strict=True)


def _written(path: Path, identity: Identity, level: Level) -> timestamps.Stamp | None:
    _write(path, identity, level)
    return _looked_at(path, identity, level)


def _write(path: Path, identity: Identity, level: Level) -> None:
    authority = None if level == Level.BASIC else _Authority()
    about = PdfSignatureMetadata(
        field_name=FIELD, md_algorithm=MD, reason="Sealed after its approval", subfilter=SigSeedSubFilter.PADES
    )
    place = SigFieldSpec(FIELD, invis_sig_settings=OFF_THE_PAGE, readable_field_name="Seal of the package")
    with path.open("r+b") as file:
        PdfSigner(about, identity.signer, timestamper=authority, new_field_spec=place).sign_pdf(
            _Behind(file), in_place=True
        )
    if level in LASTING:
        asyncio.run(_keep_revocation(path, identity, authority))
    if level == Level.ARCHIVE:
        stamper = PdfTimeStamper(authority, ARCHIVE_FIELD, OFF_THE_PAGE, "Time-stamp over the seal and its proofs")
        kept = TimestampDSSContentSettings(include_vri=False, update_before_ts=True)
        with path.open("r+b") as file:
            stamper.timestamp_pdf(_Behind(file), MD, _trust(identity), in_place=True, dss_settings=kept)


async def _keep_revocation(path: Path, identity: Identity, authority: _Authority) -> None:
    """Put the chains of signer and authority into the file, with what says that none of them was revoked."""
    trust = _trust(identity)
    signer = CertificateValidator(identity.certificate, list(identity.chain), validation_context=trust)
    paths = [await signer.async_validate_usage(set()), *[found async for found in authority.validation_paths(trust)]]
    with path.open("r+b") as file:
        writer = _Behind(file)
        DocumentSecurityStore.supply_dss_in_writer(writer, None, paths=paths, validation_context=trust)
        writer.write_in_place()


def _looked_at(path: Path, identity: Identity, level: Level) -> timestamps.Stamp | None:
    """The written signature as a reader finds it. Raises NotSigned when it is not what was meant."""
    with path.open("rb") as file:
        reader = PdfFileReader(file)
        found = next(each for each in reader.embedded_signatures if each.field_name == FIELD)
        alone = ValidationContext(trust_roots=[identity.certificate], allow_fetching=False)
        stamps = (
            ValidationContext(trust_roots=list(timestamps.roots()), allow_fetching=False)
            if level != Level.BASIC
            else None
        )
        status = validate_pdf_signature(found, alone, stamps, skip_diff=True)
        if not (status.intact and status.valid):
            raise NotSigned("The signature that was made does not fit the file.")
        if level in LASTING and not _has_revocation(reader):
            raise NotSigned(f"Nothing says that no certificate was revoked, so the level {level} is not reached.")
        if level == Level.BASIC:
            return None
        attributes = found.signer_info["unsigned_attrs"]
        token = next(each for each in attributes if each["type"].native == "signature_time_stamp_token")
        return timestamps.verify(token["values"][0].dump(), found.signer_info["signature"].native)


def _has_revocation(reader: PdfFileReader) -> bool:
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return False
    return bool(store.crls or store.ocsps)


def _trust(identity: Identity) -> ValidationContext:
    """What the chains of signer and authority must lead to; lists of revoked certificates are fetched where they are named."""
    return ValidationContext(
        trust_roots=[*_roots(identity), *timestamps.roots()],
        other_certs=list(identity.chain),
        allow_fetching=True,
        fetcher_backend=RequestsFetcherBackend(per_request_timeout=timestamps.SECONDS),
        revocation_mode="hard-fail",
    )


def _roots(identity: Identity) -> list[x509.Certificate]:
    named = settings.CLEARHOLD_SIGN["ca"]
    if named:
        return [x509.Certificate.load(der) for _, _, der in pem.unarmor(Path(named).read_bytes(), multiple=True)]
    found = [each for each in identity.chain if each.self_signed in ("yes", "maybe")]
    if not found:
        raise NotSigned("The root of the signer's certificate is not known: set CLEARHOLD_SIGN_CA.")
    return found


@contextmanager
def _named_faults() -> Iterator[None]:
    """What the libraries raise about foreign certificates and answers, as one refusal with its cause."""
    try:
        yield
    except Unavailable as fault:
        raise NotSigned(fault.message, help="Try again later: print the sealed file again.") from fault
    except timestamps.Refused as fault:
        raise NotSigned(f"The time-stamp is not to be trusted: {fault}.") from fault
    except OSError as fault:
        if fault.errno is not None:
            raise
        raise NotSigned(f"The time-stamping authority gave no time-stamp: {fault}.") from fault
    except FAULTS as fault:
        raise NotSigned(f"The signature could not be made: {fault}.") from fault


def _sha256(path: Path, most: int | None = None) -> str:
    """Of the whole file, or of its first bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(min(1 << 20, most) if most is not None else 1 << 20):
            digest.update(piece)
            most = None if most is None else most - len(piece)
    return digest.hexdigest()
