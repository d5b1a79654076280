"""Every setting, from the environment. Each variable has a line in docs/settings.md (a test compares the two)."""

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

STATE_DIR = Path(env.str("FANWISE_STATE", default=str(BASE_DIR / ".state")))
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is empty. Start through ./run, or set a random value of 50+ characters.")
FIELD_ENCRYPTION_KEYS: list[str] = env.list("FIELD_ENCRYPTION_KEYS", default=[])
"""Master keys of stored secrets, 32 random bytes in base64 each: the first encrypts, all decrypt."""
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "django_htmx",
    "template_partials",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "common",
    "accounts",
    "catalog",
    "audience",
    "connectors",
    "modeling",
    "recommendations",
    "campaigns",
    "demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "common.security.ContentSecurityPolicyMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "accounts.middleware.ApiMiddleware",  # answers calls; what follows is for pages
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.TenantMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "accounts.context.brand",
            ],
        },
    }
]

# --- Database: the site runs as `fanwise_app` (row-level security binds it); migrations run as the owner. ---
DATABASES = {
    "default": env.db("DATABASE_URL", default="postgres://fanwise_app@127.0.0.1:5432/fanwise"),
    "owner": env.db("DATABASE_OWNER_URL", default=env.str("DATABASE_URL", default="postgres://127.0.0.1/fanwise")),
}
for _alias, _database in DATABASES.items():
    _database["ENGINE"] = "common.postgresql"
    _database["CONN_HEALTH_CHECKS"] = True
    _database["CONN_MAX_AGE"] = 600
    _database.setdefault("OPTIONS", {})
    _database["TEST"] = {"NAME": env.str("FANWISE_TEST_DB", default="test_fanwise")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_ROUTERS = ["accounts.tenancy.OwnerRouter"]

CACHE_URL = env.str("CACHE_URL", default="redis://127.0.0.1:6379/1")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}}

# --- Queues ---
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="redis://127.0.0.1:6379/0")
CELERY_RESULT_BACKEND = None  # progress and results live in Job rows
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ACKS_LATE = False  # a lost job is revived from its row, not from the broker
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
}
JOB_LEASE_SECONDS = env.int("JOB_LEASE_SECONDS", default=60)
JOB_HEARTBEAT_SECONDS = env.float("JOB_HEARTBEAT_SECONDS", default=5.0)
JOB_MAX_ATTEMPTS = env.int("JOB_MAX_ATTEMPTS", default=3)

# --- Files ---
STORAGE_URL = env.str("STORAGE_URL", default="")
MEDIA_ROOT = STATE_DIR / "media"
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"] + [
    (prefix, folder)
    for prefix, folder in (
        ("tabler", BASE_DIR / "node_modules/@tabler/core/dist"),
        ("icons", BASE_DIR / "node_modules/@tabler/icons-webfont/dist"),
        ("echarts", BASE_DIR / "node_modules/echarts/dist"),
        ("alpine", BASE_DIR / "node_modules/@alpinejs/csp/dist"),
    )
    if folder.exists()
]


def _storage(url: str) -> dict[str, object]:
    """Django's storage entry for `file:///folder`, `s3://bucket/prefix` or '' (a folder in the state directory)."""
    if not url or url.startswith("file://"):
        location = url.removeprefix("file://") or str(MEDIA_ROOT)
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": location}}
    if url.startswith("s3://"):
        bucket, _sep, prefix = url.removeprefix("s3://").partition("/")
        options = {"bucket_name": bucket, "location": prefix, "endpoint_url": env.str("S3_ENDPOINT_URL", default=None)}
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    raise ImproperlyConfigured("STORAGE_URL must be file:///folder or s3://bucket/prefix.")


STORAGES = {
    "default": _storage(STORAGE_URL),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
MODEL_DIR = Path(env.str("MODEL_DIR", default=str(STATE_DIR / "models")))
"""Datasets, checkpoints and model versions; on one machine a folder, on several a shared file system."""
MODEL_CACHE_TENANTS = env.int("MODEL_CACHE_TENANTS", default=64)
TEXT_ENCODER_DIR = env.str("TEXT_ENCODER_DIR", default="")
"""Directory of a pretrained text encoder (config.json, vocab.txt, model.safetensors); item vectors use it."""
IMAGE_ENCODER_DIR = env.str("IMAGE_ENCODER_DIR", default="")
"""Directory of a pretrained picture encoder (the vision tower of a CLIP)."""
TRAINING_THREADS = env.int("TRAINING_THREADS", default=2)
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=2 * 1024**3)
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("REQUEST_MAX_BYTES", default=5 * 1024**2)
FILE_UPLOAD_TEMP_DIR = None

