"""One settings file, read from the environment. docs/settings.md lists every name."""

import os
import re
import sys
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy

from foam import broker_url, logs
from foam.environment_variables import Variables, host_of, refuse

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

# Secrets

SECRET_KEY = env.required("SECRET_KEY", "the output of: openssl rand -hex 32")
FOAM_ENCRYPTION_KEYS = env.keys("FOAM_ENCRYPTION_KEYS")

# Storage

DATABASES = {"default": env.database("DATABASE_URL")}
DATABASES["default"]["ENGINE"] = "foam.postgresql"
# Behind PgBouncer each transaction may have another session: nothing may be kept in one.
FOAM_PGBOUNCER = env.boolean("FOAM_PGBOUNCER", False)
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = FOAM_PGBOUNCER
_options = DATABASES["default"].get("OPTIONS", {})
# A machine that froze or was cut off while it held locks: by default, after two hours. Longer than
# we ever think between two statements. PgBouncer takes no such options: there it is said to the
# role (docs/scaling.md). What DATABASE_URL says comes after it, and counts.
_session = "" if FOAM_PGBOUNCER else "-c idle_in_transaction_session_timeout=60s"
_session = f"{_session} {_options.get('options', '')}".strip()
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    # A database that was cut off: by default, after two hours. One that hangs: foam.postgresql.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    # Of several servers one that takes writes, and not the first that answers.
    **({"target_session_attrs": "read-write"} if "," in DATABASES["default"]["HOST"] else {}),
    **_options,
    **({"options": _session} if _session else {}),
}
# A connection that is opened anew has all to learn again; health checks find one that is dead.
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Who has tried to sign in how often, and which codes are used up: for all processes, and whether or
# not Redis is there.
CACHES = {"default": {"BACKEND": "accounts.sign_in.cache.Cache", "LOCATION": "accounts_cache"}}

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
    # Not in the image.
    *(["tools"] if (BASE_DIR / "tools").is_dir() else []),
]

MIDDLEWARE = [
    "foam.middleware.omit_head_body",
    "foam.middleware.probes",
    "foam.middleware.follow",
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
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.sign_in.middleware.content_security",
    "accounts.sign_in.middleware.staff_second_factor",
    "accounts.sign_in.middleware.addresses_as_text",
    "accounts.sign_in.middleware.record_actor",
    "accounts.sign_in.middleware.UnusableFilter",
    # Innermost: a stream whose first part fails is answered as any other error.
    "foam.api.streams.begin_stream",
]

ROOT_URLCONF = "foam.urls"
# Of gunicorn, which would refuse it in a traceback: here run.sh does so before it.
env.number("WEB_CONCURRENCY", 3, 1, 1000)
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
FOAM_SIGNUP = env.one_of("FOAM_SIGNUP", "closed" if PRODUCTION else "open", "open", "closed")
FOAM_STAFF_SECOND_FACTOR = env.boolean("FOAM_STAFF_SECOND_FACTOR", PRODUCTION)

ACCOUNT_ADAPTER = "accounts.sign_in.adapters.AccountAdapter"
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

MFA_ADAPTER = "accounts.sign_in.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "FOAM"
# Passkeys need https; browsers make an exception of localhost, and so do we where that is FOAM.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = _base.scheme == "http"

# For programs that sign a person in by themselves; pages have their own forms.
HEADLESS_CLIENTS = ("app",)
HEADLESS_SERVE_SPECIFICATION = False

# A team's own accounts (OpenID Connect)

