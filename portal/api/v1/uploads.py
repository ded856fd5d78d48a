"""`uploads/`: a file in pieces by tus 1.0, so that it goes on after a break; any tus client can send it.

    POST uploads/ with Upload-Length and Upload-Metadata gives a Location; HEAD it for Upload-Offset; PATCH from there.

The metadata carry what an ordinary push states in its query: title, kind, control, finding, task, period_from and so on,
and `sha256`, the whole file's digest, which is checked at the end. With the last piece the evidence is recorded.
"""

from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence import crashing
from evidence.errors import Refused
from evidence.intake.services import DigestDiffers
from evidence.uploads import services as uploads
from evidence.uploads.models import State, Upload
from evidence.uploads.parts import Piece
from portal.api import idempotency
from portal.api.views import OwnTransactionView
from portal.edge.tenancy import inside
from portal.web import tus
from portal.web.uploads import Body, discarding, limit_of


class UploadOut(serializers.ModelSerializer[Upload]):
    evidence = serializers.CharField(source="artifact.ref", default=None, allow_null=True)

    class Meta:
        model = Upload
        fields = ["id", "filename", "length", "offset", "state", "created_at", "expires_at", "evidence"]
        read_only_fields = fields


_TUS = OpenApiParameter("Tus-Resumable", str, OpenApiParameter.HEADER, description="1.0.0")
_CREATION = [
    _TUS,
    OpenApiParameter("Upload-Length", int, OpenApiParameter.HEADER, description="The file's size in bytes."),
    OpenApiParameter("Upload-Metadata", str, OpenApiParameter.HEADER, description="Keys with values in base64."),
    OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="Repeats answer as the first."),
]
_PIECE = [
    _TUS,
    OpenApiParameter("Upload-Offset", int, OpenApiParameter.HEADER, description="Where the piece begins."),
    OpenApiParameter("Upload-Checksum", str, OpenApiParameter.HEADER, description="sha256 and its digest in base64."),
]


