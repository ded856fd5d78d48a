"""Refuse to start unsafe."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register


@register(Tags.security, deploy=True)
def the_secret_key_is_long(app_configs: Any, **kwargs: Any) -> list[Error]:
    if len(settings.SECRET_KEY) < 40:
        return [Error("SECRET_KEY is shorter than 40 characters.", id="clearhold.E001")]
    return []


@register(Tags.security, deploy=True)
def the_roles_are_apart(app_configs: Any, **kwargs: Any) -> list[Error]:
    """The web process must not sign in to PostgreSQL as the owner of its tables."""
    app, owner = settings.DATABASES["default"], settings.DATABASES["owner"]
    if app["USER"] == owner["USER"] and "role=" not in str(app["OPTIONS"]):
        return [
            Error(
                "DATABASE_URL signs in as the owner of the tables.",
                id="clearhold.E002",
                hint="Run `manage.py prepare_database`, then use the login of clearhold_app in DATABASE_URL.",
            )
        ]
    return []
