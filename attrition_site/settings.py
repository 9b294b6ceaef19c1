"""Settings, driven by environment variables (`.env.example` names each of them).

With nothing set, this is a development machine: SQLite and a generated secret under `var/`.
Outside development a missing or weak secret stops the start.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from attrition_site import secrets as secret_keys
from attrition_site.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(BASE_DIR)

VERSION = "0.1.0"

ENVIRONMENT = env.name
DEVELOPMENT = env.development
# A demonstration for the public: accounts that everyone knows, on a database made for each start.
DEMO = env.demo

# Everything the installation writes: the SQLite database, the development secret.
VAR_DIR = env.path("VAR_DIR", BASE_DIR / "var")


def _development_secret() -> str:
    """A secret of this machine's own, made once: no two installations share a default."""
    file = VAR_DIR / "secret_key"
    if not file.exists():
        # Written beside it and then linked: it is there whole or not at all, and of two first
        # starts at once both take the one that came first.
        with tempfile.NamedTemporaryFile("w", dir=VAR_DIR) as draft:  # only the owner reads it
            draft.write(secrets.token_urlsafe(50))
            draft.flush()
            os.fsync(draft.fileno())
            with suppress(FileExistsError):
                os.link(draft.name, file)
    return file.read_text()


DEBUG = env.flag("DEBUG", False)
if DEBUG and not DEVELOPMENT:
    env.refuse(
        f"DEBUG shows settings and code to whoever meets an error: unset it in {ENVIRONMENT}."
    )
SECRET_KEY = env.key("SECRET_KEY")
if not SECRET_KEY and (DEVELOPMENT or DEMO):
    env.make_folder("VAR_DIR", VAR_DIR)
    try:
        SECRET_KEY = _development_secret()
    except OSError as error:
        env.refuse(
            f"The secret in {VAR_DIR} cannot be kept or read: {error.strerror}. Set VAR_DIR to a"
            " folder of yours, or SECRET_KEY."
        )
elif not SECRET_KEY:
    env.refuse(f"SECRET_KEY is not set. {secret_keys.HOW}")
JWT_SIGNING_KEY = env.key("JWT_SIGNING_KEY")
if JWT_SIGNING_KEY and JWT_SIGNING_KEY == SECRET_KEY and not DEVELOPMENT:
    env.refuse(
        "JWT_SIGNING_KEY is SECRET_KEY again: unset it, and a key of its own is derived, or set"
        " another one."
    )
# Whoever learns the one cannot compute the other from it, so a program that may check tokens
# cannot make sessions.
JWT_SIGNING_KEY = (
    JWT_SIGNING_KEY
    or salted_hmac(
        "attrition.jwt", "signing key", secret=SECRET_KEY, algorithm="sha256"
    ).hexdigest()
)
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "attrition_site.apps.AuditAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "csp",
    "accounts",
    "mlcore",
    "predictions",
    "django_q",  # after `mlcore`, whose command `qcluster` is the one to be found
]

