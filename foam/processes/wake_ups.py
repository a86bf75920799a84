"""Decides which messages of the broker are FOAM's wake-ups; drops every other.

A client of the broker can put anything into a queue. By itself, Celery ends at a message that is no
JSON, stops to read after some that it fails to acknowledge, kills its processes by a time limit in
a message, and starts other tasks that a message names.
"""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from queue import Empty
from typing import Any

from kombu import compression
from kombu.transport.redis import Channel

log = logging.getLogger(__name__)

# Wake-ups have no arguments: a body says that there are none.
LONGEST_BODY = 4096
LONGEST_TEXT = 300
# What Celery and beat write into the headers of a message: short texts,
TEXTS = (
    "argsrepr",
    "id",
    "kwargsrepr",
    "lang",
    "origin",
    "parent_id",
    "periodic_task_name",
    "request_id",
    "root_id",
    "task",
)
# and options, which FOAM leaves as they are without any.
UNUSED = (
    "compression",
    "eta",
    "group",
    "group_index",
    "replaced_task_nesting",
    "retries",
    "shadow",
    "stamped_headers",
    "stamps",
)
# As FOAM writes its messages.
JSON = ("application/json", "utf-8")
KNOWN_HEADERS = {*TEXTS, *UNUSED, "expires"}


def refusal(message: Any, tasks: Any) -> str:
    """Return why a message is none of FOAM's wake-ups, or "" if it starts one of these tasks."""
    headers = message.headers
    if not isinstance(headers, dict) or not isinstance(message.delivery_tag, str | int):
        return "it has no headers or no tag"
    for name in TEXTS:
        if not is_short_text(headers.get(name, "")):
            return f"its header {name} is no short text"
    if used := [name for name in UNUSED if headers.get(name)]:
        return f"it has the option {used[0]}"
    task = headers.get("task")
    checks = {
        "it names no task of FOAM's": bool(headers.get("id")) and is_own(task, tasks),
        "its header expires is no time": is_expiry(headers.get("expires")),
        "it is no JSON": (message.content_type, message.content_encoding) == JSON,
        "it has arguments": is_empty_call(message.body),
    }
    return next((reason for reason, holds in checks.items() if not holds), "")


def is_own(task: str | None, tasks: Any) -> bool:
    """Whether a name is that of one of `tasks` and of none that Celery brings."""
    return task in tasks and not str(task).startswith("celery.")


def is_short_text(text: object) -> bool:
    """Whether a header is short and in one line, or left out."""
    if text is None:
        return True
    return isinstance(text, str) and len(text) <= LONGEST_TEXT and text.isprintable()


def is_expiry(text: object) -> bool:
    """Whether a text is an instant that can be compared with now, or there is none."""
    if text is None:
        return True
    try:
        return is_short_text(text) and bool(datetime.fromisoformat(str(text)).astimezone(UTC))
    except (ValueError, OverflowError):
        return False


def is_empty_call(body: object) -> bool:
    """Whether the body of a message calls its task without arguments, and nothing after it."""
    if not isinstance(body, str | bytes) or len(body) > LONGEST_BODY:
        return False
    try:
        call = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(call, list) or len(call) != 3:
        return False
    args, kwargs, following = call
    return (
        args == [] and kwargs == {} and isinstance(following, dict) and not any(following.values())
    )


def only_wake_ups(
    receive: Callable[[Any], Any], tasks: Any, connection_errors: tuple[type[Exception], ...]
) -> Callable[[Any], None]:
    """Return a receiver of messages that hands the wake-ups on and drops all others."""

    def receive_wake_up(message: Any) -> None:
        try:
            reason = refusal(message, tasks)
            if not reason:
                # Every header is a variable of the task's request. Without `timelimit` the task's
                # own counts.
                message.headers = {k: v for k, v in message.headers.items() if k in KNOWN_HEADERS}
                receive(message)
                return
        except connection_errors:
            raise
        except Exception as error:
            reason = f"it raises {type(error).__name__}"
        drop(message, reason, connection_errors)

    return receive_wake_up


def drop(message: Any, reason: str, connection_errors: tuple[type[Exception], ...]) -> None:
    log.error("a message of the broker is not a wake-up of FOAM's and is dropped: %s", reason)
    if not message.acknowledged:
        message.reject_log_error(log, connection_errors)


def read_on(read: Callable[..., Any]) -> Callable[..., Any]:
    """Return kombu's reader of Redis' lists, which goes on after an item that is no message."""

    def read_item(channel: Any, **options: Any) -> Any:
        try:
            return read(channel, **options)
        except (Empty, *channel.connection_errors, *channel.connection.channel_errors):
            raise
        except Exception as error:
            # The item has left the list with the reading.
            log.error(
                "an item of a list of Redis is not a wake-up of FOAM's and is dropped: %s",
                type(error).__name__,
            )
            return True

    return read_item


def refuse_compression(body: bytes) -> bytes:
    raise ValueError("FOAM compresses no message.")


def guard() -> None:
    """Have kombu go on after what is no message, and unpack none: 2 MB may become 2 GB."""
    channel: Any = Channel
    channel._brpop_read = read_on(channel._brpop_read)
    for content_type in compression.encoders():
        compression.register(refuse_compression, refuse_compression, content_type)
