"""The settings, read from the environment. docs/settings.md lists every name.

Settings that no environment changes stand in accounts.sign_in.allauth_settings,
foam.admin_settings and foam.api.settings.
"""

import os
import re
import sys
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from accounts.quota_list import QUOTAS
from accounts.sign_in.allauth_settings import *  # noqa: F403
from foam import admin_settings, broker_url, logs
from foam.api import settings as api_settings
from foam.environment_variables import Variables, refuse
from foam.postgresql.settings import database_settings

BASE_DIR = Path(__file__).resolve().parent.parent

env = Variables(os.environ)

# Where we are

FOAM_ENV = env.one_of("FOAM_ENV", "production", "production", "development")
PRODUCTION = FOAM_ENV == "production"
DEBUG = False

env.required("FOAM_BASE_URL", "https://foam.example.org")
FOAM_BASE_URL = env.web_address("FOAM_BASE_URL", "https://foam.example.org").rstrip("/")
_base = urlsplit(FOAM_BASE_URL)
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS")
FOAM_TRUST_PROXY = env.boolean("FOAM_TRUST_PROXY", False)
# The proxy of docker-compose.yml, which is the only client of web.
FOAM_FRONT_PROXY = env.boolean("FOAM_FRONT_PROXY", False)
# How many entries at the end of X-Forwarded-For are true.
FOAM_PROXY_COUNT = FOAM_TRUST_PROXY + FOAM_FRONT_PROXY

# Secrets

SECRET_KEY = env.secret("SECRET_KEY", "the output of: openssl rand -hex 32")
FOAM_ENCRYPTION_KEYS = env.keys("FOAM_ENCRYPTION_KEYS")

# Storage

# Behind PgBouncer each transaction may get another session, so no session may hold state.
FOAM_PGBOUNCER = env.boolean("FOAM_PGBOUNCER", False)
DATABASES = {"default": database_settings(env.database("DATABASE_URL"), is_pooled=FOAM_PGBOUNCER)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Failed sign-ins and used codes are in PostgreSQL, so that they count in all processes and without
# Redis.
CACHES = {"default": {"BACKEND": "accounts.sign_in.cache.Cache", "LOCATION": "accounts_cache"}}

# Applications

INSTALLED_APPS = [
    # Without its own site: the admin's is accounts.sign_in.admin_site.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "accounts.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    # First: its templates stand before those of allauth.
    "accounts",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.headless",
    "notifications",
    "reminders",
    "foam",
    # Not in the image.
    *(["tools"] if (BASE_DIR / "tools").is_dir() else []),
]

MIDDLEWARE = [
    "foam.middleware.give_request_id",
    "foam.middleware.omit_head_body",
    "foam.middleware.answer_probes",
    "foam.middleware.log_and_count",
    # Before all that may refuse: a browser's program has to be able to read the refusal.
    "corsheaders.middleware.CorsMiddleware",
    "foam.api.request_cost.RequestCost",
    "foam.api.trailing_slash.keep_method",
    "foam.api.request_text.UsableText",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "foam.middleware.error_pages",
    "foam.api.trailing_slash.serve_both_spellings",
    "foam.api.request_body.limit_body",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.sign_in.idle.end_idle_sessions",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.sign_in.middleware.content_security",
    "accounts.sign_in.middleware.RecordActor",
    "accounts.sign_in.middleware.UnusableFilter",
    # Innermost: a stream whose first part fails is answered as any other error.
    "foam.api.streams.begin_stream",
]

ROOT_URLCONF = "foam.urls"
# Of gunicorn, which would refuse it in a traceback: here run.sh does so before it.
env.number("WEB_CONCURRENCY", 3, 1, 1000)
# Of each process of web: see foam/processes/gunicorn_conf.py.
FOAM_WEB_THREADS = 4
WSGI_APPLICATION = "foam.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "foam" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# People

AUTH_USER_MODEL = "accounts.User"
CSRF_FAILURE_VIEW = "foam.api.problems.csrf_failure"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "account_home"
LOGOUT_REDIRECT_URL = "account_login"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# How long a session may be unused: of people in hours, of staff in minutes.
FOAM_IDLE_HOURS = env.number("FOAM_IDLE_HOURS", 168, 1, 336)
FOAM_STAFF_IDLE_MINUTES = env.number("FOAM_STAFF_IDLE_MINUTES", 60, 5, 20160)
FOAM_SIGNUP = env.one_of("FOAM_SIGNUP", "closed" if PRODUCTION else "open", "open", "closed")
FOAM_STAFF_SECOND_FACTOR = env.boolean("FOAM_STAFF_SECOND_FACTOR", PRODUCTION)

# The proxy writes the last entry of X-Forwarded-For; without a proxy any client can forge it.
ALLAUTH_TRUSTED_PROXY_COUNT = FOAM_PROXY_COUNT
# Passkeys need https; browsers and FOAM make an exception for localhost.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = _base.scheme == "http"

# A team's own accounts (OpenID Connect)

_issuer_example = "https://sso.example.org/realms/team"
FOAM_OIDC_ISSUER = env.web_address("FOAM_OIDC_ISSUER", _issuer_example, tls=True).rstrip("/")
FOAM_OIDC_SIGNUP = env.one_of("FOAM_OIDC_SIGNUP", FOAM_SIGNUP, "open", "closed")
FOAM_OIDC_DOMAINS = env.domains("FOAM_OIDC_DOMAINS")
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if FOAM_OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APP": {
            "provider_id": "team",
            "name": env.text("FOAM_OIDC_NAME") or urlsplit(FOAM_OIDC_ISSUER).hostname,
            "client_id": env.required("FOAM_OIDC_CLIENT_ID", "foam"),
            "secret": env.secret("FOAM_OIDC_CLIENT_SECRET", "what the provider gave"),
            "settings": {"server_url": FOAM_OIDC_ISSUER},
        },
    }

