"""`emergency/`: emergency access asked, activated, ended and reviewed, as on its pages."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.steps import checked
from portal.api.v1.findings import PersonOut
from portal.api.views import NounView
from portal.jobs import queries as jobs_queries
from portal.notifications import deciding
from remediation.approvals.emergencies import bars, queries
from remediation.approvals.emergencies import services as emergencies
from remediation.approvals.models import Emergency


class EmergencyOut(serializers.Serializer):
    id = serializers.UUIDField()
    ref = serializers.CharField()
    state = serializers.CharField()
    person = PersonOut()
    role = serializers.CharField()
    reason = serializers.CharField()
    ticket = serializers.CharField()
    hours = serializers.IntegerField()
    asked_at = serializers.DateTimeField()
    activated_at = serializers.DateTimeField(allow_null=True)
    activated_by = PersonOut(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    review_due_at = serializers.DateTimeField(allow_null=True)
    reviewed_at = serializers.DateTimeField(allow_null=True)
    reviewed_by = PersonOut(allow_null=True)
    verdict = serializers.CharField()
    review = serializers.CharField()
    finding_ref = serializers.CharField(help_text="The finding that was opened because nobody reviewed it in time.")


class EmergencyAct(serializers.Serializer):
    event = serializers.UUIDField()
    index = serializers.IntegerField(allow_null=True)
    kind = serializers.CharField()
    subject = serializers.CharField()
    at = serializers.DateTimeField()


class EmergencyJob(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.CharField()
    created_at = serializers.DateTimeField()


class EmergencyWhole(EmergencyOut):
    acts = EmergencyAct(
        many=True, help_text="What the person did while it ran and their jobs did later, with the events' numbers."
    )
    jobs = EmergencyJob(many=True, help_text="The jobs that were started while it ran.")


class EmergencyPage(serializers.Serializer):
    results = EmergencyOut(many=True)


class EmergencyIn(serializers.Serializer):
    role = serializers.ChoiceField(choices=list(bars.WANTED))
    hours = serializers.IntegerField(min_value=1, max_value=emergencies.LONGEST_HOURS)
    reason = serializers.CharField(max_length=2000)
    ticket = serializers.CharField(max_length=80)


class EmergencyReviewIn(serializers.Serializer):
    verdict = serializers.ChoiceField(choices=Emergency.Verdict.choices)
    review = serializers.CharField(max_length=5000)


def _whole(row: Emergency, view: NounView) -> dict[str, Any]:
    found = queries.get(row.pk, actor=view.actor)
    acts = [
        {"event": fact.id, "index": fact.index, "kind": fact.kind, "subject": fact.object_ref, "at": fact.at}
        for fact in queries.acts(found)
    ]
    jobs = EmergencyJob(jobs_queries.in_emergency(found.pk), many=True)
    return {**EmergencyOut(found).data, "acts": EmergencyAct(acts, many=True).data, "jobs": jobs.data}


class EmergenciesView(NounView):
    permission_needed = {"*": "emergency.use"}

    @extend_schema(operation_id="organizations_emergency_list", responses=EmergencyPage)
    def get(self, request: Request) -> Response:
        """Emergency access that the caller may see, newest first."""
        return Response({"results": EmergencyOut(queries.listed(self.actor), many=True).data})

    @extend_schema(request=EmergencyIn, responses={201: EmergencyWhole})
    def post(self, request: Request) -> Response:
        """Ask for a role for some hours. Needs a sign-in within the last five minutes, so a token can't."""
        given = checked(EmergencyIn, request)
        return self.once(lambda: self._asked(given))

    def _asked(self, given: dict[str, Any]) -> Response:
        row = emergencies.ask(**given, actor=self.actor)
        deciding.tell_emergency(row, actor=self.actor)
        return Response(_whole(row, self), status=status.HTTP_201_CREATED)


class EmergencyView(NounView):
    permission_needed = {"*": "emergency.use"}

    @extend_schema(responses=EmergencyWhole)
    def get(self, request: Request, emergency_id: Any) -> Response:
        """One emergency access with all that was done while it ran."""
        return Response(_whole(queries.get(emergency_id, actor=self.actor), self))


class ActivateView(NounView):
    permission_needed = {"*": "emergency.use"}

    @extend_schema(request=None, responses=EmergencyWhole)
    def post(self, request: Request, emergency_id: Any) -> Response:
        """Switch it on as the second person. Needs a sign-in within the last five minutes."""

        def act() -> Response:
            row = emergencies.activate(emergency_id, actor=self.actor)
            deciding.tell_emergency(row, actor=self.actor)
            return Response(_whole(row, self))

        return self.once(act)


class EndEmergencyView(NounView):
    permission_needed = {"*": "emergency.use"}

    @extend_schema(request=None, responses=EmergencyWhole)
    def post(self, request: Request, emergency_id: Any) -> Response:
        """End it early, or withdraw the asking."""
        return self.once(lambda: Response(_whole(emergencies.end(emergency_id, actor=self.actor), self)))


class ReviewEmergencyView(NounView):
    permission_needed = {"*": "emergency.review"}

    @extend_schema(request=EmergencyReviewIn, responses=EmergencyWhole)
    def post(self, request: Request, emergency_id: Any) -> Response:
        """Say whether what was done fitted the need: somebody who neither used nor activated it."""
        given = checked(EmergencyReviewIn, request)
        return self.once(
            lambda: Response(
                _whole(
                    emergencies.review(emergency_id, verdict=given["verdict"], words=given["review"], actor=self.actor),
                    self,
                )
            )
        )


urlpatterns = [
    path("emergency/", EmergenciesView.as_view(), name="api-emergencies"),
    path("emergency/<uuid:emergency_id>/", EmergencyView.as_view(), name="api-emergency"),
    path("emergency/<uuid:emergency_id>/activate/", ActivateView.as_view(), name="api-emergency-activate"),
    path("emergency/<uuid:emergency_id>/end/", EndEmergencyView.as_view(), name="api-emergency-end"),
    path("emergency/<uuid:emergency_id>/review/", ReviewEmergencyView.as_view(), name="api-emergency-review"),
]
