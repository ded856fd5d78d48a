"""`packages/{ref}/release/`, `links/`, `changes/`: who outside may have a sealed package, and what an issue changed.

A link's address and passphrase stand in the answer that made it and nowhere else: not in the answer that is kept for its
Idempotency-Key, nor in any later reading.
"""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.steps import Empty, checked
from portal.api.v1.findings import PersonOut
from portal.api.v1.packages import PackageOut, package_step, shown
from portal.api.views import NounView, versioned
from portal.packages import comparing, queries
from portal.packages.links import mail, releasing, services
from portal.packages.links import queries as links
from portal.packages.links.models import LONGEST_DAYS, Link, Release, Use
from portal.packages.models import Package
from portal.web.package_links import address

#: What the answer of a repeated key does not hold.
SHOWN_ONCE = ("address", "passphrase")


class PackageLinkOut(serializers.ModelSerializer[Link]):
    """A link with its uses counted. What opens it is not in it."""

    state = serializers.ChoiceField(choices=["open", "ended", "revoked"])
    asks_passphrase = serializers.SerializerMethodField()
    made_by = PersonOut()
    revoked_by = PersonOut(allow_null=True)
    opened = serializers.IntegerField(help_text="How often its page was opened; mail programs do so by themselves.")
    downloaded = serializers.IntegerField(help_text="How often the PDF was downloaded.")
    last_used_at = serializers.DateTimeField(source="last_at", allow_null=True)

    class Meta:
        model = Link
        fields = [
            "id",
            "ref",
            "version",
            "recipient",
            "email",
            "state",
            "asks_passphrase",
            "created_at",
            "ends_at",
            "made_by",
            "revoked_at",
            "revoked_by",
            "opened",
            "downloaded",
            "last_used_at",
        ]
        read_only_fields = fields

    def get_asks_passphrase(self, row: Link) -> bool:
        return bool(row.passphrase_sha256)


class PackageLinkMade(PackageLinkOut):
    """A new link with what opens it. It is told this once."""

    address = serializers.CharField(
        allow_null=True, help_text="What to give to the recipient. Null where a repeated key is answered."
    )
    passphrase = serializers.CharField(
        allow_null=True, help_text="Give it by another way than the address. Null where none is asked for."
    )

    class Meta(PackageLinkOut.Meta):
        fields = [*PackageLinkOut.Meta.fields, *SHOWN_ONCE]
        read_only_fields = fields


class PackageLinkPage(serializers.Serializer):
    results = PackageLinkOut(many=True)
    next = serializers.CharField(allow_null=True)


class PackageLinkIn(serializers.Serializer):
    recipient = serializers.CharField(max_length=120, help_text="A person and a company.")
    email = serializers.EmailField(max_length=254)
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS)
    with_passphrase = serializers.BooleanField(required=False, default=False)
    send = serializers.BooleanField(
        required=False, default=False, help_text="Mail the address to the recipient; a passphrase never goes with it."
    )


class TakeBackIn(serializers.Serializer):
    reason = serializers.CharField(required=False, default="", max_length=400, allow_blank=True)


class LinkUseOut(serializers.ModelSerializer[Use]):
    """One opening or download by a link."""

    class Meta:
        model = Use
        fields = ["id", "what", "at"]
        read_only_fields = fields


class LinkUsePage(serializers.Serializer):
    results = LinkUseOut(many=True)
    next = serializers.CharField(allow_null=True)


class DifferenceOut(serializers.Serializer):
    """A field that differs; long texts and lists are named as changed, and `before` and `after` are null."""

    field = serializers.CharField(source="name")
    before = serializers.SerializerMethodField()
    after = serializers.SerializerMethodField()

    def get_before(self, one: comparing.Difference) -> str | None:
        return None if one.name not in comparing.SHOWN else _word(one.before)

    def get_after(self, one: comparing.Difference) -> str | None:
        return None if one.name not in comparing.SHOWN else _word(one.after)


def _word(value: Any) -> str:
    return "" if value is None else str(value)


class ChangedRowOut(serializers.Serializer):
    ref = serializers.CharField()
    title = serializers.CharField()
    differences = DifferenceOut(many=True)


class FindingInIssue(serializers.Serializer):
    ref = serializers.CharField()
    title = serializers.CharField()
    severity = serializers.CharField()
    state = serializers.CharField()


class ExhibitInIssue(serializers.Serializer):
    number = serializers.CharField()
    title = serializers.CharField()
    sha256 = serializers.CharField()


class IssueOut(serializers.ModelSerializer[Package]):
    class Meta:
        model = Package
        fields = ["id", "ref", "issue", "state", "sha256", "as_of"]
        read_only_fields = fields


class PackageChangesOut(serializers.Serializer):
    """From one issue to another, each row by its number; `findings_closed` were open before."""

    before = IssueOut()
    after = IssueOut()
    findings_added = FindingInIssue(many=True)
    findings_closed = FindingInIssue(many=True)
    findings_changed = ChangedRowOut(many=True)
    findings_removed = FindingInIssue(many=True)
    exhibits_added = ExhibitInIssue(many=True)
    exhibits_changed = ChangedRowOut(many=True)
    exhibits_removed = ExhibitInIssue(many=True)
    unchanged = serializers.IntegerField()


