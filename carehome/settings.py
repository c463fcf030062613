"""Settings of every process: web, worker, beat, commands and tests. What differs between places is the environment."""

from pathlib import Path

from carehome import environment as env
from carehome import logging

BASE_DIR = env.ROOT
VAR_DIR = Path(env.text("CAREHOME_VAR") or BASE_DIR / "var")
env.load_runtime(VAR_DIR)
KEY_DIR = Path(env.text("CAREHOME_KEY_DIR") or VAR_DIR / "keys")

DEBUG = env.flag("CAREHOME_DEBUG")
SECRET_KEY = env.secret_file("CAREHOME_SECRET_KEY_FILE", KEY_DIR / "secret_key")
ALLOWED_HOSTS = env.words("CAREHOME_ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.words("CAREHOME_TRUSTED_ORIGINS")
TRUSTED_PROXIES = env.number("CAREHOME_TRUSTED_PROXIES", 0)
INSECURE_HTTP = env.flag("CAREHOME_INSECURE_HTTP")  # the two-command set-up on one machine; refused by check --deploy

INSTALLED_APPS = [
    "carehome",
    "compliance",
    "records",
    "backups",
    "access",
    "audit",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "guardian",
    "auditlog",
    "axes",
    "django_otp",
    "csp",
    "django_htmx",
    "django_structlog",
]

# organisation → session → lock → staff → device, then what was read is sealed before the answer leaves.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "csp.middleware.CSPMiddleware",
    "carehome.middleware.headers",
    "access.middleware.organisation",
    "access.middleware.session",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "access.middleware.lock",
    "access.middleware.staff",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "access.middleware.Refusals",
    "access.middleware.views",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "carehome.urls"
WSGI_APPLICATION = "carehome.wsgi.application"
FORM_RENDERER = "carehome.forms.NhsukRenderer"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "carehome.context.shell",
            ]
        },
    }
]

# --- database -------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.database(env.text("DATABASE_URL", "postgresql://carehome_app@/carehome"))}
if DATABASE_POOL := env.number("CAREHOME_DATABASE_POOL", 0):
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DATABASE_POOL}  # type: ignore[index]
if DATABASE_OWNER_URL := env.text("DATABASE_OWNER_URL"):
    DATABASES["owner"] = env.database(DATABASE_OWNER_URL)
DATABASE_BACKUP_URL = env.text("DATABASE_BACKUP_URL")
DATABASE_APP_ROLE = "carehome_app"
DATABASE_AUDIT_ROLE = "carehome_audit"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# auditlog's own table is swapped for audit.Event and must not be made; guardian's generic tables carry no organisation
# and stay empty: our grants live in access.CareHomeGrant.
MIGRATION_MODULES = {"auditlog": None}

# --- people and sessions --------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "access.Staff"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "access.backends.StaffBackend",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "access:sign_in"
SESSION_ENGINE = "access.sessions"
SESSION_COOKIE_NAME = "carehome_session" if INSECURE_HTTP else "__Host-carehome_session"
SESSION_COOKIE_AGE = 12 * 60 * 60  # seconds; the absolute limit, whatever is done meanwhile
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = not INSECURE_HTTP
SESSION_EXPIRE_AT_BROWSER_CLOSE = False
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
CSRF_USE_SESSIONS = False
CSRF_COOKIE_SECURE = not INSECURE_HTTP
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "carehome_csrf" if INSECURE_HTTP else "__Host-carehome_csrf"
CSRF_FAILURE_VIEW = "carehome.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

GUARDIAN_GROUP_OBJ_PERMS_MODEL = "guardian.GroupObjectPermission"
GUARDIAN_GET_INIT_ANONYMOUS_USER = None
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False

