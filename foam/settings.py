"""One settings file, read from the environment. docs/settings.md lists every name."""

import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy

from foam import broker, logs

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()


def required(name: str) -> str:
    """Return the variable `name`, or refuse to start and say which one is missing."""
    value = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"Set the environment variable {name} (see docs/settings.md).")
    return value


def one_of(name: str, default: str, *allowed: str) -> str:
    value = env.str(name, default=default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be {' or '.join(map(repr, allowed))}.")
    return value


# Where we are

FOAM_ENV = env.str("FOAM_ENV", default="production")
if FOAM_ENV not in {"production", "development"}:
    raise ImproperlyConfigured("FOAM_ENV must be 'production' or 'development'.")
PRODUCTION = FOAM_ENV == "production"
DEBUG = False

FOAM_BASE_URL = required("FOAM_BASE_URL").rstrip("/")
_base = urlsplit(FOAM_BASE_URL)
if _base.scheme not in {"http", "https"} or not _base.hostname:
    raise ImproperlyConfigured("FOAM_BASE_URL must be an http or https address.")
ALLOWED_HOSTS = [name.strip() for name in required("ALLOWED_HOSTS").split(",")]
FOAM_TRUST_PROXY = env.bool("FOAM_TRUST_PROXY", default=False)

# Secrets

SECRET_KEY = required("SECRET_KEY")
FOAM_ENCRYPTION_KEYS = [key.strip() for key in required("FOAM_ENCRYPTION_KEYS").split(",")]

# Storage

required("DATABASE_URL")
required("REDIS_URL")
DATABASES = {"default": env.db("DATABASE_URL")}
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
# Behind PgBouncer each transaction may have another session: nothing may be kept in one.
FOAM_PGBOUNCER = env.bool("FOAM_PGBOUNCER", default=False)
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = FOAM_PGBOUNCER
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    # A machine that froze or was cut off while it held locks: by default, after two hours. Longer
    # than we ever think between two statements. PgBouncer takes no such options: there it is said
    # to the role (docs/scaling.md).
    **({} if FOAM_PGBOUNCER else {"options": "-c idle_in_transaction_session_timeout=60s"}),
    # A database that was cut off: by default, after two hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    **DATABASES["default"].get("OPTIONS", {}),
}
# A connection that is opened anew has all to learn again; health checks find one that is dead.
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Who has tried to sign in how often, and which codes are used up: for all processes, and whether or
# not Redis is there.
CACHES = {"default": {"BACKEND": "accounts.cache.Cache", "LOCATION": "accounts_cache"}}

# Applications

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
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
]

MIDDLEWARE = [
    "foam.middleware.probes",
    "foam.middleware.follow",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "foam.middleware.limit_body",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.content_security",
    "accounts.middleware.staff_second_factor",
    "accounts.middleware.addresses_as_text",
    "accounts.middleware.who_acts",
]

ROOT_URLCONF = "foam.urls"
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
FOAM_SIGNUP = one_of("FOAM_SIGNUP", "closed" if PRODUCTION else "open", "open", "closed")
FOAM_STAFF_SECOND_FACTOR = env.bool("FOAM_STAFF_SECOND_FACTOR", default=PRODUCTION)

ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
# A mail may take longer than the three minutes that are usual.
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60
# Whoever takes over an account cannot do so in silence.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "FOAM: "
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
ACCOUNT_USERNAME_BLACKLIST = ["foam", "admin", "root", "staff"]
# What a proxy adds to X-Forwarded-For last is where the request came from; without one that header
# is anybody's word.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if FOAM_TRUST_PROXY else 0
USERSESSIONS_TRACK_ACTIVITY = False

MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "FOAM"
# Passkeys need https; browsers make an exception of localhost, and so do we where that is FOAM.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = _base.scheme == "http"

# For programs that sign a person in by themselves; pages have their own forms.
HEADLESS_CLIENTS = ("app",)
HEADLESS_SERVE_SPECIFICATION = False

# A team's own accounts (OpenID Connect)