# Language and time

LANGUAGE_CODE = "en"
USE_I18N = True
FORMAT_MODULE_PATH = ["foam.formats"]
TIME_ZONE = "UTC"
USE_TZ = True

# Static files

STATIC_URL = "static/"
if PRODUCTION:
    STATIC_ROOT = env.text("STATIC_ROOT") or str(BASE_DIR / "staticfiles")
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = False

# Transport security: on as soon as the base address is https

_https = _base.scheme == "https"
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
# Once a domain is in browsers' lists, it takes months to leave them: the operator decides.
SECURE_HSTS_PRELOAD = env.boolean("FOAM_HSTS_PRELOAD", False) and _https
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
if _https:
    # Browsers take a cookie of such a name from this host alone, over TLS and for all paths.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [FOAM_BASE_URL]
if FOAM_TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Bigger than any reminder, small enough to refuse at once.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# But for files of reminders, on their own path.
FOAM_IMPORT_MAX_SIZE = 10 * 1024 * 1024

# Celery: messages are wake-ups, so results are not kept and a stale one may expire

REDIS_URL = env.redis("REDIS_URL")
try:
    FOAM_BROKER = broker_url.read(
        env.broker("FOAM_BROKER_URL") or REDIS_URL, env.text("FOAM_REDIS_PREFIX", "foam:")
    )
except ValueError as error:
    raise ImproperlyConfigured(f"FOAM_BROKER_URL (or REDIS_URL) {error}.") from None
CELERY_BROKER_URL = FOAM_BROKER.url
CELERY_BROKER_TRANSPORT_OPTIONS = FOAM_BROKER.options
CELERY_BROKER_USE_SSL = FOAM_BROKER.use_ssl
# Clients other than the broker's check the certificate as well.
try:
    REDIS_URL = broker_url.with_verification(REDIS_URL)
except ValueError as error:
    raise ImproperlyConfigured(f"REDIS_URL {error}.") from None
