"""What every way of running shares. Anything secret or local comes from the environment or var/."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from portal import logs

ROOT = Path(__file__).resolve().parents[2]
VAR = Path(os.environ.get("CLEARHOLD_VAR", ROOT / "var"))


def database(url: str, role: str | None = None) -> dict[str, object]:
    """Django's dictionary for a postgresql:// URL; `role` is taken on connecting when the login is shared."""
    parts = urlsplit(url)
    options: dict[str, object] = dict(parse_qsl(parts.query))
    if role and unquote(parts.username or "") != role:
        options["options"] = f"{options.get('options', '')} -c role={role}".strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": str(options.pop("host", "") or unquote(parts.hostname or "")),
        "PORT": str(parts.port or options.pop("port", "") or ""),
        "OPTIONS": options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


_app_url = os.environ.get("DATABASE_URL", "postgresql://clearhold_app@127.0.0.1/clearhold")
DATABASES = {
    "default": database(_app_url, "clearhold_app"),
    "auditor": database(os.environ.get("DATABASE_AUDITOR_URL", _app_url), "clearhold_auditor"),
    "sequencer": database(os.environ.get("DATABASE_SEQUENCER_URL", _app_url), "clearhold_sequencer"),
    "owner": database(os.environ.get("DATABASE_OWNER_URL", _app_url), "clearhold_owner"),
}
DATABASE_ROUTERS = ["evidence.tenancy.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "guardian",
    "axes",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "evidence.organizations",
    "evidence.ledger",
    "evidence.controls",
    "evidence.vault",
    "evidence.artifacts",
    "evidence.retention",
    "evidence.uploads",
    "remediation.sod",
    "remediation.approvals",
    "remediation.findings",
    "remediation.tasks",
    "remediation.risk",
    "remediation.policies",
    "remediation.monitoring",
    "portal.accounts",
    "portal.access",
    "portal.jobs",
    "portal.engagements",
    "portal.packages",
    "portal.packages.signing",
    "portal.packages.links",
    "portal.notifications",
    "portal.watch",
    "portal.api",
    "portal.web",
]

MIDDLEWARE = [
    "portal.edge.forwarding.ForwardingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Before the static files: a worker's script needs the headers of the page that starts it.
    "portal.edge.headers.HeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.edge.witness.WitnessMiddleware",
    "portal.edge.headers.PolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "portal.edge.isolation.IsolationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.edge.sessions.SessionLimitsMiddleware",
    "portal.edge.tenancy.TenancyMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.web.shell.shell",
            ],
            "libraries": {"ui": "portal.web.templatetags.ui"},
            "builtins": ["django.templatetags.static"],
        },
    },
]

SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # it is unique without regard to case, by the constraint account_email_once
    "guardian.W001",  # portal/accounts/object_grants.py asks guardian, with a time box; its backend would not
    "security.W002",  # portal/edge/headers.py sends X-Frame-Options, beside frame-ancestors in the CSP
]

PERSON_MODEL = "accounts.Person"
MEMBERSHIP_MODEL = "accounts.Membership"
AUTH_USER_MODEL = "accounts.Account"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "portal.accounts.backend.RoleBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email"]},
    },
]
LOGIN_URL = "accounts:signin"
LOGIN_REDIRECT_URL = "accounts:home"

# django-guardian: rows of grants only, behind portal/accounts/object_grants.py (SECURITY.md section 3).
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_GET_CONTENT_TYPE = "guardian.ctypes.get_default_content_type"

# django-axes: an attacker is slowed by address and account together, so a victim elsewhere is not locked out.
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_FORM_FIELD = "email"
AXES_USERNAME_CALLABLE = "portal.accounts.throttling.username"
AXES_CLIENT_IP_CALLABLE = "portal.accounts.addresses.of"
AXES_LOCKOUT_CALLABLE = "portal.accounts.throttling.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_DISABLE_ACCESS_LOG = True

# django-allauth keeps the second factors, behind portal/accounts/factors.py; signing in and its pages are our own.
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
MFA_ADAPTER = "portal.accounts.factors.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Clearhold"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODE_DIGITS = 10
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_PASSKEY_LOGIN_ENABLED = True

