"""`imports/`: a file's dry run, and the import as a job."""

import io
from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.errors import Invalid, TooLarge
from portal.api.v1.jobs import JobOut
from portal.api.views import NounView
from portal.jobs import services as jobs
from remediation.importers import services
from remediation.importers.jobs import KIND
from remediation.importers.reader import limits


class AnyFile(BaseParser):
    """The body is the file itself, whatever it says of its kind."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream


class RowOut(serializers.Serializer):
    row = serializers.IntegerField()
    outcome = serializers.CharField()
    reason = serializers.CharField()
    title = serializers.CharField()
    severity = serializers.CharField()
    ref = serializers.CharField()


class PreviewOut(serializers.Serializer):
    counts = serializers.JSONField()
    total = serializers.IntegerField()
    rows = RowOut(many=True)
    is_repeat = serializers.BooleanField()


_PARAMETERS = [
    OpenApiParameter("name", str, description="The file's name."),
    OpenApiParameter("format", str, description="Leave out to detect it."),
    OpenApiParameter("dry_run", bool, description="Say what would happen and save nothing."),
    OpenApiParameter("only", str, description="Rows of one outcome, for a dry run."),
    OpenApiParameter("offset", int),
]


class ImportsView(NounView):
    permission_needed = {"*": "findings.import"}
    parser_classes = [AnyFile]

    @extend_schema(
        request=OpenApiTypes.BINARY, responses={200: PreviewOut, 202: JobOut}, parameters=_PARAMETERS,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Import the body as a job (202), or with `dry_run=1` say per row what it would do (200)."""
        asked = request.query_params
        how = {"name": asked.get("name", "")[:255], "format": asked.get("format", "")[:40] or None}
        held = services.hold(_limited(request), actor=self.actor)
        if asked.get("dry_run", "") in ("1", "true"):
            offset = int(asked["offset"]) if asked.get("offset", "").isdigit() else 0
            seen = services.preview(
                held, actor=self.actor, only=asked.get("only", ""), offset=offset, limit=self.page_size(), **how
            )
            names = list(RowOut().fields)
            rows = [{name: getattr(row, name) for name in names} for row in seen.rows]
            return Response(
                {"counts": seen.counts.as_json(), "total": seen.total, "rows": rows, "is_repeat": seen.is_repeat}
            )
        title = f"Import of {how['name'] or 'a file'}"
        job = jobs.enqueue(KIND, actor=self.actor, title=title, args={"blob": str(held.pk), **how})
        return Response(JobOut(job).data, status=202)


def _limited(request: Request) -> io.BufferedIOBase:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) == 0:
        raise Invalid("The body is empty. Send the file as the body.")
    if int(length) > limits.FILE_BYTES:
        raise TooLarge(f"A file to import has at most {limits.FILE_BYTES:,} bytes.")
    return request._request  # type: ignore[return-value]


urlpatterns = [path("imports/", ImportsView.as_view(), name="api-imports")]
