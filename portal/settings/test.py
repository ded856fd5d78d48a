"""The test suite: quick hashing, mail in memory, every database alias one test database."""

import tempfile
from pathlib import Path

from portal.settings.base import *  # noqa: F403
from portal.settings.base import DATABASES

SECRET_KEY = "only-for-tests"
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CELERY_TASK_ALWAYS_EAGER = False
for _alias in ("auditor", "sequencer", "owner"):
    DATABASES[_alias]["TEST"] = {"MIRROR": "default"}  # type: ignore[index]
_scratch = Path(tempfile.mkdtemp(prefix="clearhold-test-"))
VAR = _scratch
STATIC_ROOT = _scratch / "static"
STATIC_ROOT.mkdir()
CLEARHOLD_BLOBS_DIR = _scratch / "blobs"
CLEARHOLD_KEYS_DIR = _scratch / "keys"
CLEARHOLD_SIGNER_DIR = _scratch / "signer"
CLEARHOLD_WORK_DIR = _scratch / "work"
DEBUG = False
CLEARHOLD_KEYS_CREATE = True
API_REQUESTS_PER_MINUTE = 0
API_TOKEN_REQUESTS_PER_MINUTE = 0
PAGE_REQUESTS_PER_MINUTE = 0
PUBLIC_REQUESTS_PER_MINUTE = 0
CLEARHOLD_UI_KIT = True
CLEARHOLD_SECURITY_CONTACT = "security@testserver.example"
