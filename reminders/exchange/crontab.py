"""Crontabs: the files of cron(8), of a user or of the system. Pure.

FOAM reminds, and runs no commands: each line becomes a reminder of its command. The comment right
above a line is the title. The start lies in the past, and is the same at each import.
"""

import hashlib
import re
from dataclasses import dataclass, field

from reminders.exchange import plain
from reminders.exchange.drafts import Draft, FileContent, Loss, read_lines
from reminders.exchange.limits import WEB, Limits, Unreadable, time_limit
from reminders.recurrence import RecurrenceError, canonical

STARTS_AT = "2000-01-01T00:00:00"
REMINDS = "FOAM reminds, and runs nothing: each reminder says the command that cron would run."
ZONES = ("CRON_TZ", "TZ")
# Characters. A longer line is cut: no command that cron runs, and no text that is stored, is as
# long.
MAX_LINE = 128 * 1024
# Of the comment above a line.
MAX_COMMENT = 1_000
MAX_ZONE = 100

_VARIABLE = re.compile(r"""\s*["']?([A-Za-z_]\w*)["']?\s*=\s*(.*)""", re.ASCII)
_FIELDS = re.compile(r"\s*-?((?:@\w+)|(?:\S+(?:\s+\S+){4}))(?:\s+(.*))?", re.ASCII)
# The characters of the five fields in any dialect: the engine says what is wrong with them.
_SCHEDULE = re.compile(r"(?:[0-9A-Za-z*,/#?~-]+\s+){4}[0-9A-Za-z*,/#?~-]+")
_HEADING = re.compile(r"m(in(ute)?)?\s+h(our)?\s", re.IGNORECASE)


def read(content: bytes, timezone: str, limits: Limits = WEB) -> FileContent:
    """Read a user's crontab, in which the command follows the schedule. Raises Unreadable."""
    return _CrontabReader(timezone, False, FileContent(limits)).read(content)


def read_system(content: bytes, timezone: str, limits: Limits = WEB) -> FileContent:
    """Read /etc/crontab and the like, in which a user name stands before each command."""
    return _CrontabReader(timezone, True, FileContent(limits)).read(content)


@dataclass(slots=True)
class _CrontabReader:
    timezone: str
    has_users: bool
    result: FileContent
    # The zone of the last CRON_TZ or TZ line.
    zone: str = ""
    comment: str = ""
    places: dict[str, str] = field(default_factory=dict)

    def read(self, content: bytes) -> FileContent:
        with time_limit(self.result.limits.seconds):
            read_lines(content, self._read_line, self.result.limits)
        if self.result.drafts:
            self.result.loss_list.first.insert(0, Loss("the file", REMINDS))
        return self.result

    def _read_line(self, line: str, where: str) -> None:
        line = line[:MAX_LINE].strip()
        if "\0" in line:
            raise Unreadable("a crontab is text, and this is not.")
        if not line or line.startswith("#"):
            comment = _title_of_comment(line)
            # A reminder's title is shorter.
            whole = f"{self.comment} {comment}" if len(self.comment) < MAX_COMMENT else self.comment
            self.comment = whole.strip()[:MAX_COMMENT] if comment else ""
            return
        title, self.comment = self.comment, ""
        entry = _FIELDS.fullmatch(line)
        schedule = " ".join(entry[1].split()) if entry else ""
        if schedule.startswith("@") or _SCHEDULE.fullmatch(schedule):
            self._read_entry(schedule, (entry and entry[2]) or "", title, where)
        elif variable := _VARIABLE.fullmatch(line):
            self._read_variable(variable[1], variable[2].strip().strip("\"'"), where)
        else:
            what = "five fields and a command are expected, such as 0 9 * * 1-5 /usr/bin/backup."
            raise Unreadable(what)

    def _read_variable(self, name: str, value: str, where: str) -> None:
        if name not in ZONES:
            self._lose(where, f"{name}={value} is for commands, which FOAM does not run.")
            return
        # A longer one is no zone either; each reminder has a copy.
        self.zone = value.removeprefix(":")[:MAX_ZONE]
        if name == "TZ":
            what = "the time zone of the lines below; some crons tell only their commands."
            self._lose(where, f"TZ={value} is read as {what}")

    def _read_entry(self, schedule: str, command: str, title: str, where: str) -> None:
        user, command = "", command.strip()
        if self.has_users:
            user, command = (*command.split(None, 1), "", "")[:2]
        if not command:
            raise Unreadable("a command is expected after the schedule.")
        if schedule.lower() == "@reboot":
            self._lose(where, f"@reboot is no time, so this is not carried over: {command[:200]}")
            return
        try:
            recurrence = canonical(schedule)
        except RecurrenceError as error:
            self._lose(where, f"{error.message}. Not carried over: {command[:200]}")
            return
        identity = " ".join(filter(None, [self.zone, schedule, user, command]))
        external_id = f"crontab:{hashlib.sha256(identity.encode()).hexdigest()[:24]}"
        before = self.places.setdefault(external_id, where)
        if before != where:
            self._lose(where, f"Is the same as {before}: one reminder is enough.")
            return
        body = _with_input(command)
        fields = {
            "title": plain.title(title or body),
            "body": plain.escape_braces(f"{body}\n(as {user})" if user else body),
            "starts_at": STARTS_AT,
            "timezone": self.zone or self.timezone,
            "recurrence": recurrence,
            "external_id": external_id,
        }
        self.result.add(Draft(where, fields))

    def _lose(self, where: str, what: str) -> None:
        self.result.loss_list.add(where, what)


def _title_of_comment(line: str) -> str:
    """Return the text of a comment; empty for a disabled entry and for the heads of columns."""
    text = line.strip("# ")
    is_entry = text.startswith("@") or (text[:1] in set("0123456789*") and _SCHEDULE.match(text))
    has_letters = any(character.isalpha() for character in text)
    return text if has_letters and not is_entry and not _HEADING.match(text) else ""


def _with_input(command: str) -> str:
    r"""Return the command, and below it its input, which `%` begins; `\%` is a percent sign."""
    return re.sub(r"\\%|%", lambda match: "%" if len(match[0]) == 2 else "\n", command)
