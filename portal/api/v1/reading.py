"""`controls/`, `people/`, `events/`: what other programs read beside findings."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.controls.models import Control
from evidence.errors import Invalid
from evidence.ledger import queries as ledger
from portal.accounts.models import Membership
from portal.api.v1.findings import PersonOut
from portal.api.views import NounView


class ControlOut(serializers.Serializer):
    id = serializers.UUIDField()
    ref = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    frequency = serializers.CharField()
    owner = PersonOut(allow_null=True)
    criteria = serializers.ListField(child=serializers.CharField())
    failure_patterns = serializers.ListField(child=serializers.CharField())
    version = serializers.IntegerField()


class ControlPage(serializers.Serializer):
    results = ControlOut(many=True)
    next = serializers.CharField(allow_null=True)


class MemberOut(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.CharField()
    department = serializers.CharField()


class MemberPage(serializers.Serializer):
    results = MemberOut(many=True)
    next = serializers.CharField(allow_null=True)


class EventOut(serializers.Serializer):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    person = serializers.UUIDField(allow_null=True)
    via = serializers.CharField()
    object_type = serializers.CharField()
    object_ref = serializers.CharField()
    version = serializers.IntegerField()
    index = serializers.IntegerField(allow_null=True, help_text="Place in the signed tree; null until sealed.")
    leaf = serializers.CharField()


class EventPage(serializers.Serializer):
    results = EventOut(many=True)
    next = serializers.CharField(allow_null=True)


class ControlsView(NounView):
    permission_needed = {"*": "controls.view"}

    @extend_schema(responses=ControlPage, parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)])
    def get(self, request: Request) -> Response:
        """Controls in use, by number."""
        rows = Control.objects.filter(organization_id=self.actor.organization_id, retired_at=None)
        rows = rows.select_related("owner").prefetch_related("criterion_links")
        return self.page(rows, lambda found: [_control(row) for row in found], key="number")


def _control(row: Control) -> dict[str, Any]:
    names = ("id", "ref", "title", "description", "frequency", "failure_patterns", "version")
    return {
        **{name: getattr(row, name) for name in names},
        "owner": {"id": row.owner_id, "name": row.owner.name} if row.owner else None,
        "criteria": sorted(link.criterion_id for link in row.criterion_links.all()),
    }


class PeopleView(NounView):
    permission_needed = {"*": "findings.view"}

    @extend_schema(responses=MemberPage, parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)])
    def get(self, request: Request) -> Response:
        """Members with their live roles, one line a role."""
        rows = Membership.objects.filter(organization_id=self.actor.organization_id, ended_at=None)
        return self.page(
            rows.select_related("person"),
            lambda found: [
                {"id": row.person_id, "name": row.person.name, "role": row.role, "department": row.department}
                for row in found
            ],
        )


class EventsView(NounView):
    permission_needed = {"*": "ledger.view"}

    @extend_schema(
        responses=EventPage,
        parameters=[
            OpenApiParameter("kind", str),
            OpenApiParameter("object", str, description="An object's public id."),
            OpenApiParameter("cursor", str),
        ],
    )
    def get(self, request: Request) -> Response:
        """The history, newest first."""
        asked = request.query_params
        filters = ledger.Filters(kind=asked.get("kind", "")[:60], object_ref=asked.get("object", "")[:40])
        try:
            page = ledger.events(self.actor.organization_id, filters, after=asked.get("cursor", ""))
        except ValueError as error:
            raise Invalid("The cursor can't be read.", fields={"cursor": ["Use the “next” of a page."]}) from error
        names = ("id", "at", "kind", "via", "object_type", "object_ref", "version", "index", "leaf")
        results = [{**{name: getattr(fact, name) for name in names}, "person": fact.person_id} for fact in page.facts]
        return Response({"results": results, "next": page.next or None})


urlpatterns = [
    path("controls/", ControlsView.as_view(), name="api-controls"),
    path("people/", PeopleView.as_view(), name="api-people"),
    path("events/", EventsView.as_view(), name="api-events"),
]
