"""JSON Lines: all that a user set, without loss, from FOAM to FOAM.

The first line names the version. A line tells a channel before the first reminder that uses it;
reminders stand in the order in which they were made, and name their channels by key. The same
reminders are always the same bytes.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NoReturn

from django.db.models import prefetch_related_objects

from accounts.durations import iso_duration
from accounts.instants import parse_instant
from notifications import channel_exchange
from notifications.models import Channel
from reminders.api.serializers import ReminderSerializer
from reminders.exchange.drafts import ChannelDraft, Draft, Loss, Reading, Unreadable
from reminders.models import Occurrence, Reminder
from reminders.recurrence import Lead
from reminders.schedule.imported_state import ImportedState
from reminders.schedule.numbering import Count

VERSION = 1
HEADER = {"type": "foam", "version": VERSION}
CHUNK = 500
MOST_SKIPPED = 1000
MOST_FIRED = 2**31 - 1

# As the API takes them: all that is not only told.
FIELDS = tuple(name for name, each in ReminderSerializer().fields.items() if not each.read_only)
STATE = ("status", "fired_count", "fired_due_at", "skipped", "paused_until")

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
# NUL, and half of a character: JSON can write them, nothing can store them.
_UNSTORABLE = re.compile(rb"\\u(0000|[dD][89a-fA-F])")


def write(reminders: Iterable[Reminder], now: datetime) -> Iterator[str]:
    """Yield the lines of a file; `now` decides which skipped instants are still to come."""
    yield _line(HEADER)
    told: set[int] = set()
    rest = iter(reminders)
    while some := list(islice(rest, CHUNK)):
        prefetch_related_objects(some, "channels", "escalate_channels")
        skipped = _skipped(some, now)
        for reminder in some:
            channels, further = _kept(reminder.channels), _kept(reminder.escalate_channels)
            for channel in sorted({*channels, *further}, key=channel_exchange.key):
                if channel.pk not in told:
                    told.add(channel.pk)
                    yield _line({"type": "channel", **channel_exchange.fields(channel)})
            many = {"channels": channels, "escalate_channels": further}
            keys = {
                name: [channel_exchange.key(each) for each in found] for name, found in many.items()
            }
            yield _line(_reminder(reminder, keys, skipped.get(reminder.pk, [])))


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"


def _kept(channels: Any) -> list[Channel]:
    return sorted(
        (each for each in channels.all() if each.deleted_at is None), key=channel_exchange.key
    )


def _skipped(reminders: list[Reminder], now: datetime) -> dict[int, list[datetime]]:
    """Return, by reminder, what `Reminder.skipped_ahead` does."""
    on_time = {reminder.pk: min(reminder.leads) for reminder in reminders}
    rows = Occurrence.objects.filter(
        reminder__in=on_time, status=Occurrence.Status.SKIPPED, due_at__gt=now
    )
    found: dict[int, list[datetime]] = {}
    for pk, due_at, lead in rows.order_by("due_at").values_list("reminder_id", "due_at", "lead"):
        if lead == on_time[pk]:
            found.setdefault(pk, []).append(due_at)
    return found


def _reminder(
    reminder: Reminder, keys: dict[str, list[str]], skipped: list[datetime]
) -> dict[str, Any]:
    shown = {name: _plain(getattr(reminder, name)) for name in FIELDS if name not in keys} | keys
    until = reminder.paused_until
    return {
        "type": "reminder",
        **{name: shown[name] for name in FIELDS},
        "status": reminder.status,
        "fired_count": reminder.fired_count,
        "fired_due_at": reminder.fired_due_at and _instant(reminder.fired_due_at),
        "skipped": [_instant(due_at) for due_at in skipped],
        # Only where there is one: a FOAM of before does not know it.
        **({"paused_until": _instant(until)} if until else {}),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Lead):
        return str(value)
    return iso_duration(value) if isinstance(value, timedelta) else value


def _instant(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def read(content: bytes, timezone: str) -> Reading:
    """Read such a file; a reminder may leave out what the API lets it, and its state.

    `timezone` is for reminders that name none. Raises Unreadable, with the line.
    """
    reading = Reading()
    lines = enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
    number, first = next(lines)
    if _object(first, number) != HEADER:
        _refuse(number, f"a file of FOAM begins with {_line(HEADER).strip()}.")
    for number, text in lines:
        if text.strip():
            _take(_object(text, number), number, timezone, reading)
    return reading


def _object(text: bytes, number: int) -> dict[str, Any]:
    try:
        found = json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError:
        _refuse(number, "this is no text in UTF-8.")
    except RecursionError:
        _refuse(number, "this is nested too deeply.")
    except ValueError as error:
        _refuse(number, f"this is no JSON: {error}.")
    if not isinstance(found, dict):
        _refuse(number, "each line is a JSON object.")
    if _UNSTORABLE.search(text) and not _is_text(found):
        _refuse(number, "an escape stands for NUL, or for half of a character.")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _is_text(found: dict[str, Any]) -> bool:
    try:
        _line(found).encode()
    except UnicodeEncodeError:
        return False
    return r"\u0000" not in json.dumps(found).replace(r"\\", "")


def _take(found: dict[str, Any], number: int, timezone: str, reading: Reading) -> None:
    where, kind = f"line {number}", found.pop("type", None)
    if kind == "channel":
        _check_names(found, channel_exchange.FIELDS, number)
        for name in ("kind", "address"):
            _check(isinstance(found.get(name, ""), str), number, f"{name} is text.")
        reading.channels.append(ChannelDraft(where, found))
    elif kind == "reminder":
        _check_names(found, (*FIELDS, *STATE), number)
        arrival = _arrival(found, number)
        fields = {"timezone": timezone, **{n: v for n, v in found.items() if n not in STATE}}
        reading.losses += [Loss(where, what) for what in _without_channels(fields, number)]
        reading.drafts.append(Draft(where, fields, arrival=arrival))
    else:
        _refuse(number, 'a line has the type "channel" or "reminder".')


def _without_channels(fields: dict[str, Any], number: int) -> Iterator[str]:
    """Yield what becomes of a reminder whose channels were deleted where it comes from."""
    for name in ("channels", "escalate_channels"):
        keys = fields.get(name, [])
        is_list = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
        _check(is_list, number, f"{name} is a list of keys such as email:ada@example.com.")
    if fields.get("channels") == []:
        del fields["channels"]
        yield "Its channels had been deleted: a new one speaks in your inbox."
    if fields.get("escalate_after") is not None and fields.get("escalate_channels") == []:
        fields["escalate_after"] = None
        yield "The channels that it escalated to had been deleted: it no longer does."


def _arrival(found: dict[str, Any], number: int) -> ImportedState | None:
    if not any(name in found for name in STATE):
        return None
    status = found.get("status", Reminder.Status.ACTIVE)
    _check(status in Reminder.Status.values, number, f"status is {_or(Reminder.Status.values)}.")
    fired = found.get("fired_count", 0)
    is_count = type(fired) is int and 0 <= fired <= MOST_FIRED
    _check(is_count, number, f"fired_count is a whole number from 0 to {MOST_FIRED}.")
    newest, skipped = found.get("fired_due_at"), found.get("skipped", [])
    is_short = isinstance(skipped, list) and len(skipped) <= MOST_SKIPPED
    _check(is_short, number, f"skipped is a list of up to {MOST_SKIPPED} instants.")
    until = found.get("paused_until")
    is_asked = until is None or status == Reminder.Status.PAUSED
    _check(is_asked, number, "paused_until goes with the status paused.")
    return ImportedState(
        status,
        Count(fired, None if newest is None else _moment(newest, "fired_due_at", number)),
        tuple(_moment(each, "skipped", number) for each in skipped),
        None if until is None else _moment(until, "paused_until", number),
    )


def _moment(text: Any, name: str, number: int) -> datetime:
    if isinstance(text, str) and _INSTANT.fullmatch(text):
        try:
            return parse_instant(text)
        except ValueError:
            pass
    _refuse(number, f"{name} holds instants in UTC such as 2026-11-23T17:00:00Z.")


def _check_names(found: dict[str, Any], allowed: tuple[str, ...], number: int) -> None:
    unknown = [name for name in found if name not in allowed]
    quoted = json.dumps(unknown[0][:40]) if unknown else ""
    _check(not unknown, number, f"unknown field {quoted}. Allowed: {', '.join(allowed)}.")


def _check(is_right: bool, number: int, what: str) -> None:
    if not is_right:
        _refuse(number, what)


def _or(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _refuse(number: int, what: str) -> NoReturn:
    raise Unreadable(f"Line {number}: {what}")