# --- People ---
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = env.str("EMAIL_VERIFICATION", default="none" if DEBUG else "mandatory")
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_RATE_LIMITS = {"login_failed": env.str("LOGIN_FAILED_RATE", default="10/5m/ip,5/5m/key")}
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "accounts:home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Fanwise <no-reply@localhost>")

# --- Language and time ---
USE_I18N = True
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

# --- Transport security ---
IS_HTTPS = env.bool("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = ["^healthz$"]  # probes inside the cluster speak plain HTTP
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_PROXY else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
X_FRAME_OPTIONS = "DENY"

# --- WeChat ---
WECHAT_API_URL = env.str("WECHAT_API_URL", default="https://api.weixin.qq.com")
SIMULATOR_URL = env.str("SIMULATOR_URL", default="")
"""Address of the platform simulator; with it, practice accounts may be connected."""
PUBLIC_URL = env.str("PUBLIC_URL", default="")
"""Address under which WeChat reaches this site, when it differs from the one in the browser."""
PUSH_KEEP_DAYS = env.int("PUSH_KEEP_DAYS", default=30)
MESSAGE_KEEP_DAYS = env.int("MESSAGE_KEEP_DAYS", default=365)
DELETION_DELAY_DAYS = env.int("DELETION_DELAY_DAYS", default=15)
OPEN_PLATFORM_APP_ID = env.str("OPEN_PLATFORM_APP_ID", default="")
OPEN_PLATFORM_SECRET = env.str("OPEN_PLATFORM_SECRET", default="")
OPEN_PLATFORM_TOKEN = env.str("OPEN_PLATFORM_TOKEN", default="")
OPEN_PLATFORM_AES_KEYS: list[str] = env.list("OPEN_PLATFORM_AES_KEYS", default=[])

# --- Tracker ---
COLLECT_RATE_PER_KEY = env.int("COLLECT_RATE_PER_KEY", default=12_000)
COLLECT_RATE_PER_ADDRESS = env.int("COLLECT_RATE_PER_ADDRESS", default=600)

# --- REST API ---
API_RATE_PER_MINUTE = env.int("API_RATE_PER_MINUTE", default=1200)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.authentication.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.authentication.KeyRateThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.api.handle_exception",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Fanwise API",
    "VERSION": "1",
    "DESCRIPTION": "Contacts, items, events, imports, datasets, training runs, model versions, profiles, "
    "recommendations and connected accounts of one brand. The brand follows from the API key.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ItemKind": "catalog.models.Item.Kind",
        "IdentityKind": "audience.models.Identity.Kind",
        "EventWord": "audience.kinds.WORD_CHOICES",
        "ItemState": "catalog.models.Item.State",
        "JobState": "accounts.models.Job.State",
        "ImportState": "audience.models.Import.State",
        "ConsentState": "audience.models.Consent.State",
        "ModelStage": "modeling.models.ModelVersion.Stage",
        "ModelPurpose": "modeling.models.Purpose",
        "StudyKind": "modeling.models.Study.Kind",
        "TrainingPreset": "modeling.recipes.PRESETS",
        "AccountKind": "connectors.models.ConnectedAccount.Kind",
        "AccountRoute": "connectors.models.ConnectedAccount.Route",
        "AccountState": "connectors.models.ConnectedAccount.State",
        "SyncKind": "connectors.models.SyncRun.Kind",
        "QrCodePurpose": "connectors.models.QrCode.Purpose",
        "MenuOrigin": "connectors.models.MenuVersion.Origin",
        "PublicationState": "connectors.models.Publication.State",
        "MessageDirection": "connectors.models.MessageLog.Direction",
        "MessageState": "connectors.models.MessageLog.State",
    },
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
}
