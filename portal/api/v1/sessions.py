"""`sessions/`: the caller's own sessions, and their end from afar."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts import own_sessions, sessions
from portal.accounts.models import Account
from portal.api.views import NounView


class SessionOut(serializers.Serializer):
    id = serializers.UUIDField()
    device = serializers.CharField(help_text="As the browser says of itself.")
    address = serializers.CharField()
    kind = serializers.CharField(help_text="How they signed in.")
    began_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()
    is_this = serializers.BooleanField(help_text="Whether this request came through it; never for a token.")


class SessionsOut(serializers.Serializer):
    results = SessionOut(many=True)


class EndedOut(serializers.Serializer):
    ended = serializers.IntegerField()


class OwnSessions(NounView):
    """Sessions are the account's, so whoever acts is asked for nothing but the scope."""

    permission_needed = {"*": "sessions.own"}

    @property
    def this(self) -> str | None:
        return self.request._request.session.session_key if self.actor.via == "session" else None


class SessionsView(OwnSessions):
    @extend_schema(operation_id="organizations_sessions_list", responses=SessionsOut)
    def get(self, request: Request) -> Response:
        """The caller's live sessions, the latest first, in whichever organization they are used."""
        found = sessions.of([self.actor.account_id], this=self.this) if self.actor.account_id else []
        return Response({"results": SessionOut(found, many=True).data})


class SessionView(OwnSessions):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, session: Any) -> Response:
        """End one of the caller's sessions: its next request is nobody's."""
        sessions.end(self.actor.account_id, session)  # type: ignore[arg-type]
        return Response(status=status.HTTP_204_NO_CONTENT)


class OthersView(OwnSessions):
    @extend_schema(request=None, responses=EndedOut)
    def post(self, request: Request) -> Response:
        """End every session of the caller but this one; a token ends them all. The owner is told by mail."""
        account = Account.objects.get(pk=self.actor.account_id)
        return Response({"ended": own_sessions.end_others(account, this=self.this)})


urlpatterns = [
    path("sessions/", SessionsView.as_view(), name="api-sessions"),
    path("sessions/end-others/", OthersView.as_view(), name="api-sessions-end-others"),
    path("sessions/<uuid:session>/", SessionView.as_view(), name="api-session"),
]
