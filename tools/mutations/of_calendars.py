"""Mutations of the reading of calendars."""

from tools.mutations.mutation import Mutation, edit
from tools.mutations.paths import CALENDAR, TAKING

TESTS = "reminders/tests/exchange"
DATES = [f"{TESTS}/test_calendar_dates.py"]
LENIENCY = [f"{TESTS}/test_calendar_leniency.py"]
TEXT = [f"{TESTS}/test_calendar_text.py"]
TODOS = [f"{TESTS}/test_calendar_todos.py"]
VERSIONS = [f"{TESTS}/test_calendar_versions.py"]
ZONES = [f"{TESTS}/test_calendar_zones.py"]

BOUNDED = ["foam/tests/security/test_bounded_reading.py"]

OF_CALENDARS = [
    Mutation(
        "P9",
        "files: each byte may be a loss of its own",
        edit(
            "reminders/exchange/drafts.py",
            "        if len(self.first) < MAX_LOSSES:\n",
            "        if len(self.first) < 10**9:\n",
        ),
        BOUNDED,
    ),
    Mutation(
        "P9",
        "files: a crontab is read for as long as it takes",
        edit("reminders/exchange/drafts.py", "        check_time()\n"),
        BOUNDED,
    ),
    Mutation(
        "P9",
        "files: all items are read before they are too many",
        edit(
            "reminders/exchange/drafts.py",
            "        if self.items > self.limits.items:\n",
            "        if False:\n",
        ),
        BOUNDED,
    ),
    Mutation(
        "P9",
        "files: an import goes on for as long as it takes",
        edit(TAKING, "        return thread_time() > self.end\n", "        return False\n"),
        BOUNDED,
    ),
    Mutation(
        "P2",
        "calendar: dates of an all-day series are moved into the reader's zone",
        edit(
            f"{CALENDAR}/dates.py",
            "        return at.wall.date()\n",
            "        return at.wall_in([*zones][-1]).date()\n",
        ),
        DATES,
    ),
    Mutation(
        "P2",
        "calendar: the last day of a series ends where UTC does",
        edit(f"{CALENDAR}/dates.py", "wall + DAY if wall.time() >= NOON else wall", "wall"),
        DATES,
    ),
    Mutation(
        "P2",
        "calendar: a series of long ago loses its interval",
        edit(
            f"{CALENDAR}/early_start.py",
            "    return occurrence.replace(tzinfo=None) if occurrence else None, passed\n",
            "    return datetime(year, 1, 1) if occurrence else None, passed\n",
        ),
        DATES,
    ),
    Mutation(
        "P2",
        "calendar: a day left out keeps its other times",
        edit(
            f"{CALENDAR}/timing.py",
            "            self.exdates.update(self.times_on(day))\n",
            "            self.exdates.update(self.times_on(day)[:1])\n",
        ),
        DATES,
    ),
    Mutation(
        "P2",
        "calendar: a zone is looked for in the years of the first event only",
        edit(f"{CALENDAR}/tzid/zones.py", "        key = tzid, year\n", "        key = tzid, 0\n"),
        ZONES,
    ),
    Mutation(
        "P2",
        "calendar: a one-off is moved into a zone that does not do what the file defines",
        edit(
            f"{CALENDAR}/tzid/zones.py",
            "        if name and to_utc(wall, name)[0] == instant:\n",
            "        if name:\n",
        ),
        ZONES,
    ),
    Mutation(
        "P2",
        "calendar: an abbreviation means what tzdata has for it",
        edit(
            f"{CALENDAR}/tzid/zones.py",
            'if name and ("/" in name or component is None)',
            "if name",
        ),
        ZONES,
    ),
    Mutation(
        "P2",
        "calendar: the offset in a zone's name is not compared",
        edit(
            f"{CALENDAR}/tzid/names.py",
            "for zone in candidates if standard_offset(zone) == offset",
            "for zone in candidates",
        ),
        ZONES,
    ),
    Mutation(
        "P2",
        "calendar: times that float are in the reader's zone, whatever the calendar says",
        edit(
            f"{CALENDAR}/timing.py",
            "        return calendar.floating\n",
            "        return calendar.home\n",
        ),
        ZONES,
    ),
    Mutation(
        "P2",
        "calendar: the first version in the file counts",
        edit(
            f"{CALENDAR}/versions.py",
            "    best = max(ranks)\n",
            "    best = ranks[0]\n",
        ),
        VERSIONS,
    ),
    Mutation(
        "P2",
        "calendar: what was deleted from a series comes back",
        edit(
            f"{CALENDAR}/series.py",
            "        if is_left_out and is_older_than(component, series.entry.component):\n",
            "        if False:\n",
        ),
        VERSIONS,
    ),
    Mutation(
        "P2",
        "calendar: a line in quoted-printable ends with its first line",
        edit(
            f"{CALENDAR}/syntax/lines.py",
            "            if is_quoted and not _BORDER.match(piece):\n",
            "            if False:\n",
        ),
        TEXT,
    ),
    Mutation(
        "P2",
        "calendar: what is read as Windows-1252 is not told",
        edit(f"{CALENDAR}/file_reader.py", "    if root.legacy_lines:\n", "    if False:\n"),
        TEXT,
    ),
    Mutation(
        "P2",
        "calendar: what is told of an event that is not imported stays",
        edit(
            f"{CALENDAR}/series.py",
            "        draft = draft_of(entry, timing, identity)\n    except BadValue as error:\n",
            "        draft = draft_of(entry, timing, identity)\n    except BadValue as error:\n"
            "        losses.merge(entry.losses)\n",
        ),
        LENIENCY,
    ),
    Mutation(
        "P2",
        "calendar: a to-do's alarms move with its due date",
        edit(
            f"{CALENDAR}/todo.py",
            '    _move_alarms(component, "START", -gap)\n',
            '    _move_alarms(component, "START", NOTHING)\n',
        ),
        TODOS,
    ),
]
