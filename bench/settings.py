"""The development settings, with the bare reference view beside the real pages."""

from portal.settings.development import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
API_REQUESTS_PER_MINUTE = 0
SECRET_KEY = "bench-" + "x" * 50
ALLOWED_HOSTS = ["*"]
