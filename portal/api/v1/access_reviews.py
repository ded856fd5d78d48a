"""`access-reviews/`: reviews of access to the portal itself, decided line by line, as on their pages."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts import reviews
from portal.accounts.models import AccessReviewLine
from portal.api.steps import checked
from portal.api.v1.findings import PersonOut
from portal.api.views import NounView, cursor_of


class AccessReviewOut(serializers.Serializer):
    id = serializers.UUIDField()
    ref = serializers.CharField()
    opened_by = PersonOut()
    opened_at = serializers.DateTimeField()
    finished_by = PersonOut(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    artifact_ref = serializers.CharField(help_text="The evidence that a finished review stands as.")
    total = serializers.IntegerField()
    decided = serializers.IntegerField()
    revoked = serializers.IntegerField()


class AccessReviewPage(serializers.Serializer):
    results = AccessReviewOut(many=True)
    next = serializers.CharField(allow_null=True)


class AccessReviewLineOut(serializers.Serializer):
    id = serializers.UUIDField()
    person = PersonOut()
    kind = serializers.ChoiceField(choices=AccessReviewLine.Kind.choices)
    target_id = serializers.UUIDField()
    facts = serializers.DictField(
        child=serializers.CharField(allow_null=True, allow_blank=True),
        help_text="As it stood: what, since, until, granted_by, factors, last_seen.",
    )
    verdict = serializers.CharField(help_text="keep, revoke, or empty while nobody has decided.")
    reason = serializers.CharField()
    decided_by = PersonOut(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)


class AccessReviewWhole(AccessReviewOut):
    lines = AccessReviewLineOut(many=True)
    next = serializers.CharField(allow_null=True, help_text="The cursor of the next lines.")


class AccessReviewDecisionIn(serializers.Serializer):
    verdict = serializers.ChoiceField(choices=AccessReviewLine.Verdict.choices)
    reason = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


class AccessReviewEndIn(serializers.Serializer):
    control = serializers.CharField(max_length=20, required=False, default="", allow_blank=True)


_PAGED = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int)]


def _whole(view: NounView, review_id: Any) -> dict[str, Any]:
    row = reviews.listed(actor=view.actor).get(pk=reviews.find(review_id, actor=view.actor).pk)
    lines = row.lines.select_related("person", "decided_by").order_by("id")
    after = view.after_id()
    size = view.page_size()
    found = list((lines.filter(pk__gt=after) if after else lines)[: size + 1])
    following = cursor_of(str(found[size - 1].pk)) if len(found) > size else None
    return {
        **AccessReviewOut(row).data,
        "lines": AccessReviewLineOut(found[:size], many=True).data,
        "next": following,
    }


class AccessReviewsView(NounView):
    permission_needed = {"*": "people.view"}

    @extend_schema(operation_id="organizations_access_reviews_list", responses=AccessReviewPage, parameters=_PAGED)
    def get(self, request: Request) -> Response:
        """Every review, newest first, with how far it is."""
        rows, before, size = reviews.listed(actor=self.actor).order_by("-id"), self.after_id(), self.page_size()
        found = list((rows.filter(pk__lt=before) if before else rows)[: size + 1])
        following = cursor_of(str(found[size - 1].pk)) if len(found) > size else None
        return Response({"results": AccessReviewOut(found[:size], many=True).data, "next": following})

    @extend_schema(request=None, responses={201: AccessReviewWhole})
    def post(self, request: Request) -> Response:
        """Take the snapshot of everybody's access. By a person who is signed in: a token can't."""
        return self.once(
            lambda: Response(_whole(self, reviews.begin(actor=self.actor).pk), status=status.HTTP_201_CREATED)
        )


class AccessReviewView(NounView):
    permission_needed = {"*": "people.view"}

    @extend_schema(responses=AccessReviewWhole, parameters=_PAGED)
    def get(self, request: Request, review: Any) -> Response:
        """One review with its lines, a page at a time."""
        return Response(_whole(self, review))


class AccessReviewFinishView(NounView):
    permission_needed = {"*": "people.view"}

    @extend_schema(request=AccessReviewEndIn, responses=AccessReviewWhole)
    def post(self, request: Request, review: Any) -> Response:
        """Freeze it as evidence, once every line is decided."""
        given = checked(AccessReviewEndIn, request)
        return self.once(lambda: Response(_whole(self, reviews.finish(review, actor=self.actor, **given).pk)))


class AccessReviewDecideView(NounView):
    permission_needed = {"*": "people.view"}

    @extend_schema(request=AccessReviewDecisionIn, responses=AccessReviewLineOut)
    def post(self, request: Request, line: Any) -> Response:
        """Keep one access, or revoke it: then it ends with this. Nobody decides about their own (rule R-05)."""
        given = checked(AccessReviewDecisionIn, request)
        return self.once(lambda: Response(AccessReviewLineOut(reviews.decide(line, actor=self.actor, **given)).data))


urlpatterns = [
    path("access-reviews/", AccessReviewsView.as_view(), name="api-access-reviews"),
    path("access-reviews/lines/<uuid:line>/decide/", AccessReviewDecideView.as_view(), name="api-access-review-decide"),
    path("access-reviews/<uuid:review>/", AccessReviewView.as_view(), name="api-access-review"),
    path("access-reviews/<uuid:review>/finish/", AccessReviewFinishView.as_view(), name="api-access-review-finish"),
]