SOCIALACCOUNT_ADAPTER = "accounts.adapters.OidcAdapter"
# Who has shown an address to the team's provider is the account of that address here.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_EMAIL_VERIFICATION = "mandatory"
FOAM_OIDC_ISSUER = env.str("FOAM_OIDC_ISSUER", default="").rstrip("/")
FOAM_OIDC_SIGNUP = one_of("FOAM_OIDC_SIGNUP", FOAM_SIGNUP, "open", "closed")
FOAM_OIDC_DOMAINS = [name.lower() for name in env.list("FOAM_OIDC_DOMAINS", default=[])]
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if FOAM_OIDC_ISSUER:
    _issuer = urlsplit(FOAM_OIDC_ISSUER)
    _is_near = _issuer.hostname in {"127.0.0.1", "localhost", "::1"}
    if not _issuer.hostname or _issuer.scheme not in {"https", "http" if _is_near else "https"}:
        raise ImproperlyConfigured("FOAM_OIDC_ISSUER must be an https address.")
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APP": {
            "provider_id": "team",
            "name": env.str("FOAM_OIDC_NAME", default=_issuer.hostname),
            "client_id": required("FOAM_OIDC_CLIENT_ID"),
            "secret": required("FOAM_OIDC_CLIENT_SECRET"),
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
    STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
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
SECURE_HSTS_PRELOAD = _https
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [FOAM_BASE_URL]
if FOAM_TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Bigger than any reminder, small enough to refuse at once.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# But for files of reminders, on their own path.
FOAM_IMPORT_MAX_SIZE = 10 * 1024 * 1024

# Celery: messages are wake-ups, so results are not kept and a stale one may expire

REDIS_URL = env.str("REDIS_URL")
try:
    FOAM_BROKER = broker.read(
        env.str("FOAM_BROKER_URL", default="") or REDIS_URL,
        env.str("FOAM_REDIS_PREFIX", default="foam:"),
    )
except ValueError as error:
    raise ImproperlyConfigured(f"FOAM_BROKER_URL (or REDIS_URL) {error}.") from None
CELERY_BROKER_URL = FOAM_BROKER.url
CELERY_BROKER_TRANSPORT_OPTIONS = FOAM_BROKER.options
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For ever: by default a worker ends after three quarters of an hour without a broker.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A wake-up that cannot be sent is logged; the next tick makes up for it. Redis's client connects
# anew by itself; RabbitMQ's does so only for who tries again: without that, no wake-up would ever
# leave a process again whose connection was cut.
CELERY_TASK_PUBLISH_RETRY = FOAM_BROKER.is_rabbitmq
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_max": 0}
# Or Celery closes a worker's connection to the database around each task. How long one is kept is
# Django's to say (CONN_MAX_AGE), which foam.celery asks.
CELERY_DB_REUSE_MAX = sys.maxsize
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A broker that restarts is no reason to break off what is being sent.
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
CELERY_WORKER_CONSUMER = "foam.worker:Consumer"
CELERY_BEAT_SCHEDULER = "foam.beat:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# Sending

EMAIL_URL = env.str("EMAIL_URL", default="")
if EMAIL_URL:
    vars().update(env.email_url_config(EMAIL_URL))
elif not PRODUCTION:
    # Codes to sign up with are read at the terminal.
    EMAIL_BACKEND = "accounts.mail.LogBackend"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("FOAM_FROM_EMAIL", default=f"FOAM <foam@{_base.hostname}>")
FOAM_ALLOWED_PRIVATE_NETWORKS = env.list("FOAM_ALLOWED_PRIVATE_NETWORKS", default=[])
_lease = env.str("FOAM_LEASE_SECONDS", default="120")
# A round begins messages for half a lease, and the slowest is given up 20 s later.
if not _lease.isdecimal() or not 50 <= int(_lease) <= 3600:
    raise ImproperlyConfigured("FOAM_LEASE_SECONDS must be a number from 50 to 3600.")
FOAM_LEASE_SECONDS = int(_lease)
_flood = env.str("FOAM_FLOOD_LIMIT", default="60")
if not _flood.isdecimal() or int(_flood) > 1_000_000:
    raise ImproperlyConfigured("FOAM_FLOOD_LIMIT must be a number from 0 to 1000000.")
FOAM_FLOOD_LIMIT = int(_flood)
_backlog = env.str("FOAM_BACKLOG_RATE", default="1000")
if not _backlog.isdecimal() or int(_backlog) > 1_000_000:
    raise ImproperlyConfigured("FOAM_BACKLOG_RATE must be a number from 0 to 1000000.")
