"""`jobs/`: the state of long work."""

from typing import Any

from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evidence.errors import NotFound
from portal.jobs import services
from portal.jobs.models import Job
from portal.web.jobs import visible


class JobOut(serializers.ModelSerializer[Job]):
    percent = serializers.IntegerField(read_only=True, allow_null=True)

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
            "created_at",
            "started_at",
            "ended_at",
        ]
        read_only_fields = fields


class JobView(APIView):
    serializer_class = JobOut

    def get(self, request: Request, job: str) -> Response:
        request._request.actor.require("jobs.view")  # type: ignore[attr-defined]
        return Response(JobOut(_find(request, job)).data)

    def delete(self, request: Request, job: str) -> Response:
        """Ask the job to stop."""
        actor = request._request.actor  # type: ignore[attr-defined]
        actor.require("jobs.view")
        return Response(JobOut(services.cancel(_find(request, job).pk, actor=actor)).data, status=202)


def _find(request: Request, job: str) -> Any:
    found = visible(request._request).filter(pk=job).first()
    if found is None:
        raise NotFound("There is no such job.")
    return found


urlpatterns = [path("jobs/<uuid:job>/", JobView.as_view(), name="api-job")]
