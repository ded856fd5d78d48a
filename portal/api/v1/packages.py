"""`packages/`: what is handed to an auditor: built by a job, reviewed by somebody else, downloaded with an event."""

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.actors import Actor
from portal.api.steps import Act, Answer, Asked, Empty, checked, step, waiting
from portal.api.v1.findings import PersonOut
from portal.api.v1.jobs import JobOut
from portal.api.views import NounView, versioned
from portal.engagements import queries as engagements
from portal.packages import delivery, languages, outlines, planning, queries, sampling
from portal.packages import services as packages
from portal.packages.models import Package, Paper, Volume
from portal.web.packages import attachment
from remediation.approvals.models import Request as ApprovalRequest


class VolumeOut(serializers.ModelSerializer[Volume]):
    """A volume of the exhibits: reading copies, stamped, and slip sheets. Its file is at `volumes/{number}`."""

    class Meta:
        model = Volume
        fields = ["number", "filename", "sha256", "size", "pages"]
        read_only_fields = fields


class PackageReleaseOut(serializers.Serializer):
    """Since when the auditors of its engagement may see it. It can't be taken back: they may have read it."""

    at = serializers.DateTimeField(source="released_at")
    by = PersonOut(source="released_by")


class PackageOut(serializers.ModelSerializer[Package]):
    engagement = serializers.CharField(source="engagement.ref")
    prepared_by = PersonOut()
    approved_by = PersonOut(allow_null=True)
    job = JobOut(allow_null=True)
    volumes = VolumeOut(many=True)
    release = PackageReleaseOut(allow_null=True)

    class Meta:
        model = Package
        fields = [
            "id",
            "ref",
            "issue",
            "version",
            "change",
            "engagement",
            "title",
            "state",
            "paper",
            "template",
            "sha256",
            "manifest_sha256",
            "snapshot_sha256",
            "size",
            "pages",
            "finding_count",
            "exhibit_count",
            "volumes",
            "ledger_size",
            "as_of",
            "built_at",
            "prepared_by",
            "approved_by",
            "approved_at",
            "sealed_at",
            "superseded_at",
            "release",
            "job",
        ]
        read_only_fields = fields


class PackagePage(serializers.Serializer):
    results = PackageOut(many=True)
    next = serializers.CharField(allow_null=True)


class WishesIn(serializers.Serializer):
    sections = serializers.ListField(
        child=serializers.ChoiceField(choices=sorted({name for one in outlines.OUTLINES for name in one.sections})),
        required=False,
        help_text="Those to print, in order. The template's fixed ones are always in it.",
    )
    finding = serializers.CharField(required=False, allow_blank=True, max_length=16, help_text="For one finding.")
    statement = serializers.CharField(required=False, allow_blank=True, max_length=planning.TEXT)
    to = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=planning.LINES * (planning.LINE + 2),
        help_text="For letters: lines.",
    )
    salutation = serializers.CharField(required=False, allow_blank=True, max_length=planning.LINE)
    signed_by = serializers.CharField(required=False, allow_blank=True, max_length=planning.LINE)
    signed_as = serializers.CharField(required=False, allow_blank=True, max_length=planning.LINE)
    changes = serializers.CharField(required=False, allow_blank=True, max_length=planning.TEXT)
    report = serializers.CharField(required=False, allow_blank=True, max_length=planning.LINE)
    seed = serializers.CharField(required=False, allow_blank=True, max_length=planning.SEED)
    seed_from = serializers.CharField(required=False, allow_blank=True, max_length=planning.LINE)
    risk = serializers.ChoiceField(choices=sampling.RISKS, required=False)
    language = serializers.ChoiceField(
        choices=languages.choices(), required=False, help_text="In which the package's own words are printed."
    )


class PackageIn(serializers.Serializer):
    engagement = serializers.CharField(max_length=16, help_text="The engagement's public id.")
    title = serializers.CharField(required=False, default="", max_length=200, allow_blank=True)
    paper = serializers.ChoiceField(
        choices=Paper.choices, required=False, default="", allow_blank=True, help_text="Left out, the organization's."
    )
    template = serializers.ChoiceField(choices=outlines.CHOICES, required=False, default=outlines.FULL.key)
    wishes = WishesIn(required=False, help_text="What the template asks for, and its sections.")
    with_restricted = serializers.BooleanField(
        required=False, default=False, help_text="Tell restricted findings that you are let in to, to every reader."
    )