FOAM_BACKLOG_RATE = int(_backlog)
_hold_over = env.str("FOAM_BACKLOG_HOLD_OVER", default="0")
if not _hold_over.isdecimal() or int(_hold_over) > 1_000_000_000:
    raise ImproperlyConfigured("FOAM_BACKLOG_HOLD_OVER must be a number from 0 to 1000000000.")
FOAM_BACKLOG_HOLD_OVER = int(_hold_over)
FOAM_WEBHOOK_PORTS = env.list("FOAM_WEBHOOK_PORTS", cast=int, default=[80, 443])
# What a canary that arrives asks for: an address of the operator's, so any network will do.
FOAM_HEARTBEAT_URL = env.str("FOAM_HEARTBEAT_URL", default="")
if FOAM_HEARTBEAT_URL and not re.fullmatch(r"https?://[!-~]+", FOAM_HEARTBEAT_URL):
    raise ImproperlyConfigured("FOAM_HEARTBEAT_URL must be an http or https address.")

# Retention

_keep = env.str("FOAM_KEEP_DAYS", default="90")
if not _keep.isdecimal() or not 1 <= int(_keep) <= 36500:
    raise ImproperlyConfigured("FOAM_KEEP_DAYS must be a number from 1 to 36500.")
FOAM_KEEP_DAYS = int(_keep)

# API

WINDOWS = {"s": 1, "min": 60, "h": 3600}


def rate(name: str, default: str) -> tuple[int, int] | None:
    """Return a limit such as 600/min as requests and seconds; None for `off`."""
    value = env.str(name, default=default)
    if value == "off":
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,5})/(s|min|h)", value)
    if found is None:
        raise ImproperlyConfigured(f"{name} must be a rate such as 10/s, 600/min, 5000/h, or off.")
    return int(found[1]), WINDOWS[found[2]]


# Of one token or session, of all of a user's, of those among them that write, and of an address
# that has not said who it is.
FOAM_API_RATE = rate("FOAM_API_RATE", "600/min")
FOAM_API_USER_RATE = rate("FOAM_API_USER_RATE", "1200/min")
FOAM_API_WRITE_RATE = rate("FOAM_API_WRITE_RATE", "600/min")
FOAM_API_ANONYMOUS_RATE = rate("FOAM_API_ANONYMOUS_RATE", "120/min")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "accounts.headless.SessionTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.permissions.HasScope",
    ],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "foam.browsable.Renderer",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "foam.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_FILTER_BACKENDS": ["accounts.filters.Filters"],
    "DEFAULT_PAGINATION_CLASS": "foam.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "foam.schema.AutoSchema",
    "VIEW_DESCRIPTION_FUNCTION": "foam.browsable.description",
    "EXCEPTION_HANDLER": "foam.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "FOAM",
    "DESCRIPTION": "Reminders that fire once, on time, and can prove it.\n\n"
    "Instants are ISO 8601 in UTC, durations ISO 8601, wall-clock times without an offset. Unknown "
    "fields are refused; those that are only read, such as `id`, are ignored. What belongs to "
    "another user answers 404. Every error is a problem document (RFC 9457); it changed nothing.",
    "VERSION": "1",
    "CONTACT": {"name": "How to use this API", "url": "/docs"},
    "LICENSE": {"name": "MIT License", "identifier": "MIT"},
    # Where this document is read from.
    "SERVERS": [{"url": "/", "description": "This FOAM"}],
    "TAGS": [
        {"name": "reminders", "description": "What to remind of, on which channels, and when."},
        {"name": "occurrences", "description": "What has fired, was skipped or was missed."},
        {"name": "channels", "description": "The places where you can be reached."},
        {"name": "deliveries", "description": "Messages on their way to your channels."},
        {"name": "inbox", "description": "Your in-app inbox."},
        {"name": "me", "description": "Your profile."},
        {"name": "pauses", "description": "Silence for a while, of a tag or of all of yours."},
        {"name": "tokens", "description": "The keys that your programs carry."},
    ],
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ReminderStatus": "reminders.models.Reminder.Status",
        "OccurrenceStatus": "reminders.models.Occurrence.Status",
        "DeliveryStatus": "notifications.models.Delivery.Status",
        "TokenStatus": "accounts.models.ApiToken.Status",
        "Scope": "accounts.models.Scope",
        "PauseScope": "accounts.pauses.Pause.Scope",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayOperationId": False},
}

