"""Who calls the API: already identified by the request's edge, by bearer token or by session with CSRF."""

from typing import Any

from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer clh_…`: portal/edge/tenancy.py looked the token up before the view began."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return None
        actor = getattr(request._request, "actor", None)
        if actor is None or actor.via != "token":
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        return request._request.user, actor

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="clearhold"'


class SessionAuthentication(authentication.SessionAuthentication):
    """A signed-in browser; unsafe methods carry the CSRF token."""
