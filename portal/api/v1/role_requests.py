"""`role-requests/`: privileged roles that one administrator asks for and another decides on, as on the pages."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.errors import Invalid
from portal.accounts import granting, mail, role_requests, roles
from portal.accounts.models import RoleRequest
from portal.api.steps import checked
from portal.api.v1.findings import PersonOut
from portal.api.views import NounView
from portal.notifications import deciding

PRIVILEGED = [key for key, role in roles.ROLES.items() if role.is_privileged]


class RoleRequestOut(serializers.Serializer):
    id = serializers.UUIDField()
    ref = serializers.CharField()
    state = serializers.CharField()
    role = serializers.CharField()
    department = serializers.CharField()
    person = PersonOut(allow_null=True, help_text="The member it is for; null where somebody is to be invited.")
    email = serializers.CharField(help_text="The address to invite; empty for a member.")
    name = serializers.CharField()
    starts_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    asked_by = PersonOut()
    asked_at = serializers.DateTimeField()
    decided_by = PersonOut(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_reason = serializers.CharField()


class RoleRequestPage(serializers.Serializer):
    results = RoleRequestOut(many=True)


class RoleRequestIn(serializers.Serializer):
    role = serializers.ChoiceField(choices=PRIVILEGED)
    department = serializers.CharField(max_length=80, required=False, allow_blank=True, default="")
    reason = serializers.CharField(max_length=300)
    person_id = serializers.UUIDField(required=False, help_text="A member; or else name and email of somebody new.")
    name = serializers.CharField(max_length=200, required=False)
    email = serializers.EmailField(required=False)
    starts_at = serializers.DateTimeField(required=False, help_text="For a member; at once without it.")


class RoleDecisionIn(serializers.Serializer):
    verdict = serializers.ChoiceField(choices=granting.VERDICTS)
    reason = serializers.CharField(max_length=300)


class RoleRequestsView(NounView):
    permission_needed = {"GET": "people.view", "POST": granting.RIGHT}

    @extend_schema(
        operation_id="organizations_role_requests_list",
        responses=RoleRequestPage,
        parameters=[OpenApiParameter("state", str, enum=list(RoleRequest.State.values))],
    )
    def get(self, request: Request) -> Response:
        """What was asked for, newest first."""
        state = request.query_params.get("state", "")
        if state and state not in RoleRequest.State.values:
            raise Invalid("There is no such state.", fields={"state": ["open, granted, refused or withdrawn."]})
        rows = role_requests.requests(self.actor, state=state)
        return Response({"results": RoleRequestOut(rows, many=True).data})

    @extend_schema(request=RoleRequestIn, responses={201: RoleRequestOut})
    def post(self, request: Request) -> Response:
        """Ask that somebody get a privileged role. Needs a sign-in within the last five minutes, so a token can't."""
        given = checked(RoleRequestIn, request)
        return self.once(lambda: Response(_out(self._asked(given), self), status=201))

    def _asked(self, given: dict[str, Any]) -> RoleRequest:
        person: UUID | None = given.pop("person_id", None)
        starts_at: datetime | None = given.pop("starts_at", None)
        about = {name: given.pop(name, "") for name in ("name", "email")}
        if (person is None) == (about["email"] == ""):
            raise Invalid("Name a member, or somebody to invite.", fields={"person_id": ["One of the two, not both."]})
        if person is not None:
            row = granting.ask_for_member(person, actor=self.actor, starts_at=starts_at, **given)
        else:
            row = granting.ask_to_invite(actor=self.actor, **about, **given)
        deciding.tell_role_request(row, actor=self.actor)
        return row


class DecideRoleView(NounView):
    permission_needed = {"*": granting.RIGHT}

    @extend_schema(request=RoleDecisionIn, responses=RoleRequestOut)
    def post(self, request: Request, asked: UUID) -> Response:
        """Grant or refuse it as the second administrator. Needs a sign-in within the last five minutes."""
        given = checked(RoleDecisionIn, request)

        def act() -> Response:
            decided = granting.decide(asked, actor=self.actor, **given)
            if decided.issued is not None:
                mail.send_invitation(decided.issued, organization=self.organization)
            return Response(_out(decided.request, self))

        return self.once(act)


class WithdrawRoleView(NounView):
    permission_needed = {"*": granting.RIGHT}

    @extend_schema(request=None, responses=RoleRequestOut)
    def post(self, request: Request, asked: UUID) -> Response:
        """Take back what is still open."""
        return self.once(lambda: Response(_out(granting.withdraw(asked, actor=self.actor), self)))


def _out(row: RoleRequest, view: NounView) -> dict[str, Any]:
    out: dict[str, Any] = RoleRequestOut(role_requests.find(row.pk, actor=view.actor)).data
    return out


urlpatterns = [
    path("role-requests/", RoleRequestsView.as_view(), name="api-role-requests"),
    path("role-requests/<uuid:asked>/decide/", DecideRoleView.as_view(), name="api-role-request-decide"),
    path("role-requests/<uuid:asked>/withdraw/", WithdrawRoleView.as_view(), name="api-role-request-withdraw"),
]
