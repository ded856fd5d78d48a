"""tus 1.0, the open protocol of resumable uploads (tus.io), out of and into HTTP headers; it refuses what it can't read.

Creation, termination, checksum (sha256 and the sha1 that the protocol asks for) and expiration are spoken, not
creation with a body, deferred lengths or concatenation. OPTIONS is answered nowhere in this portal; what it would say
comes with every answer to a creation.
"""

import base64
import binascii
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

from django.http import HttpRequest, QueryDict

from evidence.artifacts import queries as artifacts
from evidence.artifacts.facts import TITLE_LIMIT, VersionFacts, check
from evidence.artifacts.models import Artifact
from evidence.controls.models import Control, EvidenceKind
from evidence.errors import Invalid, Refused, Stale
from evidence.intake.services import Received
from evidence.uploads.models import Upload
from portal.web import uploads
from portal.web.evidence import keep, task_named
from remediation.findings.models import Finding

VERSION = "1.0.0"
EXTENSIONS = "creation,termination,checksum,expiration"
ALGORITHMS = {"sha256": 32, "sha1": 20}
CONTENT_TYPE = "application/offset+octet-stream"
DIGITS_MOST = 18
# A header of more is refused by most servers on the way.
METADATA_MOST = 8_000
# What a sender may call the file: the words of tus-js-client and tuspy, and ours.
_FILENAME, _TYPE = ("filename", "name"), ("filetype", "type", "content-type")


class WrongVersion(Refused):
    code = "tus_version"
    status = 412


class WrongHeader(Invalid):
    code = "tus_header"
    status = 400


class WrongType(Invalid):
    code = "tus_content_type"
    status = 415


@dataclass(frozen=True)
class Announced:
    """What a creation says about its file. `told` is what an ordinary upload states in its fields."""

    filename: str
    claimed_mime: str
    sha256: str
    length: int
    told: dict[str, str]


def refuse_other_versions(request: HttpRequest) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise WrongVersion(
            f"This portal speaks tus {VERSION}. Nothing was kept.", help=f"Send “Tus-Resumable: {VERSION}”."
        )


def announced(request: HttpRequest) -> Announced:
    if "Upload-Defer-Length" in request.headers:
        raise WrongHeader("The length has to be known when an upload begins; Upload-Defer-Length is not understood.")
    told = metadata(request.headers.get("Upload-Metadata", ""))
    name = next((told[word] for word in _FILENAME if told.get(word)), "")
    claimed = next((told[word] for word in _TYPE if told.get(word)), "")
    rest = {word: text for word, text in told.items() if word not in (*_FILENAME, *_TYPE, "sha256")}
    sha256 = told.get("sha256", "").strip().lower()
    if sha256 and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
        raise WrongHeader("The metadata's sha256 is not a SHA-256 in hex.", fields={"sha256": ["64 hex digits."]})
    return Announced(name, claimed, sha256, number(request, "Upload-Length"), rest)


def metadata(text: str) -> dict[str, str]:
    """`Upload-Metadata`: keys with values in base64. Raises WrongHeader for what is no such list of texts."""
    if len(text) > METADATA_MOST:
        raise WrongHeader(f"Upload-Metadata has more than {METADATA_MOST:,} characters.")
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise WrongHeader(
                f"Upload-Metadata can't be read at “{key[:60]}”: a text in base64 is expected."
            ) from error
    return found


def number(request: HttpRequest, header: str) -> int:
    text = request.headers.get(header, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MOST):
        raise WrongHeader(f"{header} is missing or no whole number.", fields={header: ["A number of bytes."]})
    return int(text)


def checksum(request: HttpRequest) -> tuple[str, bytes] | None:
    """`Upload-Checksum`, as algorithm and digest."""
    text = request.headers.get("Upload-Checksum", "").strip()
    if not text:
        return None
    algorithm, _, value = text.partition(" ")
    try:
        digest = base64.b64decode(value.strip(), validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != ALGORITHMS.get(algorithm, -1):
        raise WrongHeader(f"Upload-Checksum can't be read: one of {', '.join(ALGORITHMS)}, and its digest in base64.")
    return algorithm, digest


def refuse_other_types(request: HttpRequest) -> None:
    if (request.content_type or "") != CONTENT_TYPE:
        raise WrongType(f"A piece is sent as {CONTENT_TYPE}. Nothing of it was kept.")


def state_of(upload: Upload) -> dict[str, str]:
    """The headers that say where an upload stands; once it is recorded, as which evidence."""
    headers = {
        "Upload-Offset": str(upload.offset),
        "Upload-Length": str(upload.length),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
    }
    given = {"filename": upload.filename, "sha256": upload.expected_sha256}
    pairs = [f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in given.items() if text]
    headers["Upload-Metadata"] = ",".join(pairs)
    if upload.artifact is not None:
        headers["Clearhold-Evidence"] = upload.artifact.ref
    return headers


def values_of(told: dict[str, str]) -> QueryDict:
    """What was stated, in the shape that an ordinary upload's fields have."""
    values = QueryDict(mutable=True)
    for name, text in told.items():
        values[name] = text
    return values


def refuse_unfit(told: dict[str, str], filename: str) -> None:
    """Raise for facts that could not be recorded, before a byte was sent rather than after the last."""
    values = values_of(told)
    about: VersionFacts = uploads.facts_from(values)
    title = uploads.first(values, "title") or filename[:TITLE_LIMIT] or "unnamed"
    check(about, title=title, kind=uploads.first(values, "kind") or EvidenceKind.REPORT)
    if ref := uploads.first(values, "artifact"):
        version, found = uploads.first(values, "version"), artifacts.artifact(ref)
        if version and version != str(found.version):
            raise Stale(f"{found.ref} was changed meanwhile. Look at it again; nothing was sent.")
    for ref in uploads.several(values, "control"):
        if not Control.objects.filter(ref=ref.upper()).exists():
            raise Invalid(f"There is no control {ref} here.", fields={"control": ["Choose one of the list."]})
    for ref in uploads.several(values, "finding"):
        if not Finding.objects.filter(ref=ref.upper()).exists():
            raise Invalid(f"There is no finding {ref} here.", fields={"finding": ["Unknown."]})
    for ref in uploads.several(values, "task"):
        task_named(ref)


def record(actor: Any, received: Received, upload: Upload) -> Artifact:
    """Record the whole file as an ordinary upload would be. Its version was compared when it began."""
    values = values_of({name: text for name, text in upload.told.items() if name != "version"})
    return keep(actor, received, values, about=uploads.facts_from(values))
