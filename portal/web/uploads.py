"""Files on their way in: sealed while they are received, past Django's parser, whether they come raw or in a form.

Nothing plain is ever written to disk. A stream that breaks, is too large or differs from its digest leaves nothing.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import IO, Any
from urllib.parse import unquote
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, QueryDict, UnreadablePostError
from django.utils.datastructures import MultiValueDict

from evidence.artifacts import queries as artifacts
from evidence.artifacts.facts import IPE_QUESTIONS, VersionFacts
from evidence.artifacts.models import Method
from evidence.errors import Invalid, Refused, TooLarge
from evidence.intake import services as intake
from evidence.vault import services as vault
from portal.edge.tenancy import inside
from portal.web import bodies

PIECE_BYTES = 1024 * 1024
FORM_ALLOWANCE_BYTES = 1024 * 1024
FORM_FILES = 20

Values = Mapping[str, Any]


class Interrupted(Invalid):
    """Fewer or more bytes came than were announced."""

    code = "upload_interrupted"


class SealedFile(UploadedFile):
    """A file of a form that stands sealed in the store; its plain bytes are not kept here."""

    def __init__(self, sealed: vault.Sealed, *, name: str, content_type: str) -> None:
        super().__init__(file=None, name=name, content_type=content_type, size=sealed.size)  # type: ignore[arg-type]
        self.sealed = sealed
        self.given_name = name

    def close(self) -> None:
        """There is nothing open."""


class SealingUploadHandler(FileUploadHandler):
    """Django's parser hands every piece of a file here; it goes into the vault and nowhere else."""

    chunk_size = 256 * 1024

    def __init__(self, request: HttpRequest, *, organization_id: UUID, limit_bytes: int) -> None:
        super().__init__(request)
        self._organization_id, self._limit_bytes = organization_id, limit_bytes
        self._writing: vault.Writing | None = None
        self.kept: list[SealedFile] = []
        self._announced: int | None = None
        self._came = 0

    def watch(self, request: HttpRequest, announced: int | None) -> None:
        """Count what is read of the body: Django takes a form that breaks off for a complete one."""
        read = request.read
        self._announced = announced

        def counted(*args: Any, **kwargs: Any) -> bytes:
            piece = read(*args, **kwargs)
            self._came += len(piece)
            return piece

        request.read = counted  # type: ignore[method-assign]

    def refuse_incomplete(self) -> None:
        if self._announced is not None and self._came != self._announced:
            raise Interrupted(
                f"{self._came} of {self._announced} announced bytes arrived. Nothing of the form was kept.",
                help="Send it again.",
            )

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if len(self.kept) >= FORM_FILES:
            raise Invalid(f"A form takes up to {FORM_FILES} files at once. None of them was kept.")
        self._writing = vault.begin(organization_id=self._organization_id, limit_bytes=self._limit_bytes)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._writing is not None:
            self._writing.write(raw_data)

    def file_complete(self, file_size: int) -> SealedFile | None:
        if self._writing is None:
            return None
        sealed, self._writing = self._writing.finish(), None
        found = SealedFile(sealed, name=self.file_name or "", content_type=self.content_type or "")
        self.kept.append(found)
        return found

    def upload_interrupted(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        """Remove everything this request brought; its rows must be certain not to be committed."""
        if self._writing is not None:
            self._writing.abandon()
            self._writing = None
        while self.kept:
            vault.discard(self.kept.pop().sealed)


def limit_of(request: HttpRequest) -> int:
    """The organization's limit for one file, read in a short transaction of its own."""
    with inside(request):
        return artifacts.upload_limit_bytes(request.organization.id)  # type: ignore[attr-defined]


def refuse_announced_size(request: HttpRequest, limit_bytes: int) -> int | None:
    """The announced length, or None. A length over the limit is refused before a byte is read."""
    text = request.META.get("CONTENT_LENGTH") or ""
    if not text.isdigit():
        return None
    announced = int(text)
    if announced > limit_bytes + (FORM_ALLOWANCE_BYTES if is_form(request) else 0):
        raise TooLarge(
            f"Files may have up to {vault.readable(limit_bytes)} here, and {vault.readable(announced)} were announced. "
            "Nothing was read.",
            help="Split it, or ask an administrator to raise the limit.",
            details={"limit_bytes": limit_bytes},
        )
    return announced


def is_form(request: HttpRequest) -> bool:
    return (request.content_type or "") == "multipart/form-data"


def receive_raw(request: HttpRequest, *, filename: str) -> intake.Received:
    """Store the request's body as one file, checking length and digest when they were sent."""
    limit = limit_of(request)
    announced = refuse_announced_size(request, limit)
    expected = expected_sha256(request)
    source = Body(request, announced)
    organization_id = request.organization.id  # type: ignore[attr-defined]
    sealed = vault.store(source, organization_id=organization_id, limit_bytes=limit)
    claimed = request.headers.get("X-File-Type", "") or request.content_type or ""
    return intake.examine(sealed, filename=filename, claimed_mime=claimed, expected_sha256=expected)


class Body:
    """The request's body as a stream that notices when the sender goes away before the end.

    That is refused, or, for a file that comes in pieces, the end of this piece: `keeps_what_came`.
    """

    def __init__(self, request: HttpRequest, announced: int | None, *, keeps_what_came: bool = False) -> None:
        self.announced, self._read, self._keeps = announced, 0, keeps_what_came
        self._take: Callable[[int], Any] = bodies.reader_of(request) or request.read
        # Without a length the body is chunked: only a server that marks the end itself can be read to it.
        if announced is None and request.environ.get("wsgi.input_terminated"):  # type: ignore[attr-defined]
            stream: IO[bytes] = request.environ["wsgi.input"]  # type: ignore[attr-defined]
            self._take = stream.read

    def read(self, size: int, /) -> Any:
        """Up to `size` bytes, which stand until the next call."""
        try:
            piece = self._take(size)
        except (UnreadablePostError, OSError) as error:
            if self._keeps:
                return b""
            raise Interrupted("The connection broke before the file was complete. Nothing of it was kept.") from error
        self._read += len(piece)
        if not piece and not self._keeps and self.announced is not None and self._read != self.announced:
            raise Interrupted(
                f"{self._read} of {self.announced} announced bytes arrived. Nothing of the file was kept.",
                help="Send it again.",
            )
        return piece

    def drain(self) -> None:
        """Read and drop what is left, so that the answer reaches a sender who is still sending."""
        while self.read(PIECE_BYTES):
            pass


def sealing_form(request: HttpRequest) -> SealingUploadHandler:
    """Make Django's parser seal the files of this form. Call it before anything reads the body."""
    limit = limit_of(request)
    announced = refuse_announced_size(request, limit)
    organization_id = request.organization.id  # type: ignore[attr-defined]
    handler = SealingUploadHandler(request, organization_id=organization_id, limit_bytes=limit)
    handler.watch(request, announced)
    request.upload_handlers = [handler]
    return handler


def examined(file: SealedFile, *, expected: str = "") -> intake.Received:
    return intake.examine(
        file.sealed, filename=file.given_name, claimed_mime=file.content_type or "", expected_sha256=expected
    )


def expected_sha256(request: HttpRequest) -> str:
    """The digest the sender computed: `X-SHA256` in hex, or `Content-Digest` of RFC 9530. Empty without one."""
    headers = request.headers
    given = (headers.get("X-SHA256") or headers.get("X-Client-SHA256") or "").strip().lower()
    if given:
        if len(given) != 64 or set(given) - set("0123456789abcdef"):
            raise Invalid("X-SHA256 is not a SHA-256 in hex.", fields={"X-SHA256": ["64 hex digits."]})
        return given
    for member in request.headers.get("Content-Digest", "").split(","):
        name, _, value = member.strip().partition("=")
        if name.lower() == "sha-256":
            with suppress(binascii.Error, ValueError):
                digest = base64.b64decode(value.strip().strip(":"), validate=True)
                if len(digest) == 32:
                    return digest.hex()
            raise Invalid("Content-Digest can't be read.", fields={"Content-Digest": ["sha-256=:base64:"]})
    return ""


def stated(request: HttpRequest) -> QueryDict:
    """What a raw upload states: the query, and `X-Evidence-Facts`, a JSON object in base64url, for longer texts."""
    values = request.GET.copy()
    if name := request.headers.get("X-File-Name", ""):
        values["filename"] = unquote(name)
    given = request.headers.get("X-Evidence-Facts", "")
    if given:
        try:
            told = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
        except (binascii.Error, ValueError) as error:
            raise Invalid("X-Evidence-Facts can't be read: it is no JSON in base64url.") from error
        if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
            raise Invalid("X-Evidence-Facts is an object of texts.")
        for name, value in told.items():
            values[name] = value
    return values


def first(values: Values, name: str) -> str:
    value = values.get(name, "")
    return (value[0] if isinstance(value, list) and value else value or "").strip() if value else ""


def several(values: Values, name: str) -> list[str]:
    """A value that may be given several times, or with commas."""
    given = values.getlist(name) if isinstance(values, MultiValueDict) else [values.get(name, "")]
    return [part.strip() for value in given for part in str(value).split(",") if part.strip()]


def facts_from(values: Values) -> VersionFacts:
    """What the sender states, out of the text of a form or a query. Raises Invalid naming what can't be read."""
    wrong: dict[str, list[str]] = {}

    def read(name: str, reader: Callable[[str], Any], hint: str) -> Any:
        text = first(values, name)
        if not text:
            return None
        try:
            return reader(text)
        except ValueError:
            wrong[name] = [hint]
            return None

    day, moment = "Give a day as 2026-11-24.", "Give a time as 2026-11-24T10:58:00Z."
    facts = VersionFacts(
        period_from=read("period_from", date.fromisoformat, day),
        period_to=read("period_to", date.fromisoformat, day),
        as_of=read("as_of", _moment, moment),
        collected_at=read("collected_at", _moment, moment),
        collector_id=read("collector", UUID, "Give the person's id."),
        method=first(values, "method") or Method.EXPORT,
        source_system=first(values, "source_system"),
        is_production=read("is_production", _yes_or_no, "Say yes or no."),
        query=first(values, "query"),
        tool_version=first(values, "tool_version"),
        row_count=read("row_count", lambda text: int(text.replace(",", "").replace(" ", "")), "Give a whole number."),
        ipe={name: answer for name in IPE_QUESTIONS if (answer := _answer(first(values, name))) != ""},
        note=first(values, "note"),
    )
    if wrong:
        raise Invalid("The evidence was not recorded; some fields don't fit.", fields=wrong)
    return facts


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("yes", "no", "true", "false", "1", "0"):
        raise ValueError(text)
    return text.lower() in ("yes", "true", "1")


def _answer(text: str) -> str | bool:
    if text.lower() in ("yes", "true", "on", "no", "false"):
        return text.lower() not in ("no", "false")
    return text[:500]


def forget(received: intake.Received) -> None:
    """Remove a stored file that is not wanted after all, because its answer was given before."""
    vault.discard(received.sealed)


def discarding(received: list[intake.Received], error: BaseException) -> None:
    """After a failure: remove files whose rows are certain not to be there. Only a refusal gives that certainty."""
    if isinstance(error, Refused):
        for one in received:
            vault.discard(one.sealed)
