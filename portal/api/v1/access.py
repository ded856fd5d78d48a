"""Who can see what: the reasons for one thing, letting somebody in and ending it, teams, what one person sees."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.artifacts.models import Artifact
from evidence.errors import Invalid, NotFound
from portal.access import queries as access_queries
from portal.access import services as access
from portal.access import teams
from portal.api.steps import checked
from portal.api.v1.findings import finding_step
from portal.api.views import NounView
from portal.engagements import queries as engagements
from portal.packages.models import Package
from portal.seeing import queries
from remediation.findings import queries as findings
from remediation.findings import services as finding_services

CURSOR = [OpenApiParameter("cursor", str)]


class SightReasonOut(serializers.Serializer):
    kind = serializers.ChoiceField(choices=[(key, key) for key in queries.SENTENCES])
    sentence = serializers.CharField()
    by = serializers.CharField(help_text="Who gave it; empty where nobody did.")
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    grant_id = serializers.UUIDField(allow_null=True)


class SeerOut(serializers.Serializer):
    person_id = serializers.UUIDField()
    name = serializers.CharField()
    reasons = SightReasonOut(many=True)


class SeerPage(serializers.Serializer):
    results = SeerOut(many=True)
    next = serializers.CharField(allow_null=True)


class LetInIn(serializers.Serializer):
    person_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    team_id = serializers.UUIDField(required=False, allow_null=True, default=None, help_text="Instead of a person.")
    valid_from = serializers.DateTimeField(required=False, allow_null=True, default=None)
    valid_until = serializers.DateTimeField()
    reason = serializers.CharField(max_length=300)


class GrantOut(serializers.Serializer):
    id = serializers.UUIDField()
    valid_from = serializers.DateTimeField()
    valid_until = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)


class RestrictIn(serializers.Serializer):
    reason = serializers.CharField(max_length=5000)


class TeamOut(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    people = serializers.IntegerField(source="size", default=0)


class TeamPage(serializers.Serializer):
    results = TeamOut(many=True)


class TeamIn(serializers.Serializer):
    name = serializers.CharField(max_length=80)
    purpose = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


class PlaceIn(serializers.Serializer):
    person_id = serializers.UUIDField()
    ends_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class PlaceOut(serializers.Serializer):
    id = serializers.UUIDField()
    person_id = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)


def _page(page: queries.Page) -> Response:
    return Response({"results": SeerOut(page.people, many=True).data, "next": page.next_key or None})


class FindingAccessView(NounView):
    permission_needed = {"*": "findings.view"}

    @extend_schema(responses=SeerPage, parameters=CURSOR, operation_id="findings_access_list")
    def get(self, request: Request, ref: str) -> Response:
        """Everybody who sees a finding, with every reason."""
        found = findings.find(self.actor, ref)
        return _page(queries.of_finding(self.actor, found, after=request.query_params.get("cursor", "")))

    @extend_schema(request=LetInIn, responses={201: GrantOut}, operation_id="findings_access_create")
    def post(self, request: Request, ref: str) -> Response:
        """Let a person or a team in to a restricted finding until a moment."""
        given = checked(LetInIn, request)
        found = findings.find(self.actor, ref)
        return self.once(lambda: Response(GrantOut(_let_in(self, found.pk, given)).data, status=201))


def _let_in(view: NounView, finding_id: UUID, given: dict[str, Any]) -> Any:
    person, team = given.pop("person_id"), given.pop("team_id")
    if (person is None) == (team is None):
        raise Invalid("Name a person or a team.", fields={"person_id": ["One of the two, not both."]})
    if team is not None:
        return access.let_team_in(finding_id, team_id=team, actor=view.actor, **given)
    return access.let_in(finding_id, person_id=person, actor=view.actor, **given)


class FindingGrantView(NounView):
    permission_needed = {"*": "findings.view"}

    @extend_schema(responses={200: GrantOut}, operation_id="findings_access_destroy")
    def delete(self, request: Request, ref: str, grant: UUID) -> Response:
        """Take an access back. It stops working with the next request."""
        findings.find(self.actor, ref)
        return Response(GrantOut(access.take_back(grant, actor=self.actor)).data)


class EvidenceAccessView(NounView):
    permission_needed = {"*": "evidence.view"}

    @extend_schema(responses=SeerPage, parameters=CURSOR, operation_id="evidence_access_list")
    def get(self, request: Request, ref: str) -> Response:
        """Everybody who sees a piece of evidence, with every reason."""
        found = Artifact.objects.filter(organization_id=self.actor.organization_id, ref=ref).first()
        if found is None:
            raise NotFound("There is no such evidence here.")
        return _page(queries.of_artifact(self.actor, found, after=request.query_params.get("cursor", "")))


class EngagementAccessView(NounView):
    permission_needed = {"*": "engagements.view"}

    @extend_schema(responses=SeerPage, parameters=CURSOR, operation_id="engagements_access_list")
    def get(self, request: Request, ref: str) -> Response:
        """Everybody who sees an engagement, with every reason."""
        found = engagements.find(self.actor, ref)
        return _page(queries.of_engagement(self.actor, found, after=request.query_params.get("cursor", "")))


class PackageAccessView(NounView):
    permission_needed = {"*": "packages.view"}

    @extend_schema(responses=SeerPage, parameters=CURSOR, operation_id="packages_access_list")
    def get(self, request: Request, ref: UUID) -> Response:
        """Everybody who sees a package, with every reason."""
        found = Package.objects.filter(organization_id=self.actor.organization_id, pk=ref).first()
        if found is None:
            raise NotFound("There is no such package.")
        return _page(queries.of_package(self.actor, found, after=request.query_params.get("cursor", "")))


class TeamsView(NounView):
    permission_needed = {"GET": "people.view", "POST": teams.RIGHT}

    @extend_schema(responses=TeamPage, operation_id="teams_list")
    def get(self, request: Request) -> Response:
        """The teams that last, by name."""
        return Response({"results": TeamOut(access_queries.teams(self.actor), many=True).data})

    @extend_schema(request=TeamIn, responses={201: TeamOut}, operation_id="teams_create")
    def post(self, request: Request) -> Response:
        """Found a team, with nobody in it."""
        given = checked(TeamIn, request)
        return self.once(lambda: Response(TeamOut(teams.found(actor=self.actor, **given)).data, status=201))


class TeamMembersView(NounView):
    permission_needed = {"*": teams.RIGHT}

    @extend_schema(request=PlaceIn, responses={201: PlaceOut}, operation_id="teams_members_create")
    def post(self, request: Request, team: UUID) -> Response:
        """Take a member of the organization into a team."""
        given: dict[str, UUID | datetime | None] = checked(PlaceIn, request)
        return self.once(
            lambda: Response(PlaceOut(teams.take_in(team, actor=self.actor, **given)).data, status=201)  # type: ignore[arg-type]
        )


class TeamPlaceView(NounView):
    permission_needed = {"*": teams.RIGHT}

    @extend_schema(responses={200: PlaceOut}, operation_id="teams_members_destroy")
    def delete(self, request: Request, place: UUID) -> Response:
        """End somebody's place in a team. It stops working with their next request."""
        return Response(PlaceOut(teams.take_out(place, actor=self.actor)).data)


