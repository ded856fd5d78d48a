"""How the schema at /api/v1/schema/ names its operations and the two ways of signing in."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})


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


PROBLEM = {
    "type": "object",
    "description": "RFC 9457: what was refused and why. `code` is stable; `detail` says what would help.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {"description": "What is wrong with the input, by field."},
    },
    "required": ["type", "title", "status"],
}
REFUSALS = {"4XX": "Refused. Nothing was saved.", "503": "A part does not answer. Nothing was saved."}


def with_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Name in every operation how it refuses, so that a client needs no second kind of answer."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            if method in METHODS and "{organization}" in path:
                for status, words in REFUSALS.items():
                    operation["responses"].setdefault(status, {"description": words, "content": content})
    return result
