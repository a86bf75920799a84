"""Log formats: one JSON object a line, or lines for people; without secrets.

A call is `log.info("dispatched claimed=%d fired=%d", ...)`: each name=%d is a field of the JSON,
and the words before are its event. Lines of a request or task have its `request_id`, which goes
from the request to the tasks that it woke.
"""

import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import Any

import orjson

FORMATS = ("json", "lines")

_request_id: ContextVar[str] = ContextVar("request_id", default="")
current_request_id = _request_id.get


@contextmanager
def request(request_id: str) -> Iterator[None]:
    """Add this id to every line that is logged within the block."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


# Addresses below these paths are permissions. The same paths stand in
# notifications.links.signed_links and reminders.exchange.feed, which need Django to be set up.
PATHS = ("/do/", "/calendar/")
# Paths and queries of addresses are often secret, and so are links and API tokens.
_SECRETS = [
    (re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://)(?:[^\s/@\"'<>]*@)?([^\s/?#\"'<>]+)[^\s\"'<>)]*"),
     r"\1\2/…"),
    (re.compile(rf"({'|'.join(PATHS)})[^\s\"'<>]+"), r"\1…"),
    (re.compile(r"\bfoam_[A-Za-z0-9_-]{32,}"), "foam_…"),
]  # fmt: skip
QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|“[^”]*”")


def scrub(text: str) -> str:
    """Return the text without paths of addresses, signed links and API tokens."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def format_error(error: BaseException) -> str:
    """Return an exception in one line, without quoted text, which may be a reminder's words.

    PostgreSQL's DETAIL is left out as well, as it may hold a whole row.
    """
    diag = getattr(error.__cause__ or error, "diag", None)
    primary = getattr(diag, "message_primary", None)
    lines = (primary or str(error)).splitlines()
    text = scrub(QUOTED.sub("…", lines[0]))[:200] if lines else ""
    constraint = getattr(diag, "constraint_name", None)
    where = f" ({constraint})" if constraint else ""
    return f"{type(error).__name__}: {text}{where}".rstrip(": ")


def format_trace(error: BaseException | None, at: TracebackType | None = None) -> str:
    """Return the tracebacks of an exception and its causes, each with its `format_error`."""
    parts: list[str] = []
    formatted_ids: set[int] = set()
    while error is not None and id(error) not in formatted_ids:
        formatted_ids.add(id(error))
        frames = "".join(traceback.format_tb(error.__traceback__ or at))
        parts.insert(0, f"{frames}{format_error(error)}")
        at = None
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nthen\n".join(parts)


_PLACE = re.compile(r"(?:(\w+)=)?%[-#0 +]*\d*(?:\.\d+)?[sdifrxg]")


@lru_cache(maxsize=1000)
def _fields_of(template: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the event and the names of the fields of a template; None if it has no fields."""
    places = list(_PLACE.finditer(template.replace("%%", "")))
    named = [place for place in places if place[1]]
    if not named or len(named) != len(places):
        return None
    return template[: named[0].start()].rstrip(" :"), tuple(place[1] for place in named)


def parts_of(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    """Return the event and the fields of a record, both without secrets."""
    request = getattr(record, "request", None)
    if request is not None:
        # Django's own message has the path, which may hold a secret.
        match = getattr(request, "resolver_match", None)
        fields = {
            "method": getattr(request, "method", None),
            "view": match.view_name or match.route if match else None,
            "status": getattr(record, "status_code", None),
        }
        return "request failed", fields
    if record.name == "celery.app.trace" and isinstance(record.args, dict):
        return "task failed" if record.exc_info else "task", {"task": record.args.get("name")}
    template = isinstance(record.msg, str) and _fields_of(record.msg)
    if template and isinstance(record.args, tuple) and len(template[1]) == len(record.args):
        values = [scrub(v) if isinstance(v, str) else v for v in record.args]
        event, names = template
        return event, dict(zip(names, values, strict=True))
    return scrub(record.getMessage()), {}


class Formatter(logging.Formatter):
    """The base of both formats: exceptions without the texts they quote."""

    def formatException(self, ei: Any) -> str:
        return format_trace(ei[1], ei[2])

    def exception_of(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


class JsonFormatter(Formatter):
    """One JSON object in one line."""

    def format(self, record: logging.LogRecord) -> str:
        event, fields = parts_of(record)
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": event,
            **fields,
        }
        if request_id := current_request_id():
            line["request_id"] = request_id
        line["process"] = record.process
        if exception := self.exception_of(record):
            line["exception"] = exception
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class LineFormatter(Formatter):
    """A line for people: time, level, logger, event, fields, request id."""

    def format(self, record: logging.LogRecord) -> str:
        event, fields = parts_of(record)
        parts = [event, *(f"{name}={format_value(value)}" for name, value in fields.items())]
        if request_id := current_request_id():
            parts.append(f"request_id={request_id}")
        line = f"{self.formatTime(record)} {record.levelname} {record.name} {' '.join(parts)}"
        exception = self.exception_of(record)
        return f"{line}\n{exception}" if exception else line


def format_value(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def config(form: str, level: str) -> dict[str, Any]:
    """Return the argument of `logging.config.dictConfig`, for Django, Celery and gunicorn alike."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "foam.logs.JsonFormatter"},
            "lines": {"()": "foam.logs.LineFormatter"},
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # At INFO these write several lines for each tick.
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            # At WARNING it writes a line for each 4xx, which is the client's concern.
            "django.request": {"level": "ERROR"},
            # LOG_LEVEL leaves no event of the security log out.
            "foam.security": {"level": "INFO"},
            # At DEBUG these write addresses, parameters and the words of reminders.
            **{name: {"level": "INFO"} for name in ("django.template", "django.db", "psycopg")},
            **{name: {"level": "WARNING"} for name in ("urllib3", "requests", "httpx", "httpcore")},
            # Without this gunicorn's loggers have handlers of their own.
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            # The middleware writes a line for each request, without what stands in its address.
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": True},
        },
    }