# One typo must not lock out a whole home behind one address: count by account and address together.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True  # sign-ins are ledger entries
AXES_USERNAME_CALLABLE = "access.throttling.account_key"  # a keyed digest: axes' tables hold no email
AXES_CLIENT_IP_CALLABLE = "access.throttling.client_address"
AXES_LOCKOUT_CALLABLE = "access.throttling.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "email", "password", "pin"]
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# --- the ledger -----------------------------------------------------------------------------------------------------
AUDITLOG_LOGENTRY_MODEL = "audit.Event"
AUDIT_CIPHER = "access.ledger.LedgerCipher"
AUDIT_SIGNING_KEY_FILE = Path(env.text("CAREHOME_SIGNING_KEY_FILE") or KEY_DIR / "signing.pem")
AUDIT_SIGNER_NAME = env.text("CAREHOME_SIGNER_NAME", "carehome.example/ledger")
AUDIT_KEYRING_FILE = Path(env.text("CAREHOME_KEYRING_FILE") or AUDIT_SIGNING_KEY_FILE.with_name("signing-keys.json"))
AUDIT_ANCHORS = env.words("CAREHOME_ANCHORS")  # beside the append-only file, which is always on
# After these a checkpoint is signed within seconds, not within the half minute that everything else may wait.
AUDIT_URGENT_ACTIONS = [
    "access.role.given",
    "access.shift.granted",
    "access.staff.added",
    "access.staff.left",
    "access.token.made",
    "audit.key.rotated",
    "audit.ledger.broken",
    "audit.ledger.extracted",
    "audit.ledger.restored",
    "compliance.access_report.printed",
    "compliance.access_report.shared",
    "compliance.ledger.export_downloaded",
    "compliance.ledger.exported",
    "compliance.pack.built",
    "compliance.pack.downloaded",
    "compliance.pack.written",
    "compliance.report.exported",
    "records.resident.erased",
]
# Where closed days of the ledger are written as signed files, nightly; nowhere unless it is set.
AUDIT_SEGMENT_DIR = Path(env.text("CAREHOME_SEGMENT_DIR")) if env.text("CAREHOME_SEGMENT_DIR") else None
AUDIT_ANCHOR_DIR = Path(env.text("CAREHOME_ANCHOR_DIR") or VAR_DIR / "anchor")

# --- keys, files ----------------------------------------------------------------------------------------------------
WRAPPING_KEY_PROVIDER = env.text("CAREHOME_WRAPPING_KEY_PROVIDER", "access.wrapping.FileWrappingKey")
WRAPPING_KEY_FILE = Path(env.text("CAREHOME_WRAPPING_KEY_FILE") or KEY_DIR / "wrapping.key")
AGE_RECIPIENTS_FILE = Path(env.text("CAREHOME_AGE_RECIPIENTS_FILE") or KEY_DIR / "backup.age-recipients")
AGE_IDENTITY_FILE = Path(env.text("CAREHOME_AGE_IDENTITY_FILE") or KEY_DIR / "backup.age-identity")
BACKUP_KEEP_DAILY = env.number("CAREHOME_BACKUP_KEEP_DAILY", 14)  # sets, one a day
BACKUP_KEEP_WEEKLY = env.number("CAREHOME_BACKUP_KEEP_WEEKLY", 8)  # sets, one a week
BACKUP_DESTINATION = env.text("CAREHOME_BACKUP_DESTINATION") or (VAR_DIR / "backups").as_uri()
PACK_DIR = VAR_DIR / "packs"

# --- mail -----------------------------------------------------------------------------------------------------------
MAIL = env.mail_server(env.text("CAREHOME_SMTP"))
EMAIL_HOST, EMAIL_PORT = MAIL.host, MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.user, MAIL.password
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL.starttls, MAIL.tls
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.text("CAREHOME_MAIL_FROM", "carehome@localhost")

# --- background work ------------------------------------------------------------------------------------------------
REDIS_URL = env.text("REDIS_URL", "redis://localhost:6379/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 6 * 60 * 60,
    "socket_connect_timeout": 3,
    "socket_timeout": 10,
    # A page that enqueues must not stand still for seconds when the broker is away: the row waits, the schedule sends.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
CELERY_TIMEZONE = "Europe/London"

# --- the API --------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "access.api.authentication.SessionAuthentication",
        "access.api.authentication.TokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["access.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "access.api.pages.Pages",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "access.api.errors.explain",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "carehome",
    "DESCRIPTION": "Residents and daily notes, under the same policies and the same ledger as the pages.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- language, time, static files, headers --------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English"), ("cy", "Cymraeg")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Europe/London"  # what people read; the database stores UTC
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "carehome.staticfiles.Storage"},
}
MEDIA_ROOT = VAR_DIR / "media"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes; a note holds 4,000 characters
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o600

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = not INSECURE_HTTP
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 0 if INSECURE_HTTP else 63072000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not INSECURE_HTTP
SECURE_HSTS_PRELOAD = not INSECURE_HTTP
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
X_FRAME_OPTIONS = "DENY"
LOGGING = logging.CONFIG
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_USER_ID_FIELD = None
DJANGO_STRUCTLOG_CELERY_ENABLED = False
SILENCED_SYSTEM_CHECKS = [
    "security.W002"
]  # X-Frame-Options is set by carehome.middleware.headers beside frame-ancestors
