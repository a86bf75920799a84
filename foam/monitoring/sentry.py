"""Errors to Sentry, where SENTRY_DSN is set: what broke and where, and nothing of anybody's words.

The library is no part of FOAM's requirements: requirements/sentry.txt has it.
"""

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from foam import logs
from foam.version import VERSION

# What of an event is about whoever asked, or may be words: the frames' variables above all.
LEFT_OUT = ("user", "extra", "breadcrumbs", "server_name", "modules")
LEFT_OF_FRAME = ("vars",)
_EMAIL = re.compile(r"[^\s@<>'\"]+@[^\s@<>'\"]+\.\w+")


def start(dsn: str, environment: str) -> None:
    """Report errors of this process, and of those that it forks."""
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
    """Take out of an event what FOAM does not tell anybody; what is left has the request's id."""
    for name in LEFT_OUT:
        event.pop(name, None)
    asked = event.pop("request", None) or {}
    if asked.get("method"):
        event["request"] = {"method": asked["method"]}
    event.get("contexts", {}).pop("celery-job", None)
    if request_id := logs.current_request_id():
        event.setdefault("tags", {})["request_id"] = request_id
    said = event.pop("logentry", None)
    if said:
        # The template: its parameters may be anything.
        event["logentry"] = {"message": _clean(str(said.get("message", "")))}
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
    """The first line, without what is quoted and without addresses."""
    lines = text.splitlines()
    return _EMAIL.sub("…", logs.scrub(logs.QUOTED.sub("…", lines[0])))[:200] if lines else ""
