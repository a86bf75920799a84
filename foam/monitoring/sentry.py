"""Reports errors to Sentry, if SENTRY_DSN is set, without any user's data.

The library is optional: requirements/sentry.txt has it.
"""

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from foam import logs
from foam.version import VERSION

# Parts of an event that name the user, or may hold the words of a reminder, as variables do.
LEFT_OUT = ("user", "extra", "breadcrumbs", "server_name", "modules")
LEFT_OF_FRAME = ("vars",)
_EMAIL = re.compile(r"[^\s@<>'\"]+@[^\s@<>'\"]+\.\w+")


def start(dsn: str, environment: str) -> None:
    """Report errors of this process and of its forks."""
    try:
        import sentry_sdk  # noqa: PLC0415  Optional.
    except ImportError:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, but sentry-sdk is not installed: "
            "pip install --require-hashes --requirement requirements/sentry.txt"
        ) from None
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=f"foam@{VERSION}",
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        traces_sample_rate=0,
        before_send=before_send,
    )


def before_send(event: Any, hint: dict[str, Any]) -> Any:
    """Remove users' data from an event, and add the id of the request."""
    for name in LEFT_OUT:
        event.pop(name, None)
    request = event.pop("request", None) or {}
    if request.get("method"):
        event["request"] = {"method": request["method"]}
    event.get("contexts", {}).pop("celery-job", None)
    if request_id := logs.current_request_id():
        event.setdefault("tags", {})["request_id"] = request_id
    entry = event.pop("logentry", None)
    if entry:
        # The template alone: its parameters may hold users' data.
        event["logentry"] = {"message": _clean(str(entry.get("message", "")))}
    if "message" in event:
        event["message"] = _clean(str(event["message"]))
    if "transaction" in event and event["transaction"].startswith("/"):
        event["transaction"] = "/" + "/".join(event["transaction"].split("/")[1:3])
    for exception in event.get("exception", {}).get("values", []):
        exception["value"] = _clean(str(exception.get("value") or ""))
        for frame in (exception.get("stacktrace") or {}).get("frames", []):
            for name in LEFT_OF_FRAME:
                frame.pop(name, None)
    return event


def _clean(text: str) -> str:
    """Return the first line, without quoted text and without addresses."""
    lines = text.splitlines()
    return _EMAIL.sub("…", logs.scrub(logs.QUOTED.sub("…", lines[0])))[:200] if lines else ""