# SECURITY.md section 3: idle 15 minutes, absolute 8 hours, fresh proof within 5 minutes.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_IDLE_SECONDS = 15 * 60
SESSION_ABSOLUTE_SECONDS = 8 * 60 * 60
SESSION_COOKIE_AGE = SESSION_ABSOLUTE_SECONDS
SESSION_COOKIE_HTTPONLY = True
DEVICE_COOKIE_NAME = "clearhold_device"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
# In a cookie they would lie in the browser after signing out.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_FAILURE_VIEW = "portal.web.errors.csrf_failure"
FRESH_AUTHENTICATION_SECONDS = 5 * 60

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "script-src-attr": ["'none'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        "object-src": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        # portal/static/js/trusted.js makes the two policies, before any other script runs.
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["clearhold", "default"],
        "report-uri": ["/policy-reports"],
        "report-to": ["policy"],
    }
}
CLEARHOLD_REPORTING = 'policy="/policy-reports"'

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [ROOT / "locale"]
USE_THOUSAND_SEPARATOR = False

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [ROOT / "portal" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "portal.staticfiles.ManifestStorage"},
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

CLEARHOLD_BLOBS_DIR = Path(os.environ.get("CLEARHOLD_BLOBS_DIR", VAR / "blobs"))
CLEARHOLD_BLOB_BACKEND = os.environ.get("CLEARHOLD_BLOB_BACKEND", "local")
CLEARHOLD_S3 = {
    "bucket": os.environ.get("CLEARHOLD_S3_BUCKET", ""),
    "endpoint": os.environ.get("CLEARHOLD_S3_ENDPOINT", ""),
    "region": os.environ.get("CLEARHOLD_S3_REGION", ""),
    "prefix": os.environ.get("CLEARHOLD_S3_PREFIX", ""),
    "access_key": os.environ.get("CLEARHOLD_S3_ACCESS_KEY_ID", ""),
    "secret_key": os.environ.get("CLEARHOLD_S3_SECRET_ACCESS_KEY", ""),
    "addressing": os.environ.get("CLEARHOLD_S3_ADDRESSING", "auto"),
    "lock_mode": os.environ.get("CLEARHOLD_S3_LOCK_MODE", ""),
    "lock_days": int(os.environ.get("CLEARHOLD_S3_LOCK_DAYS") or 0),
}
CLEARHOLD_VAULT_KEYRING = os.environ.get("CLEARHOLD_VAULT_KEYRING", "")
# Pieces of unfinished uploads; on several web servers a disk they share.
CLEARHOLD_UPLOADS_DIR = os.environ.get("CLEARHOLD_UPLOADS_DIR", "")
CLEARHOLD_KEYS_DIR = Path(os.environ.get("CLEARHOLD_KEYS_DIR", VAR / "keys"))
CLEARHOLD_SIGNER_DIR = Path(os.environ.get("CLEARHOLD_SIGNER_DIR", VAR / "signer"))
CLEARHOLD_WORK_DIR = Path(os.environ.get("CLEARHOLD_WORK_DIR", VAR / "work"))
# RFC 3161: who puts the time under checkpoints, and the roots its certificate must lead to.
CLEARHOLD_TSA_URL = os.environ.get("CLEARHOLD_TSA_URL", "")
CLEARHOLD_TSA_CA = os.environ.get("CLEARHOLD_TSA_CA", "")
# What seals packages (portal/packages/signing): a PKCS#12 file, or a folder with <organization>.p12; or a PKCS#11 module.
CLEARHOLD_SIGN = {
    "pkcs12": os.environ.get("CLEARHOLD_SIGN_PKCS12", ""),
    "passphrase": os.environ.get("CLEARHOLD_SIGN_PASSPHRASE", ""),
    "passphrase_file": os.environ.get("CLEARHOLD_SIGN_PASSPHRASE_FILE", ""),
    "pkcs11": os.environ.get("CLEARHOLD_SIGN_PKCS11", ""),
    "token": os.environ.get("CLEARHOLD_SIGN_PKCS11_TOKEN", ""),
    "serial": os.environ.get("CLEARHOLD_SIGN_PKCS11_SERIAL", ""),
    "label": os.environ.get("CLEARHOLD_SIGN_PKCS11_LABEL", ""),
    "level": os.environ.get("CLEARHOLD_SIGN_LEVEL", ""),
    "ca": os.environ.get("CLEARHOLD_SIGN_CA", ""),
}
# clamd: `unix:/run/clamav/clamd.ctl` or `host:port`; empty means that nothing is scanned, and pages say so.
CLEARHOLD_CLAMD = os.environ.get("CLEARHOLD_CLAMD", "")
# Larger files count as unscannable: clamd lets what is over its own limits (MaxFileSize, MaxScanSize) pass unread.
CLEARHOLD_CLAMD_MOST_BYTES = int(os.environ.get("CLEARHOLD_CLAMD_MOST_BYTES", 100 * 1024 * 1024))
# Who may say for whom a request is forwarded: the proxy before this installation.
CLEARHOLD_PROXIES = os.environ.get("CLEARHOLD_PROXIES", "127.0.0.1 ::1")
CLEARHOLD_TRUST_REQUEST_ID = os.environ.get("CLEARHOLD_TRUST_REQUEST_ID", "") == "1"
# RFC 9116: whom to tell of a weakness in this installation, or a file that somebody signed.
CLEARHOLD_SECURITY_CONTACT = os.environ.get("CLEARHOLD_SECURITY_CONTACT", "")
CLEARHOLD_SECURITY_POLICY = os.environ.get("CLEARHOLD_SECURITY_POLICY", "")
CLEARHOLD_SECURITY_TXT = os.environ.get("CLEARHOLD_SECURITY_TXT", "")
CLEARHOLD_BASE_URL = os.environ.get("CLEARHOLD_BASE_URL", "http://127.0.0.1:8000")

