"""Settings of Django REST framework, drf-spectacular (the OpenAPI document) and CORS."""

from typing import Any

from foam.api.openapi.headers import HEADERS

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.TokenAuthentication",
        "accounts.api.session_tokens.SessionTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.api.authentication.HasScope",
    ],
    "DEFAULT_RENDERER_CLASSES": [
        "accounts.api.json_renderer.JSONRenderer",
        "foam.api.browsable.Renderer",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "accounts.api.strict_json.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_FILTER_BACKENDS": ["accounts.api.filters.Filters"],
    "DEFAULT_PAGINATION_CLASS": "foam.api.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "foam.api.openapi.schema.AutoSchema",
    "VIEW_DESCRIPTION_FUNCTION": "foam.api.browsable.description",
    "EXCEPTION_HANDLER": "foam.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "FOAM",
    "DESCRIPTION": "Reminders that fire once, on time, and can prove it.\n\n"
    "Instants are ISO 8601 in UTC, durations ISO 8601, wall-clock times without an offset. Unknown "
    "fields are refused; those that are only read, such as `id`, are ignored. What belongs to "
    "another user answers 404. Every error is a problem document (RFC 9457); it changed nothing.\n"
    "\nA first call, with a token from `/api/v1/tokens/`:\n\n"
    '```sh\ncurl -H "Authorization: Bearer $TOKEN" --json \'{"text": "tea every day at 5pm"}\' '
    "$FOAM/api/v1/reminders/\n```",
    "VERSION": "1",
    "LICENSE": {"name": "MIT License", "identifier": "MIT"},
    # Where this document is read from.
    "SERVERS": [{"url": "/", "description": "This FOAM"}],
    "TAGS": [
        {"name": "reminders", "description": "What to remind of, on which channels, and when."},
        {"name": "agenda", "description": "When your reminders are due within a window."},
        {"name": "occurrences", "description": "What has fired, was skipped or was missed."},
        {"name": "channels", "description": "The places where you can be reached."},
        {"name": "deliveries", "description": "Messages on their way to your channels."},
        {"name": "inbox", "description": "Your in-app inbox."},
        {"name": "me", "description": "Your profile."},
        {"name": "pauses", "description": "Silence for a while, of a tag or of all of yours."},
        {"name": "tokens", "description": "The keys that your programs carry."},
        {"name": "webhooks", "description": "The messages that FOAM sends to your webhooks."},
    ],
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_SUFFIX": "",
    "ENUM_NAME_OVERRIDES": {
        "ReminderStatus": "reminders.models.reminder.Reminder.Status",
        "OccurrenceStatus": "reminders.models.occurrence.Occurrence.Status",
        "DeliveryStatus": "notifications.models.delivery.Delivery.Status",
        "TokenStatus": "accounts.models.token.ApiToken.Status",
        "Scope": "accounts.models.token.Scope",
        "PauseScope": "accounts.models.pause.Pause.Scope",
        "NewPauseScope": ["tag", "user"],
        "GrantableScope": "accounts.models.token.API_SCOPES",
        "AttemptOutcome": "notifications.models.attempt.Attempt.Outcome",
        "ResponseVerb": "reminders.models.response.Response.Verb",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "foam.api.openapi.document.complete",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayOperationId": False},
}
# For programs in browsers, of the origins in FOAM_CORS_ORIGINS. They send a token, no cookie.
CORS: dict[str, Any] = {
    "CORS_URLS_REGEX": r"^/(api/|openapi\.json)",
    "CORS_ALLOW_CREDENTIALS": False,
    "CORS_ALLOW_HEADERS": [
        "accept",
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "x-request-id",
    ],
    "CORS_EXPOSE_HEADERS": [*HEADERS, "Deprecation", "Sunset", "Link"],
}
