"""Views for verbs: one POST that takes an object one step further, with If-Match and Idempotency-Key."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.views import NounView

Find = Callable[[NounView, str], Any]
Act = Callable[[NounView, Any, dict[str, Any]], Any]
Answer = Callable[[NounView, Any], Response]


class Asked(serializers.Serializer):
    """A step that waits for somebody else's decision."""

    request = serializers.UUIDField()
    action = serializers.CharField()
    state = serializers.CharField()


class Made(serializers.Serializer):
    """A step that adds something beside the object."""

    id = serializers.UUIDField()


class Empty(serializers.Serializer):
    """Nothing needs to be sent."""


class ReasonIn(serializers.Serializer):
    reason = serializers.CharField(max_length=5000)


def checked(serializer: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """The validated body. Raises DRF's ValidationError, answered as 422 with the fields."""
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def waiting(request: Any) -> Response:
    """The answer 202 of a step that now waits for a decision."""
    return Response({"request": request.pk, "action": request.action, "state": request.state}, status=202)


def call(service: Callable[..., Any]) -> Act:
    """A service of the form `service(id, *, actor, **body)`."""
    return lambda view, found, given: service(found.pk, actor=view.actor, **given)


def step(
    noun: str,
    verb: str,
    body: type[serializers.Serializer],
    act: Act,
    *,
    find: Find,
    answer: Answer,
    out: type[serializers.Serializer],
    permission: str,
    conditional: bool = True,
    adds: bool = False,
    code: int = 200,
) -> Callable[..., HttpResponse]:
    """The view of one verb. `conditional` asks for If-Match and hands the version to the service.

    `adds` says that the step leaves the object as it is and answers with the id of what it added; `code` 202,
    that what it answers with is made by a job or waits for a decision.
    """
    answers = {201: Made} if adds else {202: Asked} | {code: out}

    class Step(NounView):
        permission_needed = {"*": permission}

        @extend_schema(
            request=body, responses=answers, operation_id=f"{noun}_{verb}",
            description=f"{verb.replace('_', ' ').capitalize()}: one step for one of the {noun}.",
        )  # fmt: skip
        def post(self, request: Request, ref: str) -> Response:
            given = checked(body, request)
            if conditional:
                given["expected_version"] = self.expected_version()
            return self.once(lambda: answer(self, act(self, find(self, ref), given)))

    Step.__name__ = f"{noun.title()}{verb.title().replace('_', '')}View"
    return Step.as_view()
