"""RFC 3161 time-stamps of checkpoints: asked of the configured authority, verified on receipt, kept beside them.

What is stamped is the note as it is published, byte for byte. Refuses a reply about other bytes, without our nonce, by a
signer who may not stamp time, or whose certificate does not lead to the configured roots.
"""

import asyncio
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from hashlib import new as hasher
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from asn1crypto import algos, cms, pem, tsp, x509
from django.conf import settings
from django.db import transaction

from evidence import tenancy
from evidence.errors import Unavailable
from evidence.ledger.models import Checkpoint, TimeStamp

if TYPE_CHECKING:
    from pyhanko.sign.general import SignedDataCerts

ALGORITHM = "sha256"
REPLY_LIMIT_BYTES = 64 * 1024
SECONDS = 20
GRANTED = ("granted", "granted_with_mods")

Send = Callable[[bytes], bytes]


class Refused(Exception):
    """The reply or token is no time-stamp of these bytes by somebody we trust."""


@dataclass(frozen=True)
class Stamp:
    """A token that was verified: who says that the bytes existed, and when."""

    token: bytes
    authority: str
    at: datetime


def is_configured() -> bool:
    """Whether there is an authority to ask."""
    return bool(settings.CLEARHOLD_TSA_URL)


def stamp(organization_id: UUID, size: int, send: Send | None = None) -> TimeStamp:
    """Have the checkpoint of `size` events stamped and keep the token. Raises Unavailable, and then nothing is kept.

    The authority is asked outside any transaction.
    """
    with transaction.atomic(), tenancy.entered(organization_id, system=True):
        note = Checkpoint.objects.get(organization_id=organization_id, size=size).note.encode()
    try:
        received = ask(note, send or post)
    except Refused as refusal:
        raise Unavailable(
            f"The time-stamp of the checkpoint over {size} events is not to be trusted: {refusal}",
            code="time_stamp_refused",
            help="Nothing was kept. Check CLEARHOLD_TSA_URL and CLEARHOLD_TSA_CA.",
        ) from refusal
    with transaction.atomic(), tenancy.entered(organization_id, system=True):
        return TimeStamp.objects.create(
            organization_id=organization_id,
            size=size,
            token=received.token,
            authority=received.authority,
            stamped_at=received.at,
        )


def ask(data: bytes, send: Send) -> Stamp:
    """A verified stamp over `data`. Raises Refused, and Unavailable when the authority does not answer."""
    nonce = secrets.randbits(63) | 1 << 62
    imprint = {"hash_algorithm": algos.DigestAlgorithm({"algorithm": ALGORITHM}), "hashed_message": _digest(data)}
    query = tsp.TimeStampReq(
        {"version": 1, "message_imprint": tsp.MessageImprint(imprint), "nonce": nonce, "cert_req": True}
    )
    try:
        reply = tsp.TimeStampResp.load(send(query.dump()), strict=True)
        status = reply["status"]["status"].native
        token = reply["time_stamp_token"].dump() if status in GRANTED else b""
    except (ValueError, TypeError) as fault:
        raise Refused("the reply is no time-stamp reply") from fault
    if status not in GRANTED:
        raise Refused(f"the authority answered “{status}”")
    return verify(token, data, nonce=nonce)


def verify(token: bytes, data: bytes, *, nonce: int | None = None) -> Stamp:
    """Check a token against the bytes and the configured roots, as of the moment it names. Raises Refused."""
    # pyHanko is a tenth of what every process would load, and only this needs it.
    from pyhanko.sign.validation.errors import SignatureValidationError

    try:
        return _verified(token, data, nonce)
    except (ValueError, TypeError, KeyError, AttributeError, SignatureValidationError) as fault:
        # Whatever a parser of foreign bytes raises means that they are none we can read.
        raise Refused(f"the token can't be read: {type(fault).__name__}") from fault


def _verified(token: bytes, data: bytes, nonce: int | None) -> Stamp:
    from pyhanko.sign.general import extract_certificate_info

    content = cms.ContentInfo.load(token, strict=True)
    if content["content_type"].native != "signed_data":
        raise Refused("the token is not signed")
    signed = content["content"]
    info = signed["encap_content_info"]["content"].parsed
    if not isinstance(info, tsp.TSTInfo):
        raise Refused("the token states no time")
    imprint = info["message_imprint"]
    if imprint["hash_algorithm"]["algorithm"].native != ALGORITHM or imprint["hashed_message"].native != _digest(data):
        raise Refused("it is about other bytes")
    if nonce is not None and info["nonce"].native != nonce:
        raise Refused("it answers another question: the nonce differs")
    certificates = extract_certificate_info(signed)
    at: datetime = info["gen_time"].native
    _check_signature(signed, certificates, at, data)
    return Stamp(token, certificates.signer_cert.subject.human_friendly[:300], at)


def _check_signature(signed: cms.SignedData, certificates: "SignedDataCerts", at: datetime, data: bytes) -> None:
    from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
    from pyhanko_certvalidator import ValidationContext

    if certificates.signer_cert.extended_key_usage_value is None or (
        certificates.signer_cert.extended_key_usage_value.native != ["time_stamping"]
    ):
        raise Refused("its signer's certificate is not for time-stamping")
    trust = ValidationContext(
        trust_roots=list(roots()), other_certs=certificates.other_certs, moment=at, allow_fetching=False
    )
    judging = validate_tst_signed_data(signed, trust, lambda name: hasher(name, data).digest())
    # In a thread of its own: it runs an event loop, and the caller's thread may be running one already.
    with ThreadPoolExecutor(1) as alone:
        found = alone.submit(asyncio.run, judging).result()
    if not found["valid"] or not found["intact"]:
        raise Refused("its signature does not hold")
    if found.get("trust_problem_indic") is not None or found.get("validation_path") is None:
        raise Refused("its signer's certificate does not lead to a configured root")


def roots() -> Iterator[x509.Certificate]:
    """The roots that an authority's certificate must lead to. Raises Refused without any."""
    path = settings.CLEARHOLD_TSA_CA or ssl.get_default_verify_paths().cafile
    if not path or not Path(path).exists():
        raise Refused("no roots are configured to trust: set CLEARHOLD_TSA_CA")
    for _, _, der in pem.unarmor(Path(path).read_bytes(), multiple=True):
        yield x509.Certificate.load(der)


def _digest(data: bytes) -> bytes:
    return hasher(ALGORITHM, data).digest()


def post(query: bytes) -> bytes:
    """What the configured authority answers. Raises Unavailable, and Refused for what is too long to be an answer."""
    url = settings.CLEARHOLD_TSA_URL
    if not url.startswith(("https://", "http://")):
        raise Unavailable("CLEARHOLD_TSA_URL is no web address.")
    request = urllib.request.Request(  # noqa: S310  the scheme was checked
        url,
        data=query,
        headers={"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"},
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  the scheme was checked # nosec B310
            reply: bytes = answer.read(REPLY_LIMIT_BYTES + 1)
    except (urllib.error.URLError, OSError) as fault:
        raise Unavailable(f"The time-stamping authority does not answer: {fault}", help="It is asked again.") from fault
    if len(reply) > REPLY_LIMIT_BYTES:
        raise Refused("the reply is too long for a time-stamp")
    return reply