def _restrict(view: NounView, found: Any, given: dict[str, Any]) -> Any:
    return finding_services.restrict(found.pk, actor=view.actor, **given)


def _lift(view: NounView, found: Any, given: dict[str, Any]) -> Any:
    return finding_services.lift_restriction(found.pk, actor=view.actor, **given)


urlpatterns = [
    path("findings/<str:ref>/access/", FindingAccessView.as_view(), name="api-finding-access"),
    path("findings/<str:ref>/access/<uuid:grant>/", FindingGrantView.as_view(), name="api-finding-grant"),
    path("findings/<str:ref>/restrict/", finding_step("restrict", RestrictIn, _restrict), name="api-finding-restrict"),
    path("findings/<str:ref>/lift-restriction/", finding_step("lift_restriction", RestrictIn, _lift),
         name="api-finding-lift-restriction"),
    path("evidence/<str:ref>/access/", EvidenceAccessView.as_view(), name="api-evidence-access"),
    path("engagements/<str:ref>/access/", EngagementAccessView.as_view(), name="api-engagement-access"),
    path("packages/<uuid:ref>/access/", PackageAccessView.as_view(), name="api-package-access"),
    path("teams/", TeamsView.as_view(), name="api-teams"),
    path("teams/<uuid:team>/members/", TeamMembersView.as_view(), name="api-team-members"),
    path("team-places/<uuid:place>/", TeamPlaceView.as_view(), name="api-team-place"),
]  # fmt: skip
