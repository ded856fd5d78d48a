"""`identities/`: pairs that may be one person, claims, their confirmation and dismissal."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.errors import Invalid
from portal.accounts import likenesses, linking
from portal.accounts.models import IdentityClaim
from portal.api.steps import Empty, checked
from portal.api.v1.findings import PersonOut
from portal.api.views import NounView, cursor_of


class PairOut(serializers.Serializer):
    first = PersonOut()
    second = PersonOut()
    evidence = serializers.ListField(child=serializers.CharField())


class IdentityClaimOut(PairOut):
    id = serializers.UUIDField()
    state = serializers.CharField()
    reason = serializers.CharField()
    made_by = PersonOut()
    made_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_reason = serializers.CharField()


class IdentitiesOut(serializers.Serializer):
    suggestions = PairOut(many=True)
    claims = IdentityClaimOut(many=True)
    next = serializers.CharField(allow_null=True, help_text="The cursor of the next suggestions.")


class IdentityClaimIn(serializers.Serializer):
    one = serializers.UUIDField()
    other = serializers.UUIDField()
    evidence = serializers.ListField(child=serializers.CharField(max_length=20), min_length=1, max_length=6)
    reason = serializers.CharField(max_length=400)


class ApartIn(serializers.Serializer):
    one = serializers.UUIDField()
    other = serializers.UUIDField()
    reason = serializers.CharField(max_length=400)


def _pair(likeness: likenesses.Likeness) -> dict[str, Any]:
    people = {"first": likeness.one, "second": likeness.other}
    return {key: {"id": party.id, "name": party.name} for key, party in people.items()} | {
        "evidence": list(likeness.evidence)
    }


def _claim(claim_id: Any) -> dict[str, Any]:
    found = likenesses.claimed(claim_id)
    assert found is not None
    return _line(found)


def _line(found: likenesses.Claimed) -> dict[str, Any]:
    row = found.row
    return _pair(found.likeness) | {
        "id": row.pk,
        "state": row.state,
        "reason": row.reason,
        "made_by": {"id": row.made_by_id, "name": row.made_by.name},
        "made_at": row.made_at,
        "ended_at": row.ended_at,
        "ended_reason": row.ended_reason,
    }


class IdentitiesView(NounView):
    permission_needed = {"GET": "people.view", "POST": "people.manage"}

    @extend_schema(
        operation_id="organizations_identities_list",
        responses=IdentitiesOut,
        parameters=[
            OpenApiParameter("cursor", str),
            OpenApiParameter("state", str, enum=list(IdentityClaim.State.values)),
        ],
    )
    def get(self, request: Request) -> Response:
        """Pairs that may be one person and of whom nobody has said anything, and the newest claims."""
        state = request.query_params.get("state", "open")
        if state not in IdentityClaim.State.values:
            raise Invalid("There is no such state.", fields={"state": ["open, linked or dismissed."]})
        after = self.after()
        if after is not None and not likenesses.is_key(after):
            raise Invalid("The cursor can't be read.", fields={"cursor": ["Use the “next” of a page."]})
        found, more = likenesses.suggestions(after=after or "")
        return Response(
            {
                "suggestions": [_pair(pair) for pair in found],
                "claims": [_line(one) for one in likenesses.claims(state)],
                "next": cursor_of(more) if more else None,
            }
        )

    @extend_schema(request=IdentityClaimIn, responses={201: IdentityClaimOut})
    def post(self, request: Request) -> Response:
        """Say that two people are one person. It counts once somebody else confirms it."""
        given = checked(IdentityClaimIn, request)
        return self.once(lambda: Response(_claim(linking.claim(**given, actor=self.actor).pk), status=201))


class IdentityConfirmView(NounView):
    permission_needed = {"*": "people.view"}

    @extend_schema(request=Empty, responses=IdentityClaimOut)
    def post(self, request: Request, claim: str) -> Response:
        """Confirm a claim that somebody else made: the two count as one person from then on."""

        def act() -> Response:
            linking.confirm(claim, actor=self.actor)  # type: ignore[arg-type]
            return Response(_claim(claim))

        return self.once(act)


class IdentityApartView(NounView):
    permission_needed = {"*": "people.manage"}

    @extend_schema(request=ApartIn, responses=IdentityClaimOut)
    def post(self, request: Request) -> Response:
        """Say that two people are two people; the reason is remembered."""
        given = checked(ApartIn, request)
        return self.once(lambda: Response(_claim(linking.tell_apart(**given, actor=self.actor).pk)))


urlpatterns = [
    path("identities/", IdentitiesView.as_view(), name="api-identities"),
    path("identities/apart/", IdentityApartView.as_view(), name="api-identity-apart"),
    path("identities/<uuid:claim>/confirm/", IdentityConfirmView.as_view(), name="api-identity-confirm"),
]
