"""`evidence/`: push a file from anywhere with one command, list, read, download, judge.

    curl --fail-with-body -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/octet-stream" \\
      --data-binary @report.csv \\
      "$BASE/api/v1/organizations/$SLUG/evidence/?filename=report.csv&title=Leavers&kind=report&control=AC-01"

or, for files of any size, which curl then reads piece by piece:

    curl --fail-with-body -H "Authorization: Bearer $TOKEN" -T report.csv \\
      "$BASE/api/v1/organizations/$SLUG/evidence/?title=Leavers&kind=report&control=AC-01"
"""

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence import crashing
from evidence.actors import noting_rights
from evidence.artifacts import holding, queries
from evidence.artifacts import services as artifacts
from evidence.artifacts.flags import flags_of
from evidence.artifacts.models import Artifact, ArtifactLink, ArtifactVersion, ScanState
from evidence.errors import Invalid, Refused
from evidence.intake.services import Received
from portal.api import idempotency
from portal.api.views import NounView, OwnTransactionView, cursor_of, versioned
from portal.edge.tenancy import inside
from portal.web import downloads, uploads
from portal.web.evidence import keep


class EvidenceVersionOut(serializers.ModelSerializer[ArtifactVersion]):
    type = serializers.CharField(source="mime")
    collector = serializers.UUIDField(source="collector_id", allow_null=True)
    uploaded_by = serializers.UUIDField(source="uploaded_by_id", allow_null=True)
    scan_state = serializers.ChoiceField(choices=ScanState.choices, help_text="What the malware scan found.")
    is_held = serializers.BooleanField(help_text="Whether it waits for a decision about personal data.")
    personal_data = serializers.SerializerMethodField(help_text="What may be personal data: kinds, places, counts.")

    def get_personal_data(self, version: ArtifactVersion) -> list[str]:
        hold = holding.hold_of(version)
        return [place.sentence for place in hold.places] if hold else []

    class Meta:
        model = ArtifactVersion
        fields = [
            "number",
            "filename",
            "size",
            "sha256",
            "type",
            "period_from",
            "period_to",
            "as_of",
            "collected_at",
            "received_at",
            "collector",
            "uploaded_by",
            "method",
            "source_system",
            "is_production",
            "query",
            "tool_version",
            "row_count",
            "ipe",
            "note",
            "scan_state",
            "is_held",
            "personal_data",
            "intake_notes",
        ]
        read_only_fields = fields


class EvidenceLinkOut(serializers.ModelSerializer[ArtifactLink]):
    type = serializers.CharField(source="target_type")
    ref = serializers.CharField(source="target_ref")

    class Meta:
        model = ArtifactLink
        fields = ["type", "ref", "closing", "created_at"]
        read_only_fields = fields


class ArtifactOut(serializers.ModelSerializer[Artifact]):
    latest = EvidenceVersionOut(read_only=True)
    links = EvidenceLinkOut(many=True, read_only=True)

    class Meta:
        model = Artifact
        fields = ["id", "ref", "title", "kind", "state", "version", "created_at", "fresh_until", "latest", "links"]
        read_only_fields = fields


class EvidenceReviewIn(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(choices=["accepted", "returned", "released"])
    number = serializers.IntegerField(min_value=1, help_text="The file version that was looked at.")
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


_FACTS = {
    "filename": "The file's name, shown and never used as a path.",
    "title": "What it shows; the file's name when left out.",
    "kind": "config, log, ticket, screenshot, report, attestation or policy.",
    "artifact": "Public id of evidence to which this is a new version.",
    "control": "Public id of a control it serves; may be given several times.",
    "finding": "Public id of a finding it is given to close; keeps your hand on that finding.",
    "task": "Public id of a remediation task it is given for; keeps your hand on its finding.",
    "owed": "The key of what the task owes and this answers; may be given several times.",
    "period_from": "First day covered.",
    "period_to": "Last day covered.",
    "as_of": "The moment at which it was true.",
    "collected_at": "When it was taken from the source; now when left out.",
    "source_system": "Where it comes from.",
    "is_production": "yes or no.",
    "method": "export, api, screenshot, interview, generated or other.",
    "query": "The query or command that made it.",
    "tool_version": "The tool that made it.",
    "row_count": "How many rows it has.",
}
_PARAMETERS = [OpenApiParameter(name, str, description=words) for name, words in _FACTS.items()]
_PARAMETERS += [
    OpenApiParameter("X-SHA256", str, OpenApiParameter.HEADER, description="The file's SHA-256 in hex; checked."),
    OpenApiParameter("Content-Digest", str, OpenApiParameter.HEADER, description="The same by RFC 9530."),
    OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="Repeats answer as the first."),
]
_FILTERS = [
    OpenApiParameter(name, str) for name in ("state", "kind", "control", "from", "to", "stale", "q", "cursor", "limit")
]