# Admin


def _link(title: str, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}


UNFOLD = {
    "SITE_TITLE": "FOAM",
    "SITE_HEADER": "FOAM",
    "SITE_SYMBOL": "alarm",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("foam/icon.svg")}
    ],
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("foam/admin.css")],
    "SCRIPTS": [lambda request: static("foam/admin.js")],
    "DASHBOARD_CALLBACK": "foam.dashboard.show",
    "COLORS": {
        # Sea green, from light to dark.
        "primary": {
            "50": "oklch(98% .02 185)",
            "100": "oklch(95% .05 185)",
            "200": "oklch(91% .09 185)",
            "300": "oklch(85% .13 185)",
            "400": "oklch(77% .14 185)",
            "500": "oklch(65% .12 187)",
            "600": "oklch(55% .10 189)",
            "700": "oklch(47% .09 191)",
            "800": "oklch(40% .07 193)",
            "900": "oklch(34% .06 195)",
            "950": "oklch(25% .05 197)",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "title": "Reminders",
                "items": [
                    _link("Reminders", "alarm", "reminders_reminder"),
                    _link("Occurrences", "event_available", "reminders_occurrence"),
                    _link("Pauses", "pause_circle", "accounts_pause"),
                    {
                        "title": "Backlog",
                        "icon": "hourglass_top",
                        "link": reverse_lazy("admin:reminders_backlog"),
                        "permission": lambda request: any(
                            request.user.has_perm(f"reminders.{verb}_backlog")
                            for verb in ("view", "decide")
                        ),
                    },
                ],
            },
            {
                "title": "Notifications",
                "items": [
                    _link("Deliveries", "outgoing_mail", "notifications_delivery"),
                    _link("Channels", "hub", "notifications_channel"),
                    _link("Inbox messages", "inbox", "notifications_inboxmessage"),
                ],
            },
            {
                "title": "People and programs",
                "items": [
                    _link("Users", "person", "accounts_user"),
                    _link("API tokens", "key", "accounts_apitoken"),
                    _link("Groups", "group", "auth_group"),
                ],
            },
            {
                "title": "Scheduler",
                "collapsible": True,
                "items": [
                    _link("Periodic tasks", "schedule", "django_celery_beat_periodictask"),
                    _link("Intervals", "timer", "django_celery_beat_intervalschedule"),
                    _link("Crontabs", "calendar_month", "django_celery_beat_crontabschedule"),
                    _link("Clocked", "alarm_on", "django_celery_beat_clockedschedule"),
                    _link("Solar events", "wb_twilight", "django_celery_beat_solarschedule"),
                ],
            },
        ],
    },
}

# Operations: logs, metrics and errors. Ids and durations, never the words of a reminder

FOAM_LOG_FORMAT = env.str("FOAM_LOG_FORMAT", default="json" if PRODUCTION else "lines")
if FOAM_LOG_FORMAT not in logs.FORMATS:
    raise ImproperlyConfigured("FOAM_LOG_FORMAT must be 'json' or 'lines'.")
LOGGING = logs.config(FOAM_LOG_FORMAT, env.str("LOG_LEVEL", default="INFO"))
# Whoever has it may read /metrics; without it nobody may, but for loopback in development.
FOAM_METRICS_TOKEN = env.str("FOAM_METRICS_TOKEN", default="")
if FOAM_METRICS_TOKEN and not re.fullmatch(r"[!-~]{16,}", FOAM_METRICS_TOKEN):
    raise ImproperlyConfigured("FOAM_METRICS_TOKEN must be at least 16 visible characters.")
SENTRY_DSN = env.str("SENTRY_DSN", default="")
if SENTRY_DSN and not re.fullmatch(r"https?://[!-~]+@[!-~]+/\d+", SENTRY_DSN):
    raise ImproperlyConfigured("SENTRY_DSN must be as Sentry shows it: https://KEY@HOST/NUMBER.")
# Where workers and beat leave word that they are alive, for `python -m foam.alive`.
FOAM_ALIVE_DIR = env.str("FOAM_ALIVE_DIR", default="")