MIDDLEWARE = [
    "attrition_site.requests.middleware.ObservedRequestMiddleware",
    "attrition_site.requests.head.HeadMiddleware",
    # What an answer may do in a browser is said of every one, whoever gives it.
    "attrition_site.requests.page_middleware.ContentPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "attrition_site.requests.page_middleware.PrivacyMiddleware",
    "attrition_site.requests.page_middleware.PageSessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "attrition_site.requests.bodies.KnownLengthMiddleware",
    "attrition_site.requests.bodies.BodyLimitMiddleware",
    "attrition_site.requests.throttled.ThrottleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "attrition_site.requests.page_middleware.PageUserMiddleware",
    "attrition_site.requests.page_middleware.SignInMiddleware",
    "attrition_site.requests.page_middleware.PageMessageMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "attrition_site.urls"
WSGI_APPLICATION = "attrition_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {"demonstration": "attrition_site.demonstration"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# ------------------------------------------------------------------ database

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.database(
        "DATABASE_URL",
        f"sqlite:///{VAR_DIR / ('demo.sqlite3' if DEMO else 'attrition.sqlite3')}",
        password_name="DATABASE_PASSWORD",  # noqa: S106 (the name of a variable)
    )
}
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    env.make_folder("VAR_DIR", VAR_DIR)
    # Tests share their database between threads, as the product does: a file, not a memory.
    # Its name holds the process, so that two runs at once do not meet.
    _database["TEST"] = {"NAME": f"{tempfile.gettempdir()}/attrition-test-{os.getpid()}.sqlite3"}
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    _database["ENGINE"] = "attrition_site.postgresql"
    _database["CONN_MAX_AGE"] = 0  # where connections are kept, a pool does it (see `wsgi.py`)
    _database.setdefault("OPTIONS", {}).update(
        {
            "connect_timeout": 2,
            # A server that is gone without a word: milliseconds that sent data may stay unanswered,
            # and seconds of silence after which it is asked whether it is there.
            "tcp_user_timeout": 5000,
            "keepalives_idle": 5,
            "keepalives_interval": 1,
            "keepalives_count": 3,
            # 0 is without limit, whatever the role or the server has: a backup stands still while
            # it is written, and an index takes its time. Web processes have limits (see below). The
            # server asks as well: what a machine held that is gone without a word is free again in
            # half a minute.
            "options": "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
            f" -c lock_timeout={env.number('DATABASE_LOCK_SECONDS', 0)}s"
            " -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
            # A statement that comes again is planned once per connection: every prediction's are.
            "server_side_binding": True,
            "prepare_threshold": 3,
        }
    )
# What each connection of a web process asks for as well, and no other process's (see `wsgi.py`).
# What a process holds that stands still in the middle of a transaction, or whose download nobody
# takes any more, is free again after a minute.
DATABASE_STATEMENT_SECONDS = env.number("DATABASE_STATEMENT_SECONDS", 10)
DATABASE_WEB_LIMITS = (
    f" -c statement_timeout={DATABASE_STATEMENT_SECONDS}s"
    " -c idle_in_transaction_session_timeout="
    f"{env.number('DATABASE_IDLE_TRANSACTION_SECONDS', 60)}s"
)
# The connections that a web process keeps; no other process does, whatever is set here. The
# background worker forks, and of a kept connection both processes would then write to one socket.
# A request waits `timeout` seconds for a connection and is then answered 503. Who cannot connect
# tries again after `reconnect_timeout` seconds and gives up; the next request begins anew. (Left
# alone, the pool pauses twice as long each time: the site would stay away when the database is
# back.)
DATABASE_POOL = {
    "min_size": 1,
    "max_size": env.number("DATABASE_POOL_SIZE", 8, least=1),
    "timeout": 1.5,
    "reconnect_timeout": 1.0,
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ------------------------------------------------------------------ people

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "accounts.backends.RoleBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {},
        "MinimumLengthValidator": {"min_length": env.number("PASSWORD_MIN_LENGTH", 12, least=8)},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]
AUTH_PASSWORD_VALIDATORS += [{"NAME": "accounts.validators.PublishedPasswordValidator"}]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "accounts:login"
DEMO_PASSWORD = env.text("DEMO_PASSWORD", "attrition-demo")

SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=1),
    "USER_ID_CLAIM": "sub",
}

# How many reverse proxies of ours stand in front, or in which networks: as far as they wrote it,
# `X-Forwarded-For` says from where a request comes.
TRUSTED_PROXIES = env.proxies("TRUSTED_PROXIES")
# Five failures of a username from an address close that door for fifteen minutes, and so do many
# failures from an address, whatever the usernames.
AXES_HANDLER = "accounts.lockout.LockoutHandler"
AXES_FAILURE_LIMIT = 5
LOCKOUT_ADDRESS_FAILURES = env.number("LOCKOUT_ADDRESS_FAILURES", 50, least=5)
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "accounts.addresses.counted_address"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True  # `last_login` says as much, and does not grow
AXES_LOCKOUT_CALLABLE = "accounts.lockout.locked_response"
AXES_CLIENT_STR_CALLABLE = "accounts.lockout.unnamed_client"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["attrition_site.requests.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttling.CallThrottle"],
    "EXCEPTION_HANDLER": "attrition_site.requests.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Attrition",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"defaultModelsExpandDepth": -1, "tryItOutEnabled": True},
    "SORT_OPERATIONS": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "PREPROCESSING_HOOKS": ["attrition_site.openapi.only_versioned"],
    "POSTPROCESSING_HOOKS": ["attrition_site.openapi.complete"],
}