SOCIALACCOUNT_ADAPTER = "accounts.sign_in.adapters.OidcAdapter"
# Who has shown an address to the team's provider is the account of that address here.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_EMAIL_VERIFICATION = "mandatory"
_issuer_example = "https://sso.example.org/realms/team"
FOAM_OIDC_ISSUER = env.web_address("FOAM_OIDC_ISSUER", _issuer_example, tls=True).rstrip("/")
FOAM_OIDC_SIGNUP = env.one_of("FOAM_OIDC_SIGNUP", FOAM_SIGNUP, "open", "closed")
_domains = env.items("FOAM_OIDC_DOMAINS")
env.each("FOAM_OIDC_DOMAINS", _domains, host_of, "domains with commas between, such as example.org")
FOAM_OIDC_DOMAINS = [name.lower() for name in _domains]
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if FOAM_OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APP": {
            "provider_id": "team",
            "name": env.text("FOAM_OIDC_NAME") or urlsplit(FOAM_OIDC_ISSUER).hostname,
            "client_id": env.required("FOAM_OIDC_CLIENT_ID", "foam"),
            "secret": env.required("FOAM_OIDC_CLIENT_SECRET", "what the provider gave"),
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
# Not only the broker's client checks the certificate.
try:
    REDIS_URL = broker_url.verified(REDIS_URL)
except ValueError as error:
    raise ImproperlyConfigured(f"REDIS_URL {error}.") from None
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For ever: by default a worker ends after three quarters of an hour without a broker.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Whatever it answers, as that it is a replica now, or starts: a worker connects anew and tries on.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
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
CELERY_WORKER_CONSUMER = "foam.processes.celery_worker:Consumer"
CELERY_BEAT_SCHEDULER = "foam.processes.beat_scheduler:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# Sending

EMAIL_URL = env.text("EMAIL_URL")
if EMAIL_URL:
    vars().update(env.mail("EMAIL_URL"))
elif not PRODUCTION:
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

# Retention

FOAM_KEEP_DAYS = env.number("FOAM_KEEP_DAYS", 90, 1, 36500)

# API

# Of one token or session, of all of a user's, of those among them that write, and of an address
# that has not said who it is.
FOAM_API_RATE = env.rate("FOAM_API_RATE", "600/min")
FOAM_API_USER_RATE = env.rate("FOAM_API_USER_RATE", "1200/min")
FOAM_API_WRITE_RATE = env.rate("FOAM_API_WRITE_RATE", "600/min")
FOAM_API_ANONYMOUS_RATE = env.rate("FOAM_API_ANONYMOUS_RATE", "120/min")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.TokenAuthentication",
        "accounts.api.session_tokens.SessionTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.api.permissions.HasScope",
    ],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "foam.api.browsable.Renderer",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "foam.api.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_FILTER_BACKENDS": ["accounts.api.filters.Filters"],
    "DEFAULT_PAGINATION_CLASS": "foam.api.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "foam.api.schema.AutoSchema",
    "VIEW_DESCRIPTION_FUNCTION": "foam.api.browsable.description",
    "EXCEPTION_HANDLER": "foam.api.problems.exception_handler",
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
        "ReminderStatus": "reminders.models.reminder.Reminder.Status",
        "OccurrenceStatus": "reminders.models.reminder.Occurrence.Status",
        "DeliveryStatus": "notifications.models.channel.Delivery.Status",
        "TokenStatus": "accounts.models.token.ApiToken.Status",
        "Scope": "accounts.models.token.Scope",
        "PauseScope": "accounts.models.pause.Pause.Scope",
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
    "DASHBOARD_CALLBACK": "foam.monitoring.dashboard.show",
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

FOAM_LOG_FORMAT = env.one_of("FOAM_LOG_FORMAT", "json" if PRODUCTION else "lines", *logs.FORMATS)
LOGGING = logs.config(FOAM_LOG_FORMAT, env.log_level("LOG_LEVEL"))
# Whoever has it may read /metrics; without it nobody may, but for loopback in development.
_visible = "at least 16 visible characters, such as the output of: openssl rand -hex 32"
FOAM_METRICS_TOKEN = env.matching("FOAM_METRICS_TOKEN", r"[!-~]{16,}", _visible, secret=True)
_dsn = "as Sentry shows it: https://KEY@HOST/NUMBER"
SENTRY_DSN = env.matching("SENTRY_DSN", r"https?://[!-~]+@[!-~]+/\d+", _dsn, secret=True)
# Where workers and beat leave word that they are alive, for `python -m foam.alive`.
FOAM_ALIVE_DIR = env.text("FOAM_ALIVE_DIR")
