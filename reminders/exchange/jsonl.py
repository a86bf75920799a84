"""JSON Lines: all settings of reminders, without loss, from one FOAM to another.

The first line has the version. A channel stands before the first reminder that uses it; reminders
stand in the order of their creation, and name their channels by key. The same reminders are always
the same bytes.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.db.models import prefetch_related_objects

from accounts.instants import parse_instant
from notifications import channel_exchange
from notifications.models import Channel
from reminders.api.batch import CHANNEL_FIELDS
from reminders.api.serializers import ReminderSerializer
from reminders.exchange.drafts import ChannelDraft, Draft, FileContent, read_lines
from reminders.exchange.limits import WEB, Limits, Unreadable, time_limit
from reminders.exchange.plain import as_api
from reminders.models import Occurrence, Reminder
from reminders.schedule.imported_state import ImportedState
from reminders.schedule.numbering import Count

VERSION = 1
HEADER = {"type": "foam", "version": VERSION}
CHUNK = 500
# Characters of a line: as many as the body of a request.
MAX_LINE = 1024 * 1024
# Lists and objects of a line: a reminder has seven.
MAX_LISTS = 50
MOST_SKIPPED = 1000
MOST_FIRED = 2**31 - 1

# All fields that the API takes.
FIELDS = tuple(name for name, field in ReminderSerializer().fields.items() if not field.read_only)
STATE = ("status", "fired_count", "fired_due_at", "skipped", "paused_until")

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
# NUL, and half of a character: JSON can express them, and PostgreSQL cannot store them.
_UNSTORABLE = re.compile(r"\\u(0000|[dD][89a-fA-F])")


def write(reminders: Iterable[Reminder], now: datetime) -> Iterator[str]:
    """Yield the lines of a file; `now` decides which skipped instants are in the future."""
    yield _line(HEADER)
    written_channels: set[Channel] = set()
    iterator = iter(reminders)
    while chunk := list(islice(iterator, CHUNK)):
        prefetch_related_objects(chunk, *CHANNEL_FIELDS)
        skipped = _skipped(chunk, now)
        for reminder in chunk:
            channels = {name: _channels(getattr(reminder, name)) for name in CHANNEL_FIELDS}
            new_channels = {channel for row in channels.values() for channel in row}
            for channel in sorted(new_channels - written_channels, key=channel_exchange.key):
                yield _line({"type": "channel", **channel_exchange.fields(channel)})
            written_channels |= new_channels
            keys = {name: list(map(channel_exchange.key, row)) for name, row in channels.items()}
            yield _line(_reminder(reminder, keys, skipped[reminder.pk]))


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=as_api) + "\n"


def _channels(related: Any) -> list[Channel]:
    channels = (channel for channel in related.all() if channel.deleted_at is None)
    return sorted(channels, key=channel_exchange.key)


def _skipped(reminders: list[Reminder], now: datetime) -> dict[int, list[datetime]]:
    """Return `Reminder.skipped_ahead` of each reminder, by id."""
    shortest_leads = {reminder.pk: min(reminder.leads) for reminder in reminders}
    occurrences = Occurrence.objects.filter(
        reminder__in=shortest_leads, status=Occurrence.Status.SKIPPED, due_at__gt=now
    ).order_by("due_at")
    skipped: dict[int, list[datetime]] = {pk: [] for pk in shortest_leads}
    for pk, due_at, lead in occurrences.values_list("reminder_id", "due_at", "lead"):
        if lead == shortest_leads[pk]:
            skipped[pk].append(due_at)
    return skipped


def _reminder(
    reminder: Reminder, keys: dict[str, list[str]], skipped: list[datetime]
) -> dict[str, Any]:
    until = reminder.paused_until
    return {
        "type": "reminder",
        **{name: keys[name] if name in keys else getattr(reminder, name) for name in FIELDS},
        "status": reminder.status,
        "fired_count": reminder.fired_count,
        "fired_due_at": reminder.fired_due_at and _instant(reminder.fired_due_at),
        "skipped": [_instant(due_at) for due_at in skipped],
        # Left out if empty: an older FOAM does not know it.
        **({"paused_until": _instant(until)} if until else {}),
    }


def _instant(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def read(content: bytes, timezone: str, limits: Limits = WEB) -> FileContent:
    """Read a file. A reminder may omit its state, and the fields that the API lets a client omit.

    `timezone` is for reminders without one. Raises Unreadable, with the line.
    """
    result = FileContent(limits)

    def read_line(text: str, where: str) -> None:
        if where == "line 1":
            _check(_object(text) == HEADER, f"a file of FOAM begins with {_line(HEADER).strip()}.")
        elif text.strip():
            _read_object(_object(text), where, timezone, result)

    with time_limit(limits.seconds):
        read_lines(content, read_line, limits)
    return result


def _object(text: str) -> dict[str, Any]:
    _check(len(text) <= MAX_LINE, f"a line has at most {MAX_LINE} characters.")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError:
        raise Unreadable("this is nested too deeply.") from None
    except ValueError as error:
        raise Unreadable(f"this is no JSON: {error}.") from None
    _check(isinstance(value, dict), "each line is a JSON object.")
    is_storable = not _UNSTORABLE.search(text) or _is_storable(value)
    _check(is_storable, "an escape stands for NUL, or for half of a character.")
    if text.count("[") + text.count("{") > MAX_LISTS:
        _check(_count_lists(value) <= MAX_LISTS, f"it holds more than {MAX_LISTS} lists.")
    return value


def _count_lists(value: Any) -> int:
    """Return the number of lists and objects in a value. An empty one takes 30 times its text."""
    count, stack = 0, [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict | list):
            count += 1
            stack += node.values() if isinstance(node, dict) else node
    return count


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return dict(pairs)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _is_storable(fields: dict[str, Any]) -> bool:
    try:
        _line(fields).encode()
    except UnicodeEncodeError:
        return False
    return r"\u0000" not in json.dumps(fields).replace(r"\\", "")


def _read_object(line: dict[str, Any], where: str, timezone: str, result: FileContent) -> None:
    kind = line.pop("type", None)
    if kind == "channel":
        _check_names(line, channel_exchange.FIELDS)
        for name in ("kind", "address"):
            _check(isinstance(line.get(name, ""), str), f"{name} is text.")
        result.add(ChannelDraft(where, line))
    elif kind == "reminder":
        _check_names(line, (*FIELDS, *STATE))
        state = _state(line)
        fields = {"timezone": timezone, **{n: v for n, v in line.items() if n not in STATE}}
        for what in _replace_deleted_channels(fields):
            result.loss_list.add(where, what)
        result.add(Draft(where, fields, state))
    else:
        raise Unreadable('a line has the type "channel" or "reminder".')


def _replace_deleted_channels(fields: dict[str, Any]) -> Iterator[str]:
    """Make a reminder valid whose channels were deleted in its FOAM; yield the losses."""
    for name in CHANNEL_FIELDS:
        keys = fields.get(name, [])
        is_list = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
        _check(is_list, f"{name} is a list of keys such as email:ada@example.com.")
    if fields.get("channels") == []:
        del fields["channels"]
        yield "Its channels had been deleted: a new one speaks in your inbox."
    if fields.get("escalate_after") is not None and fields.get("escalate_channels") == []:
        fields["escalate_after"] = None
        yield "The channels that it escalated to had been deleted: it no longer does."


def _state(line: dict[str, Any]) -> ImportedState | None:
    if not any(name in line for name in STATE):
        return None
    status = line.get("status", Reminder.Status.ACTIVE)
    *first, last = Reminder.Status.values
    _check(status in Reminder.Status.values, f"status is {', '.join(first)} or {last}.")
    fired = line.get("fired_count", 0)
    is_count = type(fired) is int and 0 <= fired <= MOST_FIRED
    _check(is_count, f"fired_count is a whole number from 0 to {MOST_FIRED}.")
    newest, skipped = line.get("fired_due_at"), line.get("skipped", [])
    until = line.get("paused_until")
    is_short = isinstance(skipped, list) and len(skipped) <= MOST_SKIPPED
    _check(is_short, f"skipped is a list of up to {MOST_SKIPPED} instants.")
    may_be_until = until is None or status == Reminder.Status.PAUSED
    _check(may_be_until, "paused_until goes with the status paused.")
    return ImportedState(
        status,
        Count(fired, None if newest is None else _moment(newest, "fired_due_at")),
        tuple(_moment(due_at, "skipped") for due_at in skipped),
        None if until is None else _moment(until, "paused_until"),
    )


def _moment(text: Any, name: str) -> datetime:
    if isinstance(text, str) and _INSTANT.fullmatch(text):
        try:
            return parse_instant(text)
        except ValueError:
            pass
    raise Unreadable(f"{name} holds instants in UTC such as 2026-11-23T17:00:00Z.")


def _check_names(line: dict[str, Any], allowed: tuple[str, ...]) -> None:
    unknown = [name for name in line if name not in allowed]
    quoted = json.dumps(unknown[0][:40]) if unknown else ""
    _check(not unknown, f"unknown field {quoted}. Allowed: {', '.join(allowed)}.")


def _check(is_valid: bool, message: str) -> None:
    if not is_valid:
        raise Unreadable(message)