# A client of the broker could ask a worker for its configuration, or end it. The health of a
# worker is the age of its file (foam.processes.liveness).
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Without a limit: by default a worker ends after three quarters of an hour without a broker.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A worker reconnects after any error of the broker, such as being a replica now or still starting.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
# A wake-up that cannot be sent is logged; the next tick makes up for it. Redis' client reconnects
# by itself. RabbitMQ's reconnects only on a retry: without that a process whose connection was cut
# would never send a wake-up again.
CELERY_TASK_PUBLISH_RETRY = FOAM_BROKER.is_rabbitmq
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_max": 0}
# Without this Celery closes the database connection around each task. foam.celery closes it by
# Django's CONN_MAX_AGE instead.
CELERY_DB_REUSE_MAX = sys.maxsize
# JSON alone, everywhere: a pickle can run code.
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_RESULT_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = CELERY_EVENT_SERIALIZER = "json"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A broker that restarts must not interrupt deliveries that are being sent.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "deliver"
CELERY_TASK_ROUTES = {
    "reminders.tasks.dispatch": {"queue": "dispatch"},
    "notifications.tasks.deliver": {"queue": "deliver"},
    "reminders.tasks.prune": {"queue": "deliver"},
}
# Schedules are rows of django-celery-beat, made by migrations and owned by staff. None stand
# here: the scheduler would write them back over an edit at each start.
CELERY_WORKER_CONSUMER = "foam.processes.celery_worker:Consumer"
CELERY_BEAT_SCHEDULER = "foam.processes.beat_scheduler:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# Sending

EMAIL_URL = ""
vars().update(env.mail("EMAIL_URL"))
if not EMAIL_URL and not PRODUCTION:
    # Codes to sign up with are read at the terminal.
    EMAIL_BACKEND = "accounts.sign_in.mail.LogBackend"
EMAIL_TIMEOUT = 10
_sender = env.text("FOAM_FROM_EMAIL")
DEFAULT_FROM_EMAIL = _sender or f"FOAM <foam@{_base.hostname}>"
if _sender and "@" not in parseaddr(_sender)[1]:
    refuse("FOAM_FROM_EMAIL", "a sender such as FOAM <foam@example.org>", _sender)
# The envelope's sender, to which bounces go; without it the address of FOAM_FROM_EMAIL.
FOAM_RETURN_PATH = env.matching(
    "FOAM_RETURN_PATH",
    r"[!-;=?-~]{1,64}@[A-Za-z0-9.-]{1,253}",
    "an e-mail address alone, such as bounces@foam.example.org",
)
# The name by which FOAM greets mail servers. Empty: the name of this machine.
_host_name = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
FOAM_EHLO_NAME = env.matching(
    "FOAM_EHLO_NAME",
    _host_name + r"|\[[0-9A-Fa-f:.]+\]",
    "a host name, such as foam.example.org, or [192.0.2.1]",
)
if "FOAM_EHLO_NAME" not in os.environ and re.fullmatch(
    _host_name + r"\.[a-z][a-z0-9-]*", _base.hostname or ""
):
    FOAM_EHLO_NAME = _base.hostname or ""
