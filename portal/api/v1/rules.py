"""`rules/`: the rulebook, for programs that explain a refusal by its number."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.views import NounView
from remediation.sod import rulebook


class RuleOut(serializers.Serializer):
    number = serializers.CharField()
    family = serializers.CharField()
    sentence = serializers.CharField()
    instead = serializers.CharField(help_text="What a refused person can do.")
    sqlstate = serializers.CharField(help_text="How the database refuses.")
    permits = serializers.BooleanField(help_text="Whether the rule allows instead of forbidding.")


class RulesOut(serializers.Serializer):
    results = RuleOut(many=True)


class RulesView(NounView):
    permission_needed = {"*": "rules.view"}

    @extend_schema(operation_id="organizations_rules_list", responses=RulesOut)
    def get(self, request: Request) -> Response:
        """Every numbered rule, in the order of the page."""
        return Response({"results": [_line(family, rule) for family in rulebook.families() for rule in family.rules]})


def _line(family: rulebook.Family, rule: rulebook.Rule) -> dict[str, Any]:
    names = ("number", "sentence", "instead", "sqlstate", "permits")
    return {"family": family.title, **{name: getattr(rule, name) for name in names}}


urlpatterns = [path("rules/", RulesView.as_view(), name="api-rules")]