class SubmitIn(serializers.Serializer):
    reason = serializers.CharField(required=False, default="", max_length=5000, allow_blank=True)


class SupersedeIn(serializers.Serializer):
    """What is left out stays as in the issue before. Wishes are given whole: those left out of them are empty."""

    change = serializers.CharField(max_length=200, help_text="What the next issue changes.")
    title = serializers.CharField(required=False, max_length=200)
    paper = serializers.ChoiceField(choices=Paper.choices, required=False)
    wishes = WishesIn(required=False)
    with_restricted = serializers.BooleanField(
        required=False, help_text="Tell restricted findings that you are let in to, to every reader."
    )


def shown(view: NounView, package_id: UUID, code: int = 200) -> Response:
    found = queries.find(view.actor, package_id)
    return versioned(PackageOut(found).data, found.version, code)


class PackagesView(NounView):
    permission_needed = {"GET": "packages.view", "POST": "packages.build"}

    @extend_schema(responses=PackagePage, parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)])
    def get(self, request: Request) -> Response:
        """Packages in the order they were started, every issue of each."""
        return self.page(
            queries.packages(self.actor).prefetch_related("volumes"),
            lambda found: list(PackageOut(found, many=True).data),
        )

    @extend_schema(request=PackageIn, responses={202: PackageOut})
    def post(self, request: Request) -> Response:
        """Build a package: answered at once with its draft and the job that prints it."""
        given = checked(PackageIn, request)

        def act() -> Response:
            engagement = engagements.find(self.actor, given.pop("engagement"))
            made = packages.build(engagement.pk, actor=self.actor, wishes=_wishes(given.pop("wishes", {})), **given)
            response = shown(self, made.pk, 202)
            response["Location"] = f"{request.path}{made.pk}/"
            return response

        return self.once(act)


class PackageView(NounView):
    permission_needed = {"*": "packages.view"}

    @extend_schema(responses=PackageOut)
    def get(self, request: Request, ref: UUID) -> Response:
        """One issue of a package with its job. ETag holds its version."""
        return shown(self, ref)


class PdfView(NounView):
    permission_needed = {"*": "packages.view"}

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY}, operation_id="packages_pdf")
    def get(self, request: Request, ref: UUID) -> HttpResponseBase:
        """The PDF as an attachment. Each download leaves an event."""
        found = queries.find(self.actor, ref)
        pieces = packages.pdf_bytes(found)
        packages.note_download(found, actor=self.actor)
        return attachment(pieces, found.filename, "application/pdf", found.size)


class ProofView(NounView):
    permission_needed = {"*": "packages.view"}

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR}, operation_id="packages_proof")
    def get(self, request: Request, ref: UUID) -> HttpResponseBase:
        """The history's proof of the PDF's SHA-256, to keep beside it."""
        found = queries.find(self.actor, ref)
        text = delivery.proof(found.recorded_by_event).encode()
        return attachment([text], f"{found.filename}.tlog-proof", "text/plain; charset=utf-8", len(text))


class PackageFormOut(serializers.Serializer):
    """A form of a package; `path` is its name in the manifest."""

    path = serializers.CharField(source="form.path")
    title = serializers.CharField(source="form.title")
    media_type = serializers.CharField(source="form.media_type")
    size = serializers.IntegerField()
    sha256 = serializers.CharField()


class PackageFormsOut(serializers.Serializer):
    results = PackageFormOut(many=True)


class FormsView(NounView):
    permission_needed = {"*": "packages.view"}

    @extend_schema(responses=PackageFormsOut, operation_id="packages_forms")
    def get(self, request: Request, ref: UUID) -> Response:
        """The other forms of a package: plan of action (XLSX, OSCAL), assessment results, register, evidence index."""
        return Response(PackageFormsOut({"results": delivery.forms_of(queries.find(self.actor, ref))}).data)