# Where `manage.py bounce --mailbox` reads: imaps://user:password@host/INBOX.
FOAM_BOUNCE_MAILBOX = env.matching(
    "FOAM_BOUNCE_MAILBOX",
    r"imaps?://\S+@\S+",
    "a mailbox such as imaps://user:password@imap.example.org/INBOX",
    secret=True,
)
FOAM_ALLOWED_PRIVATE_NETWORKS = env.networks("FOAM_ALLOWED_PRIVATE_NETWORKS")
# Whose channels may lead there: a user without that trust could probe the operator's network.
FOAM_PRIVATE_NETWORKS_FOR = env.one_of(
    "FOAM_PRIVATE_NETWORKS_FOR", "staff" if PRODUCTION else "everybody", "staff", "everybody"
)
# A round begins messages for half a lease, and the slowest is given up 20 s later.
FOAM_LEASE_SECONDS = env.number("FOAM_LEASE_SECONDS", 120, 50, 3600)
FOAM_FLOOD_LIMIT = env.number("FOAM_FLOOD_LIMIT", 60, 0, 1_000_000)
FOAM_BACKLOG_RATE = env.number("FOAM_BACKLOG_RATE", 1000, 0, 1_000_000)
FOAM_BACKLOG_HOLD_OVER = env.number("FOAM_BACKLOG_HOLD_OVER", 0, 0, 1_000_000_000)
FOAM_WEBHOOK_PORTS = env.ports("FOAM_WEBHOOK_PORTS", "80,443")
# By which webhooks, Apprise's services and the heartbeat go out. Its text has no password.
FOAM_OUTBOUND_PROXY = env.proxy("FOAM_OUTBOUND_PROXY")
# What a canary that arrives asks for: an address of the operator's, so any network will do.
_heartbeat_example = "https://hc-ping.com/your-uuid"
FOAM_HEARTBEAT_URL = env.web_address("FOAM_HEARTBEAT_URL", _heartbeat_example, secret=True)
_ascii = f"an address in ASCII, such as {_heartbeat_example}"
env.matching("FOAM_HEARTBEAT_URL", "[!-~]+", _ascii, secret=True)

# Quotas of a user, by name: see accounts/quota_list.py

FOAM_QUOTAS = {
    quota.name: env.number(quota.setting, quota.default, 0, 999_999_999_999) for quota in QUOTAS
}

# Retention

FOAM_KEEP_DAYS = env.number("FOAM_KEEP_DAYS", 90, 1, 36500)

# API

# Of one token or session, of all of a user's, of those among them that write, and of an address
# that has not said who it is.
FOAM_API_RATE = env.rate("FOAM_API_RATE", "600/min")
FOAM_API_USER_RATE = env.rate("FOAM_API_USER_RATE", "1200/min")
FOAM_API_WRITE_RATE = env.rate("FOAM_API_WRITE_RATE", "600/min")
FOAM_API_ANONYMOUS_RATE = env.rate("FOAM_API_ANONYMOUS_RATE", "120/min")

# What requests cost: the seconds that a user or an address took, and a user's rows of batches,
# imports and manual firings.
FOAM_API_SECONDS_RATE = env.rate("FOAM_API_SECONDS_RATE", "60/min")
FOAM_API_ROW_RATE = env.rate("FOAM_API_ROW_RATE", "20000/h")

CORS_ALLOWED_ORIGINS = env.origins("FOAM_CORS_ORIGINS")
vars().update(api_settings.CORS)
REST_FRAMEWORK = api_settings.REST_FRAMEWORK
SPECTACULAR_SETTINGS = api_settings.SPECTACULAR_SETTINGS

# Admin

UNFOLD = admin_settings.UNFOLD

# Operations: logs, metrics and errors. Ids and durations, never the words of a reminder

FOAM_LOG_FORMAT = env.one_of("FOAM_LOG_FORMAT", "json" if PRODUCTION else "lines", *logs.FORMATS)
LOGGING = logs.config(FOAM_LOG_FORMAT, env.log_level("LOG_LEVEL"))
# The bearer token for /metrics; without it only loopback may read them, in development.
_visible = "at least 16 visible characters, such as the output of: openssl rand -hex 32"
FOAM_METRICS_TOKEN = env.matching("FOAM_METRICS_TOKEN", r"[!-~]{16,}", _visible, secret=True)
_dsn = "as Sentry shows it: https://KEY@HOST/NUMBER"
SENTRY_DSN = env.matching("SENTRY_DSN", r"https?://[!-~]+@[!-~]+/\d+", _dsn, secret=True)
# The folder in which workers and beat touch a file every few seconds, for probes.
FOAM_ALIVE_DIR = env.text("FOAM_ALIVE_DIR")