# ------------------------------------------------------------------ words

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.time_zone("TIME_ZONE", "UTC")
USE_I18N = True
FORMAT_MODULE_PATH = "attrition_site.formats"
USE_TZ = True

# ------------------------------------------------------------------ static files

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.path("STATIC_ROOT", VAR_DIR / "staticfiles")
env.make_folder("STATIC_ROOT", STATIC_ROOT)
# In development files are served as they lie; elsewhere `collectstatic` bakes and compresses them.
WHITENOISE_USE_FINDERS = DEVELOPMENT
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no other site has a use for them
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEVELOPMENT
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# ------------------------------------------------------------------ security

# Who may show the pages in a frame of theirs, as https://host: nobody, unless it is named.
FRAME_ANCESTORS = env.origins("FRAME_ANCESTORS")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": FRAME_ANCESTORS or [NONE],
    }
}
CSRF_FAILURE_VIEW = "attrition_site.requests.problems.csrf_failure"
# The older header knows no names: next to a policy that does, every browser passes it over.
X_FRAME_OPTIONS = "SAMEORIGIN" if FRAME_ANCESTORS else "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", not DEVELOPMENT)
SESSION_ENGINE = "accounts.sessions"
# Seconds after the last thing that a person did; and after they signed in, whatever they do.
SESSION_COOKIE_AGE = env.number("SESSION_IDLE_SECONDS", 30 * 60, least=120)
SESSION_LIFETIME_SECONDS = env.number("SESSION_LIFETIME_SECONDS", 12 * 60 * 60, least=120)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
# In another site's frame a browser sends no other cookies than those that are meant for that.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = (
    "None" if FRAME_ANCESTORS else "Lax"
)
_over_https = SECURE_SSL_REDIRECT or not DEVELOPMENT
if FRAME_ANCESTORS and not _over_https:
    env.refuse(
        "FRAME_ANCESTORS is set, but a browser keeps no cookie in a frame without HTTPS: set"
        " SECURE_SSL_REDIRECT to true, or unset it."
    )
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _over_https
# A browser takes a cookie of such a name from this very host and over HTTPS alone: another host of
# the same domain cannot put one in its place.
SESSION_COOKIE_NAME = "__Host-sessionid" if _over_https else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if _over_https else "csrftoken"
# A probe asks the process itself, over HTTP.
SECURE_REDIRECT_EXEMPT = [r"^(api/v1/)?health$", r"^health/(live|ready)$"]
# A staging host may go back to HTTP within the hour; production has its name for itself.
_hsts = {"development": 0, "demo": 3600, "staging": 3600, "production": 31536000}
SECURE_HSTS_SECONDS = env.number("SECURE_HSTS_SECONDS", _hsts[ENVIRONMENT])
SECURE_PROXY_SSL_HEADER = env.https_header("SECURE_PROXY_SSL_HEADER")
# Whether subdomains have HTTPS, and browsers' lists should say so, is for the domain to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# The largest request body in bytes, looked at before anything is parsed; where people sign in, less
# will do, and where a file is brought, the file's own limit holds.
SIGN_IN_MAX_BODY = 16 * 1024
API_MAX_BODY = env.number("API_MAX_BODY", 2 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = API_MAX_BODY
# A file of 200 columns makes a form of up to five fields for each.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1500
DATA_UPLOAD_MAX_NUMBER_FILES = 1

# How often per minute someone may ask; 0 is without limit. `accounts.throttling` says what counts.
THROTTLE_ADDRESS = env.number("THROTTLE_ADDRESS", 6000)
THROTTLE_USER = env.number("THROTTLE_USER", 1200)
THROTTLE_EMPLOYEES = env.number("THROTTLE_EMPLOYEES", 60_000)
if 0 < THROTTLE_EMPLOYEES < 1000:
    env.refuse("THROTTLE_EMPLOYEES lets no batch of 1,000 through: set it to 1000 or more, or 0.")
THROTTLE_SIGN_IN = env.number("THROTTLE_SIGN_IN", 60)
THROTTLE_ASSESS = env.number("THROTTLE_ASSESS", 300)
THROTTLE_FILES = env.number("THROTTLE_FILES", 60)

# By how much the clocks of two machines may differ: what is further ahead was written by a clock
# that was wrong.
CLOCKS_DIFFER = timedelta(minutes=1)

# ------------------------------------------------------------------ models

# How long a process may go on with the model it knows before it asks which one is active.
MODEL_REFRESH_SECONDS = 2.0
# The largest upload of a labelled file, in bytes, and for how long such a file is kept.
TRAINING_MAX_BODY = env.number("TRAINING_MAX_BODY", 50 * 1024 * 1024)
TRAINING_FILE_DAYS = env.number("TRAINING_FILE_DAYS", 30)

# ------------------------------------------------------------------ files of employees

# The largest file of employees, in bytes.
BATCH_MAX_BODY = env.number("BATCH_MAX_BODY", 200 * 1024 * 1024)
# For how long a file that waits for a person is kept, and the cells of rows that were refused.
BATCH_FILE_DAYS = env.number("BATCH_FILE_DAYS", 7)

# ------------------------------------------------------------------ serving

# Where the web server listens.
HOST = env.text("HOST", "127.0.0.1")
PORT = env.number("PORT", 8000, least=1, most=65535)
# Processes of one web server, and the requests that each of them answers at the same time.
WEB_WORKERS = env.number("WEB_WORKERS", 2, least=1)
WEB_THREADS = env.number("WEB_THREADS", 4, least=1)

# ------------------------------------------------------------------ background work

Q_CLUSTER = {
    "name": "attrition",
    "orm": "default",
    "workers": env.number("WORKERS", 1, least=1),
    # A process takes what it can do now, and leaves the rest to others.
    "bulk": 1,
    "queue_limit": 1,
    # A task of a process that was killed comes back after `retry` seconds.
    "timeout": 60,
    "retry": 90,
    "ack_failures": True,
    "max_attempts": 5,
    "catch_up": False,
    "label": _("Background work"),
}

# ------------------------------------------------------------------ logs and metrics

LOG_LEVEL = env.choice(
    "LOG_LEVEL",
    "WARNING" if DEVELOPMENT else "INFO",
    ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
)
LOG_FORMAT = env.choice("LOG_FORMAT", "plain" if DEVELOPMENT else "json", ("plain", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"record": {"()": "attrition_site.observability.logs.RecordFilter"}},
    "formatters": {"plain": {"()": "attrition_site.observability.logs.PlainFormatter"}},
    "handlers": {
        "json": {"()": "attrition_site.observability.logs.JSONHandler", "filters": ["record"]},
        "plain": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["record"],
        },
    },
    "loggers": {
        # What was refused has its line already, as every request has.
        "django.request": {"level": "ERROR"},
        # Each task has a line of ours.
        "django-q": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "gunicorn.error": {"handlers": [], "propagate": True},
    },
    "root": {"handlers": [LOG_FORMAT], "level": LOG_LEVEL},
}
# Milliseconds from which a statement of the database is written down; 0 is never.
SLOW_QUERY_MS = env.number("SLOW_QUERY_MS", 500)

# Where metrics are shown, and on which port; 0 is nowhere.
METRICS_HOST = env.text("METRICS_HOST", "127.0.0.1")
METRICS_PORT = env.number("METRICS_PORT", 0, most=65534)
# The background worker's, which may run on the same machine: the next one.
WORKER_METRICS_PORT = env.number(
    "WORKER_METRICS_PORT", METRICS_PORT and METRICS_PORT + 1, most=65535
)

env.settle()
