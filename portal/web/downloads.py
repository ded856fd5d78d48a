"""Evidence on its way out: as an attachment that no browser runs, decrypted while it streams, an event each time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from evidence.artifacts import services as artifacts
from evidence.artifacts.models import ArtifactVersion
from evidence.errors import Unavailable
from evidence.vault import checking
from evidence.vault import services as vault
from portal.accounts.stepping_up import afterwards
from portal.edge.tenancy import keeping_record

SANDBOX = "sandbox; default-src 'none'"
# What a browser can't act on even if it ignored the attachment; everything else goes out as plain bytes.
HARMLESS = frozenset({"text/csv", "text/plain", "application/json", "application/pdf", "application/zip"})
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True)
class Span:
    start: int
    length: int


def record(request: HttpRequest, version_id: UUID, *, engagement: Any = None, reason: str = "") -> ArtifactVersion:
    """Leave the download's event; an auditor's goes through the one path on which their request may write."""
    actor = request.actor  # type: ignore[attr-defined]
    if not request.organization.is_auditor:  # type: ignore[attr-defined]
        return artifacts.record_download(version_id, actor=actor, reason=reason, engagement=engagement)
    with keeping_record(request):
        return artifacts.record_download(version_id, actor=actor, reason=reason, engagement=engagement)


def serve(request: HttpRequest, version: ArtifactVersion) -> HttpResponseBase:
    """The original bytes of a version whose download is recorded, whole or the range asked for."""
    span = wanted(request.headers.get("Range", ""), version.size)
    if span is None:
        refused = HttpResponse(status=416)
        refused["Content-Range"] = f"bytes */{version.size}"
        return refused
    is_part = span.length != version.size
    response = StreamingHttpResponse(_pieces(request, version, span), status=206 if is_part else 200)
    response["Content-Type"] = version.mime if version.mime in HARMLESS else "application/octet-stream"
    response["Content-Length"] = str(span.length)
    response["Content-Disposition"] = content_disposition_header(True, version.filename) or "attachment"
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = f'"{version.sha256}"'
    if is_part:
        response["Content-Range"] = f"bytes {span.start}-{span.start + span.length - 1}/{version.size}"
    else:
        response["X-SHA256"] = version.sha256
    return private(response)


def private(response: HttpResponseBase) -> HttpResponseBase:
    """The headers that keep evidence from being run, guessed at or kept by anything between."""
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = SANDBOX
    response["Cache-Control"] = "private, no-store"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def wanted(header: str, size: int) -> Span | None:
    """The one range asked for; all of it without a header or with one we don't serve; None when it can't be met."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or header.count(",") or found.groups() == ("", ""):
        return Span(0, size)
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        return Span(size - length, length) if length else None
    start = int(first)
    if start >= size or (last and int(last) < start):
        return None
    return Span(start, min(int(last or size), size - 1) - start + 1)


def _pieces(request: HttpRequest, version: ArtifactVersion, span: Span) -> Iterator[bytes]:
    is_whole = span.length == version.size
    try:
        pieces = vault.open(version.blob) if is_whole else vault.open(version.blob, span.start, span.length)
    except Unavailable as refusal:
        # The refusal takes the request's transaction with it; the alarm must stay.
        afterwards(request, partial(checking.note_damage, version.blob, refusal))
        raise
    return checking.handed_out(version.blob, pieces)