EMAIL_BACKEND = os.environ.get("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST = os.environ.get("EMAIL_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("EMAIL_USE_TLS", "") == "1"
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "clearhold@localhost")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.api.authentication.TokenAuthentication",
        "portal.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsing.StrictJSONParser"],
    # OPTIONS would describe a view to whoever may call another of its methods; the schema describes them all.
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "portal.api.schema.Operations",
    "EXCEPTION_HANDLER": "portal.api.problems.handle",
    "UNAUTHENTICATED_USER": None,
}
# For each address, of what may be read without an account.
PUBLIC_REQUESTS_PER_MINUTE = int(os.environ.get("PUBLIC_REQUESTS_PER_MINUTE", "600"))
# For each person, over all their tokens, and for each token; pages for each person.
API_TOKEN_REQUESTS_PER_MINUTE = int(os.environ.get("API_TOKEN_REQUESTS_PER_MINUTE", "1200"))
PAGE_REQUESTS_PER_MINUTE = int(os.environ.get("PAGE_REQUESTS_PER_MINUTE", "900"))
API_REQUESTS_PER_MINUTE = int(os.environ.get("API_REQUESTS_PER_MINUTE", "1200"))
SPECTACULAR_SETTINGS = {
    "TITLE": "Clearhold API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "portal.api.schema.with_problems"],
    # A client's types keep their names when another noun gets a field of the same name.
    "ENUM_NAME_OVERRIDES": {
        "SeverityEnum": "remediation.findings.states.Severity",
        "FindingStateEnum": "remediation.findings.states.State",
        "FindingLinkEnum": "remediation.findings.states.LinkKind",
        "RejectionEnum": "remediation.findings.states.Rejection",
        "TaskStateEnum": "remediation.tasks.models.TaskState",
        "EvidenceStateEnum": "evidence.artifacts.models.State",
        "ScanStateEnum": "evidence.artifacts.models.ScanState",
        "EvidenceKindEnum": "evidence.controls.models.EvidenceKind",
        "EngagementStateEnum": "portal.engagements.models.State",
        "EngagementKindEnum": "portal.engagements.models.Kind",
        "PackageStateEnum": "portal.packages.models.State",
        "PackageLinkStateEnum": ["open", "ended", "revoked"],
        "JobStateEnum": "portal.jobs.models.Job.State",
    },
    "DESCRIPTION": "Findings, tasks, approvals, evidence, packages and their history.",
}

CELERY_BROKER_URL = REDIS_URL
# SECURITY.md section 4: the table is the truth, the broker only rings.
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,
    "unacked_restore_interval": 2,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
}

LOGGING = logs.configuration(
    form=os.environ.get("CLEARHOLD_LOG", "lines"),
    level=os.environ.get("CLEARHOLD_LOG_LEVEL", "INFO"),
    syslog=os.environ.get("CLEARHOLD_LOG_SYSLOG", ""),
    details=os.environ.get("CLEARHOLD_LOG_DETAILS", "") == "1",
)
