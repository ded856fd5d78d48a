"""How the schema at /api/v1/schema/ names its operations and the two ways of signing in."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "portal.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token of the organization: `Bearer clh_…`."}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "portal.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class Operations(AutoSchema):
    """Names the reading of a noun's address a list: our views are plain, so nothing else tells it from one object."""

    def get_operation_id(self) -> str:
        name: str = super().get_operation_id()
        is_list = self.method == "GET" and self.path.endswith("s/")
        return name.removesuffix("_retrieve") + "_list" if is_list and name.endswith("_retrieve") else name
