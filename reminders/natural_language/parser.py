"""From a sentence to what it says: every word is of a clause or of the title, or is refused."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from .clauses import bounds, days, frequency, one_off, raw_rule, times, timezones
from .cursor import Cursor, Found
from .errors import EXAMPLES, refuse
from .lexicon import LINKS, OPENERS, TELLING
from .rrule_text import WITHIN_A_DAY
from .schedule_fields import Plan, plan
from .title import QUOTES, Title
from .tokens import Token, plain, tokens

MAX_LENGTH = 300

# What a sentence is made of. The one that reads furthest has it; of two, the first.
CLAUSES: tuple[Callable[[Cursor], Found], ...] = (
    raw_rule.schedule,
    frequency.repeat,
    frequency.days_of,
    frequency.on,
    bounds.leads,
    bounds.until,
    bounds.times_or_length,
    bounds.starting,
    bounds.leaving_out,
    bounds.also,
    times.window,
    times.hours,
    times.minutes,
    times.times,
    one_off.moment,
    one_off.period,
    one_off.day,
    one_off.of_day,
    bounds.delay,
    days.month_clause,
    timezones.zone,
    one_off.tag,
    one_off.urgent,
    one_off.filler,
)
# No title begins with one of these after a clause.
_COUNTS = {"number", "span", "ordinal", "mark"}
# Marks that belong to the title before them.
_ENDS = tuple("!?…)")
# Marks that say nothing between clauses.
_SEPARATORS = frozenset(",;:.-–—()")
# Clauses that tell nothing of a time.
_BESIDE = {"", "tags", "urgent", "once"}
# Said more than once, these add up.
_ADDING = {"tags", "leads", "but", "also"}
# Said more than once, these do not go together even when they say the same.
_ONCE = {"repeat", "pasted"}
# Which field of a reminder each became; what is not here is of the recurrence, or of a one-off.
_FIELDS = {
    **dict.fromkeys(("times", "part", "day", "delay", "moment", "start", "once"), "starts_at"),
    **{"but": "exdates", "also": "rdates", "leads": "leads", "zone": "timezone"},
    **{"tags": "tags", "urgent": "urgent"},
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the sentence, from `start` to `end`, and the field of a reminder it became."""

    field: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sentence means: fields as Reminder has them, where they come from, what was assumed.

    `assumed` are sentences about what was not said: a time of day, a day.
    """

    fields: dict[str, Any]
    understood: list[Piece]
    assumed: list[str]


@dataclass(slots=True)
class _Sentence:
    """Clauses with where they stand, and the runs of words between them, by number of token."""

    said: dict[str, Any] = field(default_factory=dict)
    clauses: list[tuple[str, int, int]] = field(default_factory=list)
    rest: list[tuple[int, int]] = field(default_factory=list)


def read(text: str, timezone: str, now: datetime) -> Reading:
    """Return the reminder that an English sentence means.

    `timezone` is an IANA name, for a sentence that names none; `now` is aware. `starts_at` and
    other times are wall-clock times, naive. Raises Misunderstood when the sentence has no reading
    or more than one, or is about what is over; and RecurrenceError for a rule or expression pasted
    into it.
    """
    _check(text)
    found = tokens(text)
    sentence = _cut(found)
    title = _title(text, found, sentence)
    planned = plan(sentence.said, now, sentence.said.get("zone", timezone))
    pieces = [_piece(text, found, clause, planned) for clause in sentence.clauses if clause[0]]
    if title:
        pieces.append(title)
    fields = {
        "title": _unquoted(title.text) if title else "",
        **planned.fields,
        "tags": list(dict.fromkeys(sentence.said.get("tags", ()))),
        "urgent": "urgent" in sentence.said,
    }
    return Reading(fields, sorted(pieces, key=lambda piece: piece.start), planned.assumed)


def _check(text: str) -> None:
    if len(text) > MAX_LENGTH:
        refuse(f"A sentence has at most {MAX_LENGTH} characters.")
    if not text.strip():
        refuse(f"Say what to remind of, and when. {EXAMPLES}")
    printable = plain(text.strip())
    if "\n" in printable or "\r" in printable:
        refuse("A sentence is one line of text.")
    if odd := next((mark for mark in printable if not mark.isprintable()), ""):
        refuse(f"A sentence is text that can be seen: it has no U+{ord(odd):04X}.")


def _cut(found: list[Token]) -> _Sentence:
    cursor, sentence = Cursor(found), _Sentence()
    while cursor.at < len(found):
        begin = cursor.at
        said = _clause(cursor)
        if said is not None:
            cursor.is_after_clause = "is_bare" not in said
            _merge(sentence.said, said, _written(found, begin, cursor.at))
            sentence.clauses.append((_kind(said), begin, cursor.at))
        elif found[begin].text in _SEPARATORS:
            cursor.at += 1
        else:
            if not cursor.is_after_clause and sentence.rest:
                sentence.rest[-1] = sentence.rest[-1][0], begin + 1
            else:
                sentence.rest.append((begin, begin + 1))
            cursor.at += 1
            cursor.is_after_clause = False
    return sentence


def _clause(cursor: Cursor) -> dict[str, Any] | None:
    begin, best, end = cursor.at, None, cursor.at
    for clause in CLAUSES:
        cursor.at = begin
        said = clause(cursor)
        if said is not None and cursor.at > end:
            best, end = said, cursor.at
    cursor.at = end
    return best


def _merge(said: dict[str, Any], more: dict[str, Any], written: str) -> None:
    for name, value in more.items():
        if name in _ADDING and name in said:
            said[name] = (*said[name], *value)
        # Said twice, one is of the title: “every Monday: weekly report”.
        elif name in said and (said[name] != value or name in _ONCE):
            refuse(
                f"“{written}” does not go together with what was said before. What belongs to the "
                "title can be put in quotes.",
                "contradiction",
            )
        else:
            said[name] = value


def _kind(said: dict[str, Any]) -> str:
    return next(iter(said), "")


def _title(text: str, found: list[Token], sentence: _Sentence) -> Piece | None:
    """Return the one run of words that no clause has read; raises Misunderstood at any other."""
    for begin, end in sentence.rest:
        _check_rest(text, found, begin, end)
    if not sentence.rest:
        return None
    if len(sentence.rest) > 1:
        shown = " and ".join(
            f"“{text[found[a].start : found[b - 1].end]}”" for a, b in sentence.rest
        )
        refuse(f"Which of these is the title, {shown}? Put the whole title in quotes. {EXAMPLES}")
    begin, end = sentence.rest[0]
    is_opened = begin > 0 and found[begin].text in OPENERS and end - begin > 1
    begin += is_opened
    before = None if is_opened else _clause_before(found, sentence, begin)
    Title(
        text,
        found[begin:end],
        before=found[before[2] - 1] if before else None,
        is_after_place=before is not None and before[0] == "zone",
        is_ended=_clause_after(found, sentence, end),
        has_time=_has_time(sentence.said),
    ).check()
    start, stop = found[begin].start, found[end - 1].end
    while text[stop : stop + 1] in _ENDS and (text[stop] != ")" or "(" in text[start:stop]):
        stop += 1
    return Piece("title", text[start:stop], start, stop)


def _clause_before(
    found: list[Token], sentence: _Sentence, begin: int
) -> tuple[str, int, int] | None:
    """Return the clause about time before the title, if only marks part them."""
    by_end = {clause[2]: clause for clause in sentence.clauses if clause[0] not in _BESIDE}
    while begin and begin not in by_end:
        if found[begin - 1].text not in _SEPARATORS or found[begin - 1].text == ":":
            return None
        begin -= 1
    return by_end.get(begin)


def _clause_after(found: list[Token], sentence: _Sentence, end: int) -> bool:
    begins = {begin for name, begin, _ in sentence.clauses if name not in _BESIDE}
    while end < len(found) and end not in begins and found[end].text in _SEPARATORS:
        end += 1
    return end in begins


def _has_time(said: dict[str, Any]) -> bool:
    """Whether the sentence says a time of day, or needs none."""
    repeat = said.get("repeat")
    delay = said.get("delay", ())
    return (
        any(name in said for name in ("times", "moment", "window", "hours", "minutes", "pasted"))
        or (repeat is not None and repeat.freq in WITHIN_A_DAY)
        or any(length.is_exact for length in delay)
    )


def _check_rest(text: str, found: list[Token], begin: int, end: int) -> None:
    """Refuse what tells of a schedule, and what joins the title to a clause that is none."""
    for n in range(begin, end):
        if found[n].text in ("yesterday", "ago"):
            refuse(f"“{found[n].text}” is over: a reminder lies ahead.", "past")
        if found[n].kind != "quoted" and found[n].text in TELLING:
            _refuse_rest(text, found, n, end)
    first, last = found[begin], found[end - 1]
    # After a colon anything may begin the title.
    is_joined = begin > 0 and found[begin - 1].text != ":"
    if is_joined and (first.kind in _COUNTS or _is_link(first, LINKS - OPENERS)):
        _refuse_rest(text, found, begin, end)
    if end < len(found) and _is_link(last, LINKS):
        _refuse_rest(text, found, end - 1, end + 1)


def _is_link(token: Token, links: Collection[str]) -> bool:
    return token.kind != "quoted" and token.text in links


def _refuse_rest(text: str, found: list[Token], begin: int, end: int) -> NoReturn:
    shown = text[found[begin].start : found[end - 1].end]
    refuse(f"“{shown}” was not understood. {EXAMPLES} {QUOTES}")


def _piece(text: str, found: list[Token], clause: tuple[str, int, int], planned: Plan) -> Piece:
    name, begin, end = clause
    start, stop = found[begin].start, found[end - 1].end
    field_ = _FIELDS.get(name) or ("recurrence" if planned.fields["recurrence"] else "starts_at")
    return Piece(field_, text[start:stop], start, stop)


def _written(found: list[Token], begin: int, end: int) -> str:
    return " ".join(token.text for token in found[begin:end])


def _unquoted(title: str) -> str:
    title = re.sub(r"[^\S ]", " ", title)
    return title[1:-1].strip() if title[0] in '"“„«' and title[-1] in '"”“»' else title