class Push(OwnTransactionView):
    """A view that receives files: it stands outside the request's transaction and seals while it reads."""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # Signing in by session reads the form to find its token; its files must go to the vault by then.
        if request.method == "POST" and uploads.is_form(request) and getattr(request, "actor", None):
            request.actor.require("evidence.upload")  # type: ignore[attr-defined]
            self.handler = uploads.sealing_form(request)
        return super().initialize_request(request, *args, **kwargs)

    def receive(self, request: HttpRequest, filename: str = "") -> Response:
        """Receive the body, raw or as a form with one file, and record it."""
        values: Any = uploads.stated(request)
        if filename:
            values["filename"] = filename
        if not uploads.is_form(request):
            about = uploads.facts_from(values)
            received = uploads.receive_raw(request, filename=uploads.first(values, "filename"))
            return self._recorded(request, received, values, about)
        try:
            files = [file for field in request.FILES for file in request.FILES.getlist(field)]
            self.handler.refuse_incomplete()
            if len(files) != 1:
                raise Invalid(f"Send one file, not {len(files)}.", fields={"file": ["One file is expected."]})
            for name, told in request.POST.lists():
                values.setlist(name, told)
            about = uploads.facts_from(values)
            received = uploads.examined(files[0], expected=uploads.expected_sha256(request))
        except BaseException:
            self.handler.abandon()
            raise
        return self._recorded(request, received, values, about)

    def _recorded(self, request: HttpRequest, received: Received, values: Any, about: Any) -> Response:
        try:
            with inside(request):
                answer = self._once(request, received, values, about)
        except Refused as refusal:
            uploads.discarding([received], refusal)
            raise
        crashing.point("upload.committed")
        return answer

    def _once(self, request: HttpRequest, received: Received, values: Any, about: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        asked = sorted((name, values.getlist(name)) for name in values)
        if key:
            sha256 = idempotency.fingerprint("POST", request.path, [asked, received.sealed.sha256])
            kept = idempotency.begin(key, actor=self.actor, sha256=sha256)
            if kept is not None:
                uploads.forget(received)
                headers = {**kept.headers, "Idempotency-Replayed": "true"}
                return Response(kept.body, status=kept.status, headers=headers)
        with noting_rights() as rights:
            artifact = keep(self.actor, received, values, about=about)
        response = versioned(ArtifactOut(artifact).data, artifact.version, 201)
        response["Location"] = f"{request.path.rstrip('/')}/{artifact.ref}/"
        if key:
            headers = {name: response[name] for name in ("ETag", "Location")}
            idempotency.keep(key, actor=self.actor, status=201, body=response.data, headers=headers, rights=rights)
        return response


class EvidenceView(Push):
    serializer_class = ArtifactOut
    permission_needed = {"GET": "evidence.view", "POST": "evidence.upload"}

    @extend_schema(
        operation_id="organizations_evidence_list",
        parameters=_FILTERS,
        responses=inline_serializer(
            "EvidencePage", {"results": ArtifactOut(many=True), "next": serializers.CharField(allow_null=True)}
        ),
    )
    def get(self, request: Request) -> Response:
        """Evidence, newest first."""
        given = request.query_params.dict()
        with inside(request._request):
            after = self.after()
            if after is not None and not isinstance(after, int):
                raise Invalid("The cursor can't be read.", fields={"cursor": ["Use the “next” of a page."]})
            filters = queries.filters_from({**given, "after": "" if after is None else str(after)})
            page = queries.evidence(filters, rows=self.page_size())
            following = None if page.next_before is None else cursor_of(page.next_before)
            return Response({"results": ArtifactOut(page.rows, many=True).data, "next": following})

    @extend_schema(
        parameters=_PARAMETERS,
        request={"application/octet-stream": OpenApiTypes.BINARY, "multipart/form-data": OpenApiTypes.OBJECT},
        responses={201: ArtifactOut},
    )
    def post(self, request: Request) -> Response:
        """Push one file as new evidence, or as a version of `artifact`. The file is sealed while it arrives."""
        return self.receive(request._request)


class NamedFileView(Push):
    """`curl -T report.csv …/evidence/?title=…`: curl puts the file's name at the end of the address."""

    serializer_class = ArtifactOut
    permission_needed = {"*": "evidence.upload"}

    @extend_schema(
        parameters=_PARAMETERS, request={"application/octet-stream": OpenApiTypes.BINARY}, responses={201: ArtifactOut}
    )
    def put(self, request: Request, filename: str) -> Response:
        """Push one file under its name; the same as posting it, and new evidence each time."""
        return self.receive(request._request, filename=filename)

    @extend_schema(exclude=True)
    def post(self, request: Request, filename: str) -> Response:
        return self.receive(request._request, filename=filename)


class OneEvidenceView(NounView):
    serializer_class = ArtifactOut
    permission_needed = {"*": "evidence.view"}

    def get(self, request: Request, ref: str) -> Response:
        """One piece of evidence with its versions, reviews and what weakens it."""
        found = queries.artifact(ref)
        data = dict(ArtifactOut(found).data)
        data["versions"] = EvidenceVersionOut(found.versions.all(), many=True).data
        data["reviews"] = [
            {"number": row.reviewed.number, "verdict": row.verdict, "reason": row.reason, "person": row.person_id}
            for row in found.reviews.select_related("reviewed")
        ]
        if found.latest is not None:
            data["flags"] = [
                {"code": flag.code, "sentence": flag.sentence, "stops": flag.stops}
                for flag in flags_of(found, found.latest)
            ]
        return versioned(data, found.version)


class ReviewView(NounView):
    serializer_class = EvidenceReviewIn
    permission_needed = {"POST": "evidence.review"}

    @extend_schema(request=EvidenceReviewIn, responses=ArtifactOut)
    def post(self, request: Request, ref: str) -> Response:
        """Accept, return with words, or release from quarantine."""
        form = EvidenceReviewIn(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        act = {"accepted": artifacts.accept, "returned": artifacts.give_back, "released": artifacts.release}

        def judged() -> Response:
            found = queries.artifact(ref)
            act[given["verdict"]](found.pk, number=given["number"], reason=given["reason"], actor=self.actor)  # type: ignore[operator]
            found = queries.artifact(ref)
            return versioned(ArtifactOut(found).data, found.version)

        return self.once(judged)


class OriginalView(NounView):
    permission_needed = {"GET": "evidence.download"}

    @extend_schema(responses={(200, "*/*"): OpenApiTypes.BINARY, (206, "*/*"): OpenApiTypes.BINARY})
    def get(self, request: Request, ref: str, number: int) -> HttpResponseBase:
        """The original bytes; `Range` is understood. Leaves an event."""
        version = downloads.record(request._request, queries.version(ref, number).pk)
        return downloads.serve(request._request, version)


_push, _put = EvidenceView.as_view(), NamedFileView.as_view()
for _view in (_push, _put):
    _view.outside_transaction = True  # type: ignore[attr-defined]

urlpatterns = [
    path("evidence/", _push, name="api-evidence"),
    path("evidence/<str:filename>", _put, name="api-evidence-file"),
    path("evidence/<str:ref>/", OneEvidenceView.as_view(), name="api-evidence-one"),
    path("evidence/<str:ref>/review/", ReviewView.as_view(), name="api-evidence-review"),
    path("evidence/<str:ref>/versions/<int:number>/original", OriginalView.as_view(), name="api-evidence-original"),
]
