"""`delegations/`: duties lent to a colleague, their acceptance and their end."""

from typing import Any
from zoneinfo import ZoneInfo

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.steps import checked
from portal.api.v1.findings import PersonOut
from portal.api.views import NounView
from portal.notifications import deciding
from portal.web.delegations import terms_of
from remediation.approvals.absences import queries as absence_queries
from remediation.approvals.absences import services as absences
from remediation.approvals.delegations import queries
from remediation.approvals.delegations import services as delegations
from remediation.approvals.models import Delegation


class DelegationOut(serializers.Serializer):
    id = serializers.UUIDField()
    state = serializers.CharField()
    giver = PersonOut()
    deputy = PersonOut()
    duty = serializers.CharField()
    actions = serializers.ListField(child=serializers.CharField(), help_text="Empty for the whole duty.")
    scope = serializers.ChoiceField(choices=Delegation.Scope.choices)
    ceiling = serializers.CharField()
    engagement = serializers.UUIDField(allow_null=True)
    names = serializers.CharField(help_text="Public ids that the scope names.")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField()
    accepted_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_why = serializers.CharField()


class DelegationsPage(serializers.Serializer):
    given = DelegationOut(many=True)
    received = DelegationOut(many=True)
    others = DelegationOut(many=True, help_text="Everybody else's, for those who may see people.")


class DelegationIn(serializers.Serializer):
    deputy_id = serializers.UUIDField()
    duty = serializers.ChoiceField(choices=["approver", "acceptor"])
    actions = serializers.ListField(child=serializers.CharField(max_length=40), required=False, max_length=20)
    scope = serializers.ChoiceField(choices=Delegation.Scope.choices, default="all")
    ceiling = serializers.ChoiceField(choices=list(queries.SEVERITIES), required=False)
    engagement = serializers.UUIDField(required=False)
    refs = serializers.CharField(max_length=200, required=False, help_text="For named items: F-017 F-021.")
    starts_on = serializers.DateField(help_text="First day, in the organization's zone.")
    ends_on = serializers.DateField(help_text="Last day; at most 30 days.")
    reason = serializers.CharField(max_length=2000)


class EndIn(serializers.Serializer):
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class DelegationsView(NounView):
    permission_needed = {"*": "delegations.view"}

    @extend_schema(operation_id="organizations_delegations_list", responses=DelegationsPage)
    def get(self, request: Request) -> Response:
        """Delegations from and to the caller, newest first."""
        found = queries.listed(self.actor)
        return Response(
            {name: DelegationOut(getattr(found, name), many=True).data for name in ("given", "received", "others")}
        )

    @extend_schema(request=DelegationIn, responses={201: DelegationOut})
    def post(self, request: Request) -> Response:
        """Ask a colleague to decide in the caller's place. It holds once they accept."""
        given = checked(DelegationIn, request)
        return self.once(lambda: self._offered(given))

    def _offered(self, given: dict[str, Any]) -> Response:
        deputy, reason = given.pop("deputy_id"), given.pop("reason")
        terms = terms_of(zone=ZoneInfo(self.organization.timezone), **given)
        made = delegations.offer(deputy_id=deputy, terms=terms, reason=reason, actor=self.actor)
        deciding.tell_about_delegation(made, actor=self.actor)
        return Response(_whole(made, self), status=status.HTTP_201_CREATED)


class DelegationView(NounView):
    permission_needed = {"*": "delegations.view"}

    @extend_schema(responses=DelegationOut)
    def get(self, request: Request, delegation_id: Any) -> Response:
        """One delegation from or to the caller."""
        return Response(DelegationOut(queries.get(delegation_id, actor=self.actor)).data)


class AcceptView(NounView):
    permission_needed = {"*": "delegations.view"}

    @extend_schema(request=None, responses=DelegationOut)
    def post(self, request: Request, delegation_id: Any) -> Response:
        """Take on what was asked of the caller."""
        return self.once(lambda: Response(_whole(delegations.accept(delegation_id, actor=self.actor), self)))


class EndView(NounView):
    permission_needed = {"*": "delegations.view"}

    @extend_schema(request=EndIn, responses=DelegationOut)
    def post(self, request: Request, delegation_id: Any) -> Response:
        """Decline it, or end it now: either of the two, or an administrator."""
        given = checked(EndIn, request)
        return self.once(lambda: Response(_whole(delegations.end(delegation_id, actor=self.actor, **given), self)))


class AbsenceOut(serializers.Serializer):
    id = serializers.UUIDField()
    person = PersonOut()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class AbsencesPage(serializers.Serializer):
    results = AbsenceOut(many=True)


class AbsenceIn(serializers.Serializer):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    note = serializers.CharField(max_length=300, required=False, allow_blank=True, help_text="Private.")


class AbsencesView(NounView):
    permission_needed = {"*": "delegations.view"}

    @extend_schema(operation_id="organizations_absences_list", responses=AbsencesPage)
    def get(self, request: Request) -> Response:
        """Absences that run or come: the caller's own, everybody's for those who may see people. Never their notes."""
        rows = absence_queries.ahead(self.actor, everybody=self.actor.may("people.view"))
        return Response({"results": AbsenceOut(rows, many=True).data})

    @extend_schema(request=AbsenceIn, responses={201: AbsenceOut})
    def post(self, request: Request) -> Response:
        """Note that the caller is away. It moves no duty; a delegation does."""
        given = checked(AbsenceIn, request)
        return self.once(
            lambda: Response(AbsenceOut(absences.note(**given, actor=self.actor)).data, status=status.HTTP_201_CREATED)
        )


class AbsenceBackView(NounView):
    permission_needed = {"*": "delegations.view"}

    @extend_schema(request=None, responses=AbsenceOut)
    def post(self, request: Request, absence: Any) -> Response:
        """Take an absence back."""
        return self.once(lambda: Response(AbsenceOut(absences.cancel(absence, actor=self.actor)).data))


def _whole(row: Delegation, view: NounView) -> dict[str, Any]:
    found: dict[str, Any] = DelegationOut(queries.get(row.pk, actor=view.actor)).data
    return found


urlpatterns = [
    path("absences/", AbsencesView.as_view(), name="api-absences"),
    path("absences/<uuid:absence>/back/", AbsenceBackView.as_view(), name="api-absence-back"),
    path("delegations/", DelegationsView.as_view(), name="api-delegations"),
    path("delegations/<uuid:delegation_id>/", DelegationView.as_view(), name="api-delegation"),
    path("delegations/<uuid:delegation_id>/accept/", AcceptView.as_view(), name="api-delegation-accept"),
    path("delegations/<uuid:delegation_id>/end/", EndView.as_view(), name="api-delegation-end"),
]
