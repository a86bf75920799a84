"""Crontabs: the files of cron(8), of a user or of the system. Pure.

FOAM reminds, and runs nothing: each line becomes a reminder that says its command. The comment
right above a line, of one line or more, is its title. What a crontab has no word for is as it
usually is: the start lies in the past, and the same at each import.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from reminders.exchange import plain
from reminders.exchange.drafts import Draft, Loss, Reading, Unreadable
from reminders.recurrence import RecurrenceError, canonical

STARTS_AT = "2000-01-01T00:00:00"
REMINDS = "FOAM reminds, and runs nothing: each reminder says the command that cron would run."
ZONES = ("CRON_TZ", "TZ")

_VARIABLE = re.compile(r"""\s*["']?([A-Za-z_]\w*)["']?\s*=\s*(.*)""", re.ASCII)
_FIELDS = re.compile(r"\s*-?((?:@\w+)|(?:\S+(?:\s+\S+){4}))(?:\s+(.*))?", re.ASCII)
# What may stand in the five fields, in any dialect, so that a misfit is told as one.
_SCHEDULE = re.compile(r"(?:[0-9A-Za-z*,/#?~-]+\s+){4}[0-9A-Za-z*,/#?~-]+")
_HEADING = re.compile(r"m(in(ute)?)?\s+h(our)?\s", re.IGNORECASE)


def read(content: bytes, timezone: str) -> Reading:
    """Read a user's crontab, in whose lines the command follows the schedule."""
    return _Crontab(timezone, has_users=False).read(content)


def read_system(content: bytes, timezone: str) -> Reading:
    """Read a system's, as /etc/crontab, where the name of a user stands before each command."""
    return _Crontab(timezone, has_users=True).read(content)


@dataclass(slots=True)
class _Crontab:
    timezone: str
    has_users: bool
    # As set by a line of the file: it is part of what a line means.
    section: str = ""
    comment: str = ""
    reading: Reading = field(default_factory=Reading)
    seen: dict[str, str] = field(default_factory=dict)

    def read(self, content: bytes) -> Reading:
        for number, line in _lines(content):
            self._take(line, number)
        if self.reading.drafts:
            self.reading.losses.insert(0, Loss("the file", REMINDS))
        return self.reading

    def _take(self, line: str, number: int) -> None:
        if not line or line.startswith("#"):
            said = _heading(line)
            self.comment = f"{self.comment} {said}".strip() if said else ""
            return
        title, self.comment = self.comment, ""
        entry = _FIELDS.fullmatch(line)
        schedule = " ".join(entry[1].split()) if entry else ""
        if schedule.startswith("@") or _SCHEDULE.fullmatch(schedule):
            self._entry(schedule, (entry and entry[2]) or "", title, number)
        elif variable := _VARIABLE.fullmatch(line):
            self._variable(variable[1], variable[2].strip().strip("\"'"), number)
        else:
            what = "five fields and a command are expected, such as 0 9 * * 1-5 /usr/bin/backup."
            raise Unreadable(f"Line {number}: {what}")

    def _variable(self, name: str, value: str, number: int) -> None:
        if name not in ZONES:
            self._lose(number, f"{name}={value} is for commands, which FOAM does not run.")
            return
        self.section = value.removeprefix(":")
        if name == "TZ":
            what = "the time zone of the lines below; some crons tell only their commands."
            self._lose(number, f"TZ={value} is read as {what}")

    def _entry(self, schedule: str, rest: str, title: str, number: int) -> None:
        who, command = "", rest.strip()
        if self.has_users:
            who, command = (*command.split(None, 1), "", "")[:2]
        if not command:
            raise Unreadable(f"Line {number}: a command is expected after the schedule.")
        if schedule.lower() == "@reboot":
            self._lose(number, f"@reboot is no time, so this is not carried over: {command[:200]}")
            return
        try:
            recurrence = canonical(schedule)
        except RecurrenceError as error:
            self._lose(number, f"{error.message}. Not carried over: {command[:200]}")
            return
        identity = " ".join(filter(None, [self.section, schedule, who, command]))
        external_id = f"crontab:{hashlib.sha256(identity.encode()).hexdigest()[:24]}"
        before = self.seen.setdefault(external_id, f"line {number}")
        if before != f"line {number}":
            self._lose(number, f"Is the same as {before}: one reminder is enough.")
            return
        body = _with_input(command)
        fields = {
            "title": plain.title(title or body),
            "body": plain.escape_braces(f"{body}\n(as {who})" if who else body),
            "starts_at": STARTS_AT,
            "timezone": self.section or self.timezone,
            "recurrence": recurrence,
            "external_id": external_id,
        }
        self.reading.drafts.append(Draft(f"line {number}", fields))

    def _lose(self, number: int, what: str) -> None:
        self.reading.losses.append(Loss(f"line {number}", what))


def _lines(content: bytes) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError:
            raise Unreadable(f"Line {number}: this is no text in UTF-8.") from None
        if "\0" in text:
            raise Unreadable(f"Line {number}: a crontab is text, and this is not.")
        yield number, text


def _heading(line: str) -> str:
    """Return what a comment says; nothing where it is an entry that is off, or heads columns."""
    said = line.strip("# ")
    is_entry = said.startswith("@") or (said[:1] in set("0123456789*") and _SCHEDULE.match(said))
    is_words = any(character.isalpha() for character in said)
    return said if is_words and not is_entry and not _HEADING.match(said) else ""


def _with_input(command: str) -> str:
    r"""Return the command, and below it what cron would give it to read; `\%` is a percent sign."""
    return re.sub(r"\\%|%", lambda found: "%" if len(found[0]) == 2 else "\n", command)