def _one(view: NounView, package_id: UUID, link_id: UUID) -> Link:
    return links.find(view.actor, queries.find(view.actor, package_id), link_id)


def _released(view: NounView, row: Release) -> Response:
    return shown(view, row.package_id)


class LinksView(NounView):
    permission_needed = {"GET": "packages.view", "POST": services.SHARE}

    @extend_schema(
        responses=PackageLinkPage,
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)],
        operation_id="packages_links_list",
    )
    def get(self, request: Request, ref: UUID) -> Response:
        """The links of a package in the order they were made, those that ended or were taken back too."""
        rows = links.of_package(queries.find(self.actor, ref), self.actor)
        return self.page(rows, lambda found: list(PackageLinkOut(found, many=True).data))

    @extend_schema(request=PackageLinkIn, responses={201: PackageLinkMade}, operation_id="packages_links_make")
    def post(self, request: Request, ref: UUID) -> Response:
        """Give a sealed package to somebody outside. Needs a sign-in within the last five minutes, so a token can't."""
        given = checked(PackageLinkIn, request)
        return self.once(lambda: self._made(request, ref, given), leave_out=SHOWN_ONCE)

    def _made(self, request: Request, ref: UUID, given: dict[str, Any]) -> Response:
        send = given.pop("send")
        made = services.make(queries.find(self.actor, ref).pk, actor=self.actor, **given)
        opens = address(made.token)
        if send:
            mail.send(made, address=opens, sender=self.actor.name, organization=self.organization.name)
        row = _one(self, ref, made.row.pk)
        row.address, row.passphrase = opens, made.passphrase or None  # type: ignore[attr-defined]
        response = versioned(PackageLinkMade(row).data, row.version, 201)
        response["Location"] = f"{request.path}{row.pk}/"
        return response


class LinkView(NounView):
    permission_needed = {"*": "packages.view"}

    @extend_schema(responses=PackageLinkOut, operation_id="packages_links_retrieve")
    def get(self, request: Request, ref: UUID, link: UUID) -> Response:
        """One link. ETag holds its version."""
        row = _one(self, ref, link)
        return versioned(PackageLinkOut(row).data, row.version)


class LinkUsesView(NounView):
    permission_needed = {"*": "packages.view"}

    @extend_schema(
        responses=LinkUsePage,
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)],
        operation_id="packages_links_uses_list",
    )
    def get(self, request: Request, ref: UUID, link: UUID) -> Response:
        """Each opening and download by a link, oldest first."""
        rows = _one(self, ref, link).uses.all()
        return self.page(rows, lambda found: list(LinkUseOut(found, many=True).data))


class TakeBackView(NounView):
    permission_needed = {"*": services.SHARE}

    @extend_schema(request=TakeBackIn, responses=PackageLinkOut, operation_id="packages_links_revoke")
    def post(self, request: Request, ref: UUID, link: UUID) -> Response:
        """Take a link back: from now on it opens nothing. Downloads of before can't be undone."""
        given, version = checked(TakeBackIn, request), self.expected_version()

        def act() -> Response:
            row = services.at_version(_one(self, ref, link).pk, version=version, actor=self.actor)
            services.revoke(row.pk, actor=self.actor, **given)
            row = _one(self, ref, link)
            return versioned(PackageLinkOut(row).data, row.version)

        return self.once(act)


class ChangesView(NounView):
    permission_needed = {"*": "packages.view"}

    @extend_schema(
        responses=PackageChangesOut,
        parameters=[OpenApiParameter("from", str, description="The number of an issue; left out, the one before.")],
        operation_id="packages_changes",
    )
    def get(self, request: Request, ref: UUID) -> Response:
        """What was added, closed, changed and left out from one issue of a package to this one."""
        after = queries.find(self.actor, ref)
        before = comparing.issue_before(after, request.query_params.get("from", ""))
        found = comparing.between(before, after)
        return Response(PackageChangesOut({"before": before, "after": after, **vars(found)}).data)


urlpatterns = [
    path("packages/<uuid:ref>/release/",
         package_step("release", Empty, releasing.release, out=PackageOut, permission="engagements.release", answer=_released, code=200),
         name="api-package-release"),
    path("packages/<uuid:ref>/changes/", ChangesView.as_view(), name="api-package-changes"),
    path("packages/<uuid:ref>/links/", LinksView.as_view(), name="api-package-links"),
    path("packages/<uuid:ref>/links/<uuid:link>/", LinkView.as_view(), name="api-package-link"),
    path("packages/<uuid:ref>/links/<uuid:link>/uses/", LinkUsesView.as_view(), name="api-package-link-uses"),
    path("packages/<uuid:ref>/links/<uuid:link>/revoke/", TakeBackView.as_view(), name="api-package-link-revoke"),
]  # fmt: skip
