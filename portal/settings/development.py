"""`make run`: one machine, loopback only, embedded servers."""

import secrets

from portal.settings.base import *  # noqa: F403
from portal.settings.base import CLEARHOLD_KEYS_DIR, LOGGING, VAR


def _kept_secret(name: str) -> str:
    CLEARHOLD_KEYS_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = CLEARHOLD_KEYS_DIR / name
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()


DEBUG = False
SECRET_KEY = _kept_secret("django-secret")
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = VAR / "mail"
CLEARHOLD_KEYS_CREATE = True
# A line for each request would hide what `make run` has to say.
LOGGING["loggers"]["clearhold.access"] = {"level": "WARNING"}
