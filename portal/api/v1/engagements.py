"""`engagements/`: audits, what is in their scope, and what their auditors may see."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.controls.models import Category, Control
from evidence.errors import Invalid
from portal.api.steps import Act, checked, step
from portal.api.views import NounView, versioned
from portal.engagements import queries
from portal.engagements import services as engagements
from portal.engagements.models import Engagement, Kind, State
from remediation.findings.models import Finding


class VendorField(serializers.Serializer):
    name = serializers.CharField(max_length=200)
    service = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    report = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    note = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class ScopedOut(serializers.Serializer):
    ref = serializers.CharField()
    title = serializers.CharField()
    released_at = serializers.DateTimeField(allow_null=True, help_text="When auditors could first see it.")


class EngagementOut(serializers.ModelSerializer[Engagement]):
    categories = serializers.ListField(child=serializers.CharField())
    vendors = VendorField(many=True)

    class Meta:
        model = Engagement
        fields = [
            "id",
            "ref",
            "version",
            "title",
            "auditor_firm",
            "kind",
            "period_start",
            "period_end",
            "categories",
            "system_description",
            "exclusions",
            "user_controls",
            "known_gaps",
            "vendors",
            "state",
        ]
        read_only_fields = fields


class EngagementDetail(EngagementOut):
    controls = ScopedOut(many=True)
    findings = ScopedOut(many=True)

    class Meta(EngagementOut.Meta):
        fields = [*EngagementOut.Meta.fields, "controls", "findings"]


class EngagementPage(serializers.Serializer):
    results = EngagementOut(many=True)
    next = serializers.CharField(allow_null=True)


def _texts() -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(max_length=2000), required=False, default=list)


class EngagementIn(serializers.Serializer):
    title = serializers.CharField(max_length=200)
    period_start = serializers.DateField()
    period_end = serializers.DateField(help_text="Inclusive.")
    auditor_firm = serializers.CharField(required=False, default="", max_length=200, allow_blank=True)
    kind = serializers.ChoiceField(choices=Kind.choices, default=Kind.TYPE_2)
    categories = serializers.ListField(
        child=serializers.ChoiceField(choices=Category.choices), required=False, default=list,
        help_text="Security (CC) is always in scope.",
    )  # fmt: skip
    system_description = serializers.CharField(required=False, default="", max_length=20000, allow_blank=True)
    exclusions = _texts()
    user_controls = _texts()
    known_gaps = _texts()
    vendors = VendorField(many=True, required=False, default=list)


class ScopeIn(serializers.Serializer):
    controls = serializers.ListField(child=serializers.CharField(max_length=16), required=False, default=list)
    findings = serializers.ListField(child=serializers.CharField(max_length=16), required=False, default=list)
    everything = serializers.BooleanField(
        default=False, help_text="Every control in use and every finding that was reported."
    )


class ReleaseIn(serializers.Serializer):
    controls = serializers.ListField(
        child=serializers.CharField(max_length=16), required=False, help_text="All of the scope when left out."
    )
    findings = serializers.ListField(
        child=serializers.CharField(max_length=16), required=False, help_text="All of the scope when left out."
    )


class EngagementStateIn(serializers.Serializer):
    state = serializers.ChoiceField(choices=State.choices)
    reason = serializers.CharField(required=False, default="", max_length=5000, allow_blank=True)


def _whole(engagement: Engagement) -> dict[str, Any]:
    controls, findings = queries.scope_rows(engagement)
    return {
        **EngagementOut(engagement).data,
        "controls": [_scoped(row.control, row) for row in controls],
        "findings": [_scoped(row.finding, row) for row in findings],
    }


def _scoped(found: Any, row: Any) -> dict[str, Any]:
    return {"ref": found.ref, "title": found.title, "released_at": row.released_at}


def _ids(view: NounView, model: type[Control] | type[Finding], refs: list[str], field: str) -> list[Any]:
    """The keys of public ids. Raises Invalid naming those that are not here."""
    rows = model._default_manager.filter(organization_id=view.actor.organization_id, ref__in=refs)
    found = dict(rows.values_list("ref", "pk"))
    missing = [ref for ref in refs if ref not in found]
    if missing:
        words = f"Not found: {', '.join(missing[:10])}."
        raise Invalid("Something of the scope is not here. Nothing was saved.", fields={field: [words]})
    return list(found.values())


def _answer(view: NounView, result: Any, code: int = 200) -> Response:
    found = queries.find(view.actor, result.ref)
    return versioned(_whole(found), found.version, code)


class EngagementsView(NounView):
    permission_needed = {"GET": "engagements.view", "POST": "engagements.manage"}

    @extend_schema(
        responses=EngagementPage, parameters=[OpenApiParameter("cursor", str), OpenApiParameter("limit", int)]
    )
    def get(self, request: Request) -> Response:
        """Engagements by number."""
        rows = queries.engagements(self.actor)
        return self.page(rows, lambda found: list(EngagementOut(found, many=True).data), key="number")

    @extend_schema(request=EngagementIn, responses={201: EngagementDetail})
    def post(self, request: Request) -> Response:
        """Open a file for an audit. Its scope is empty and no auditor sees it."""
        given = checked(EngagementIn, request)
        facts = engagements.Facts(**{name: _frozen(value) for name, value in given.items()})

        def act() -> Response:
            made = engagements.create(facts, actor=self.actor)
            response = _answer(self, made, 201)
            response["Location"] = f"{request.path}{made.ref}/"
            return response

        return self.once(act)


def _frozen(value: Any) -> Any:
    return tuple(dict(item) if isinstance(item, dict) else item for item in value) if isinstance(value, list) else value


class EngagementView(NounView):
    permission_needed = {"*": "engagements.view"}

    @extend_schema(responses=EngagementDetail)
    def get(self, request: Request, ref: str) -> Response:
        """One engagement with its scope. ETag holds its version."""
        found = queries.find(self.actor, ref)
        return versioned(_whole(found), found.version)


def _scope(view: NounView, found: Engagement, given: dict[str, Any]) -> Engagement:
    engagements.at_version(found.pk, version=given["expected_version"], actor=view.actor)
    if given["everything"]:
        engagements.scope_everything(found.pk, actor=view.actor)
        return found
    controls = _ids(view, Control, given["controls"], "controls")
    findings = _ids(view, Finding, given["findings"], "findings")
    engagements.scope(found.pk, actor=view.actor, controls=controls, findings=findings)
    return found


def _release(view: NounView, found: Engagement, given: dict[str, Any]) -> Engagement:
    engagements.at_version(found.pk, version=given["expected_version"], actor=view.actor)
    chosen = {
        "controls": _ids(view, Control, given["controls"], "controls") if "controls" in given else None,
        "findings": _ids(view, Finding, given["findings"], "findings") if "findings" in given else None,
    }
    engagements.release(found.pk, actor=view.actor, **chosen)
    return found


def _change_state(view: NounView, found: Engagement, given: dict[str, Any]) -> Engagement:
    engagements.at_version(found.pk, version=given.pop("expected_version"), actor=view.actor)
    return engagements.change_state(found.pk, given["state"], reason=given["reason"], actor=view.actor)


def _step(verb: str, body: type[serializers.Serializer], act: Act, permission: str) -> Any:
    return step(
        "engagements", verb, body, act, permission=permission, out=EngagementDetail, answer=_answer,
        find=lambda view, ref: queries.find(view.actor, ref),
    )  # fmt: skip


urlpatterns = [
    path("engagements/", EngagementsView.as_view(), name="api-engagements"),
    path("engagements/<str:ref>/", EngagementView.as_view(), name="api-engagement"),
    path("engagements/<str:ref>/scope/", _step("scope", ScopeIn, _scope, "engagements.manage"),
         name="api-engagement-scope"),
    path("engagements/<str:ref>/release/", _step("release", ReleaseIn, _release, "engagements.release"),
         name="api-engagement-release"),
    path("engagements/<str:ref>/state/", _step("change_state", EngagementStateIn, _change_state, "engagements.manage"),
         name="api-engagement-state"),
]  # fmt: skip