class FormView(NounView):
    permission_needed = {"*": "packages.view"}

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, operation_id="packages_form")
    def get(self, request: Request, ref: UUID, path: str) -> HttpResponseBase:
        """One form as an attachment, byte for byte as its manifest says. Each download leaves an event."""
        found = queries.find(self.actor, ref)
        taken, pieces = delivery.form(found, path)
        packages.note_download(found, actor=self.actor, form=path)
        return attachment(pieces, taken.filename, taken.form.media_type, taken.size)


class VolumeView(NounView):
    permission_needed = {"*": "packages.view"}

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY}, operation_id="packages_volume")
    def get(self, request: Request, ref: UUID, number: int) -> HttpResponseBase:
        """A volume of the exhibits as an attachment. Each download leaves an event."""
        found = queries.find(self.actor, ref)
        taken, pieces = delivery.volume(found, number)
        packages.note_download(found, actor=self.actor, form=taken.filename)
        return attachment(pieces, taken.filename, "application/pdf", taken.size)


class ArchiveView(NounView):
    permission_needed = {"*": "packages.view"}

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY}, operation_id="packages_archive")
    def get(self, request: Request, ref: UUID) -> HttpResponseBase:
        """PDF, proof, volumes of exhibits, manifest, every form and every original as one ZIP. Each download leaves an event."""
        found = queries.find(self.actor, ref)
        whole = delivery.everything(found)
        packages.note_download(found, actor=self.actor, form="zip")
        return attachment(whole.pieces, whole.filename, "application/zip")


def _answer(view: NounView, result: Any) -> Response:
    return waiting(result) if isinstance(result, ApprovalRequest) else shown(view, result.pk, 202)


def _at_version(service: Any) -> Act:
    def act(view: NounView, found: Package, given: dict[str, Any]) -> Any:
        packages.at_version(found.pk, version=given.pop("expected_version"), actor=view.actor)
        return service(found.pk, actor=view.actor, **given)

    return act


def package_step(
    verb: str,
    body: type[serializers.Serializer],
    service: Any,
    *,
    out: Any = PackageOut,
    permission: str = "packages.build",
    answer: Answer = _answer,
    code: int = 202,
) -> Any:
    """The view of one verb of packages, at the version of If-Match."""
    return step(
        "packages", verb, body, _at_version(service), permission=permission, out=out, answer=answer, code=code,
        find=lambda view, ref: queries.find(view.actor, ref),
    )  # fmt: skip


def _wishes(told: dict[str, Any]) -> planning.Wishes:
    return planning.Wishes(**told | {"sections": tuple(told.get("sections", ()))})


def _supersede(package_id: UUID, *, actor: Actor, change: str, **changed: Any) -> Package:
    if "wishes" in changed:
        changed["wishes"] = _wishes(changed["wishes"])
    return packages.supersede(package_id, actor=actor, change=change, **changed)


urlpatterns = [
    path("packages/", PackagesView.as_view(), name="api-packages"),
    path("packages/<uuid:ref>/", PackageView.as_view(), name="api-package"),
    path("packages/<uuid:ref>/pdf", PdfView.as_view(), name="api-package-pdf"),
    path("packages/<uuid:ref>/proof", ProofView.as_view(), name="api-package-proof"),
    path("packages/<uuid:ref>/forms/", FormsView.as_view(), name="api-package-forms"),
    path("packages/<uuid:ref>/forms/<str:path>", FormView.as_view(), name="api-package-form"),
    path("packages/<uuid:ref>/volumes/<int:number>", VolumeView.as_view(), name="api-package-volume"),
    path("packages/<uuid:ref>/zip", ArchiveView.as_view(), name="api-package-zip"),
    path("packages/<uuid:ref>/rebuild/", package_step("rebuild", Empty, packages.rebuild), name="api-package-rebuild"),
    path("packages/<uuid:ref>/submit/", package_step("submit", SubmitIn, packages.submit_for_review, out=Asked),
         name="api-package-submit"),
    path("packages/<uuid:ref>/supersede/", package_step("supersede", SupersedeIn, _supersede),
         name="api-package-supersede"),
]  # fmt: skip