class TusView(OwnTransactionView):
    """A view that speaks tus: every answer, also a refusal, says so and where the upload stands when that matters."""

    def finalize_response(self, request: HttpRequest, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Tus-Resumable"] = tus.VERSION
        if response.status_code == 412:
            response["Tus-Version"] = tus.VERSION
        given = response.data if isinstance(response.data, dict) else {}
        if response.status_code >= 400 and isinstance(given.get("offset"), int):
            response["Upload-Offset"] = str(given["offset"])
        return response


class UploadsView(TusView):
    serializer_class = UploadOut
    permission_needed = {"*": "evidence.upload"}

    @extend_schema(
        operation_id="organizations_uploads_list",
        responses=inline_serializer("UploadList", {"results": UploadOut(many=True)}),
    )
    def get(self, request: Request) -> Response:
        """Your own uploads that can be gone on with, newest first."""
        with inside(request._request):
            rows = uploads.under_way(actor=self.actor)
            return Response({"results": UploadOut(rows, many=True).data})

    @extend_schema(parameters=_CREATION, request=None, responses={201: UploadOut})
    def post(self, request: Request) -> Response:
        """Begin an upload. An empty file is recorded at once."""
        tus.refuse_other_versions(request._request)
        announced = tus.announced(request._request)
        limit = limit_of(request._request)
        with inside(request._request):
            upload, replayed = self._begun(request, announced, limit)
        if upload.length == 0 and upload.state == State.RECEIVING:
            upload = _completed(request._request, self.actor, upload, None)
        response = Response(UploadOut(upload).data, status=201, headers=tus.state_of(upload))
        response["Location"] = f"{request.path.rstrip('/')}/{upload.pk}/"
        response["Tus-Version"], response["Tus-Extension"] = tus.VERSION, tus.EXTENSIONS
        response["Tus-Max-Size"], response["Tus-Checksum-Algorithm"] = str(limit), ",".join(tus.ALGORITHMS)
        if replayed:
            response["Idempotency-Replayed"] = "true"
        return response

    def _begun(self, request: Request, announced: tus.Announced, limit: int) -> tuple[Upload, bool]:
        key = request.headers.get("Idempotency-Key", "")
        if key:
            asked = [announced.filename, announced.sha256, announced.length, sorted(announced.told.items())]
            sha256 = idempotency.fingerprint("POST", request.path, asked)
            kept = idempotency.begin(key, actor=self.actor, sha256=sha256)
            if kept is not None:
                return uploads.found(UUID(kept.body["id"]), actor=self.actor), True
        tus.refuse_unfit(announced.told, announced.filename)
        upload = uploads.begin(
            filename=announced.filename,
            claimed_mime=announced.claimed_mime,
            expected_sha256=announced.sha256,
            told=announced.told,
            length=announced.length,
            limit_bytes=limit,
            actor=self.actor,
        )
        if key:
            idempotency.keep(key, actor=self.actor, status=201, body={"id": str(upload.pk)}, headers={})
        return upload, False


class OneUploadView(TusView):
    serializer_class = UploadOut
    permission_needed = {"*": "evidence.upload"}
    found: Upload

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # Before anything else is read: to another person an upload gives one answer, whatever they send.
        with inside(request._request):
            self.found = uploads.found(kwargs["upload"], actor=self.actor)

    def get(self, request: Request, upload: UUID) -> Response:
        """Where the upload stands (HEAD: in headers alone), and once it is recorded, as which evidence."""
        if request.method == "HEAD":
            tus.refuse_other_versions(request._request)
            uploads.refuse_gone(self.found)
        headers = tus.state_of(self.found) | {"Cache-Control": "no-store"}
        return Response(UploadOut(self.found).data, headers=headers)

    @extend_schema(parameters=_PIECE, request={tus.CONTENT_TYPE: OpenApiTypes.BINARY}, responses={204: None})
    def patch(self, request: Request, upload: UUID) -> Response:
        """Send the piece that begins where the upload stands. The last one records the evidence."""
        plain = request._request
        tus.refuse_other_versions(plain)
        tus.refuse_other_types(plain)
        offset, checksum = tus.number(plain, "Upload-Offset"), tus.checksum(plain)
        body = Body(plain, _length_of(plain), keeps_what_came=checksum is None)
        if self.found.state == State.RECORDED and offset + (body.announced or 0) == self.found.length:
            body.drain()
            return _done(self.found)
        with inside(plain):
            found = uploads.expected(upload, offset=offset, announced=body.announced, actor=self.actor)
        piece = uploads.write(found, body, offset=offset, checksum=checksum)
        return _done(self._kept(plain, found, piece))

    def _kept(self, request: HttpRequest, upload: Upload, piece: Piece) -> Upload:
        if piece.size == 0 and upload.offset < upload.length:
            uploads.discard(piece)
            return upload
        if piece.start + piece.size == upload.length:
            return _completed(request, self.actor, upload, piece)
        try:
            with inside(request):
                kept = uploads.keep(upload.pk, piece, actor=self.actor)
        except Refused:
            uploads.discard(piece)
            raise
        crashing.point("upload.piece_committed")
        return kept

    @extend_schema(parameters=[_TUS], responses={204: None})
    def delete(self, request: Request, upload: UUID) -> Response:
        """Give the upload up; what had come is removed."""
        tus.refuse_other_versions(request._request)
        with inside(request._request):
            uploads.stop(upload, actor=self.actor)
        return Response(status=204)


def _length_of(request: HttpRequest) -> int | None:
    text = request.META.get("CONTENT_LENGTH") or ""
    return int(text) if text.isdigit() else None


def _completed(request: HttpRequest, actor: Any, upload: Upload, last: Piece | None) -> Upload:
    """Join, examine and record. What is refused here leaves the upload where it stood before the last piece."""
    try:
        with inside(request):
            pieces = uploads.pieces_of(upload)
        received = uploads.joined(upload, [*pieces, last] if last else pieces)
        try:
            with inside(request):
                done = uploads.finish(upload.pk, last, actor=actor, record=partial(tus.record, actor, received))
        except Refused as refusal:
            discarding([received], refusal)
            raise
    except DigestDiffers:
        # It would differ for ever: the pieces are what they are.
        with inside(request):
            uploads.stop(upload.pk, actor=actor)
        _discard(last)
        raise
    except Refused:
        _discard(last)
        raise
    crashing.point("upload.committed")
    return done


def _discard(piece: Piece | None) -> None:
    if piece is not None:
        uploads.discard(piece)


def _done(upload: Upload) -> Response:
    return Response(status=204, headers=tus.state_of(upload))


_all, _one = UploadsView.as_view(), OneUploadView.as_view()
for _view in (_all, _one):
    _view.outside_transaction = True  # type: ignore[attr-defined]

urlpatterns = [
    path("uploads/", _all, name="api-uploads"),
    path("uploads/<uuid:upload>/", _one, name="api-upload"),
]
