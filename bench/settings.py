"""The development settings, with the bare reference view beside the real pages."""

import os

from portal.settings.base import database
from portal.settings.development import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
# Nothing here is a person: a fast machine would be told to wait.
API_REQUESTS_PER_MINUTE = API_TOKEN_REQUESTS_PER_MINUTE = PAGE_REQUESTS_PER_MINUTE = 0
SECRET_KEY = "bench-" + "x" * 50
ALLOWED_HOSTS = ["*"]

# ruff: noqa: F405
# A superuser's connection, to which no policy applies: the yardstick of what policies cost.
DATABASES["unfenced"] = (
    database(os.environ["DATABASE_ADMIN_URL"]) if "DATABASE_ADMIN_URL" in os.environ else DATABASES["owner"]
)
DATABASES["unfenced"]["NAME"] = DATABASES["default"]["NAME"]
