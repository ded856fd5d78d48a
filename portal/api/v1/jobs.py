"""`jobs/`: the state of long work."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.errors import NotFound
from portal.api.views import NounView
from portal.jobs import queries, services
from portal.jobs.models import Job


class JobOut(serializers.ModelSerializer[Job]):
    percent = serializers.IntegerField(read_only=True, allow_null=True)
    emergency = serializers.UUIDField(
        read_only=True, allow_null=True, source="emergency_id", help_text="The emergency access it was started in."
    )

    class Meta:
        model = Job
        fields = [
            "id",
            "kind",
            "title",
            "state",
            "done",
            "total",
            "percent",
            "note",
            "result",
            "error",
            "cancel_requested",
            "emergency",
            "created_at",
            "started_at",
            "ended_at",
        ]
        read_only_fields = fields


class JobView(NounView):
    serializer_class = JobOut

    permission_needed = {"*": "jobs.view"}

    def get(self, request: Request, job: str) -> Response:
        """One job with its progress and outcome."""
        return Response(JobOut(self._find(job)).data)

    @extend_schema(responses={202: JobOut})
    def delete(self, request: Request, job: str) -> Response:
        """Ask the job to stop."""
        return Response(JobOut(services.cancel(self._find(job).pk, actor=self.actor)).data, status=202)

    def _find(self, job: str) -> Job:
        found = queries.visible(self.actor).filter(pk=job).first()
        if found is None:
            raise NotFound("There is no such job.")
        return found


urlpatterns = [path("jobs/<uuid:job>/", JobView.as_view(), name="api-job")]
