"""The parser of sentences: every word belongs to a clause or to the title, or is refused."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from .clauses import bounds, days, frequency, one_off, times, timezones
from .cursor import ClauseValues, Cursor
from .errors import EXAMPLES, refuse
from .lexicon import LINKS, OPENERS, TELLING
from .rrule_text import WITHIN_A_DAY
from .schedule_fields import compute_fields
from .title import QUOTES, Title
from .tokens import Token, plain, tokenize

MAX_LENGTH = 300

# The clauses of a sentence. The clause that reads furthest wins; of equals, the first.
CLAUSES: tuple[Callable[[Cursor], ClauseValues], ...] = (
    frequency.raw_rule,
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
    times.times_of_day,
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
# Marks without a meaning between clauses.
_SEPARATORS = frozenset(",;:.-–—()")
# Clauses without a time.
_BESIDE = {"", "tags", "urgent", "once"}
# Clauses that add up if they are repeated.
_ADDING = {"tags", "leads", "but", "also"}
# Clauses that must not be repeated, even with the same value.
_ONCE = {"repeat", "pasted"}
# The field of a reminder for each clause; other clauses set the recurrence, or `starts_at` of a
# one-off.
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
class SentenceMeaning:
    """The fields of a reminder, the pieces of the sentence that they come from, and assumptions.

    `assumed` are sentences about a time of day or a day that the sentence does not name.
    """

    fields: dict[str, Any]
    understood: list[Piece]
    assumed: list[str]


@dataclass(slots=True)
class _Sentence:
    """The values of the clauses; by number of token the clauses and the runs of other words."""

    values: dict[str, Any] = field(default_factory=dict)
    clauses: list[tuple[str, int, int]] = field(default_factory=list)
    unread: list[tuple[int, int]] = field(default_factory=list)


def read(text: str, timezone: str, now: datetime) -> SentenceMeaning:
    """Return the reminder that an English sentence describes.

    `timezone` is an IANA name, for a sentence that names none; `now` is aware. `starts_at` and
    other times are wall-clock times, naive. Raises Misunderstood if the sentence has no meaning,
    more than one, or lies in the past; and RecurrenceError for an RRULE or cron expression in it.
    """
    _check(text)
    tokens = tokenize(text)
    sentence = _cut(tokens)
    title = _title(text, tokens, sentence)
    schedule_fields, assumed = compute_fields(
        sentence.values, now, sentence.values.get("zone", timezone)
    )
    is_recurring = bool(schedule_fields["recurrence"])
    pieces = [
        _piece(text, tokens, clause, is_recurring=is_recurring)
        for clause in sentence.clauses
        if clause[0]
    ]
    if title:
        pieces.append(title)
    fields = {
        "title": _without_quotes(title.text) if title else "",
        **schedule_fields,
        "tags": list(dict.fromkeys(sentence.values.get("tags", ()))),
        "urgent": "urgent" in sentence.values,
    }
    return SentenceMeaning(fields, sorted(pieces, key=lambda piece: piece.start), assumed)


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


def _cut(tokens: list[Token]) -> _Sentence:
    cursor, sentence = Cursor(tokens), _Sentence()
    while cursor.at < len(tokens):
        begin = cursor.at
        values = _clause(cursor)
        if values is not None:
            cursor.is_after_clause = "is_bare" not in values
            _merge(sentence.values, values, _text_of(tokens, begin, cursor.at))
            sentence.clauses.append((_kind(values), begin, cursor.at))
        elif tokens[begin].text in _SEPARATORS:
            cursor.at += 1
        else:
            if not cursor.is_after_clause and sentence.unread:
                sentence.unread[-1] = sentence.unread[-1][0], begin + 1
            else:
                sentence.unread.append((begin, begin + 1))
            cursor.at += 1
            cursor.is_after_clause = False
    return sentence


def _clause(cursor: Cursor) -> dict[str, Any] | None:
    begin, best, end = cursor.at, None, cursor.at
    for clause in CLAUSES:
        cursor.at = begin
        values = clause(cursor)
        if values is not None and cursor.at > end:
            best, end = values, cursor.at
    cursor.at = end
    return best


def _merge(values: dict[str, Any], more: dict[str, Any], written: str) -> None:
    for name, value in more.items():
        if name in _ADDING and name in values:
            values[name] = (*values[name], *value)
        # Said twice, one is of the title: “every Monday: weekly report”.
        elif name in values and (values[name] != value or name in _ONCE):
            refuse(
                f"“{written}” does not go together with what was said before. What belongs to the "
                "title can be put in quotes.",
                "contradiction",
            )
        else:
            values[name] = value


def _kind(values: dict[str, Any]) -> str:
    return next(iter(values), "")


def _title(text: str, tokens: list[Token], sentence: _Sentence) -> Piece | None:
    """Return the run of words that no clause has read; raises Misunderstood if it is no title."""
    for begin, end in sentence.unread:
        _check_unread(text, tokens, begin, end)
    if not sentence.unread:
        return None
    if len(sentence.unread) > 1:
        texts = " and ".join(
            f"“{text[tokens[a].start : tokens[b - 1].end]}”" for a, b in sentence.unread
        )
        refuse(f"Which of these is the title, {texts}? Put the whole title in quotes. {EXAMPLES}")
    begin, end = sentence.unread[0]
    is_opened = begin > 0 and tokens[begin].text in OPENERS and end - begin > 1
    begin += is_opened
    before = None if is_opened else _clause_before(tokens, sentence, begin)
    Title(
        text,
        tokens[begin:end],
        before=tokens[before[2] - 1] if before else None,
        is_after_place=before is not None and before[0] == "zone",
        is_ended=_clause_after(tokens, sentence, end),
        has_time=_has_time(sentence.values),
    ).check()
    start, stop = tokens[begin].start, tokens[end - 1].end
    while text[stop : stop + 1] in _ENDS and (text[stop] != ")" or "(" in text[start:stop]):
        stop += 1
    return Piece("title", text[start:stop], start, stop)


def _clause_before(
    tokens: list[Token], sentence: _Sentence, begin: int
) -> tuple[str, int, int] | None:
    """Return the clause of time before the title, if only marks stand between them."""
    by_end = {clause[2]: clause for clause in sentence.clauses if clause[0] not in _BESIDE}
    while begin and begin not in by_end:
        if tokens[begin - 1].text not in _SEPARATORS or tokens[begin - 1].text == ":":
            return None
        begin -= 1
    return by_end.get(begin)


def _clause_after(tokens: list[Token], sentence: _Sentence, end: int) -> bool:
    begins = {begin for name, begin, _ in sentence.clauses if name not in _BESIDE}
    while end < len(tokens) and end not in begins and tokens[end].text in _SEPARATORS:
        end += 1
    return end in begins


def _has_time(values: dict[str, Any]) -> bool:
    """Whether the sentence says a time of day, or needs none."""
    repeat = values.get("repeat")
    delay = values.get("delay", ())
    return (
        any(name in values for name in ("times", "moment", "window", "hours", "minutes", "pasted"))
        or (repeat is not None and repeat.freq in WITHIN_A_DAY)
        or any(length.is_exact for length in delay)
    )


def _check_unread(text: str, tokens: list[Token], begin: int, end: int) -> None:
    """Refuse words of a schedule in unread words, and joints at their edges: at, on, until."""
    for n in range(begin, end):
        if tokens[n].text in ("yesterday", "ago"):
            refuse(f"“{tokens[n].text}” is over: a reminder lies ahead.", "past")
        if tokens[n].kind != "quoted" and tokens[n].text in TELLING:
            _refuse_unread(text, tokens, n, end)
    first, last = tokens[begin], tokens[end - 1]
    # After a colon anything may begin the title.
    is_joined = begin > 0 and tokens[begin - 1].text != ":"
    if is_joined and (first.kind in _COUNTS or _is_link(first, LINKS - OPENERS)):
        _refuse_unread(text, tokens, begin, end)
    if end < len(tokens) and _is_link(last, LINKS):
        _refuse_unread(text, tokens, end - 1, end + 1)


def _is_link(token: Token, links: Collection[str]) -> bool:
    return token.kind != "quoted" and token.text in links


def _refuse_unread(text: str, tokens: list[Token], begin: int, end: int) -> NoReturn:
    unread_text = text[tokens[begin].start : tokens[end - 1].end]
    refuse(f"“{unread_text}” was not understood. {EXAMPLES} {QUOTES}")


def _piece(
    text: str, tokens: list[Token], clause: tuple[str, int, int], *, is_recurring: bool
) -> Piece:
    name, begin, end = clause
    start, stop = tokens[begin].start, tokens[end - 1].end
    field_ = _FIELDS.get(name) or ("recurrence" if is_recurring else "starts_at")
    return Piece(field_, text[start:stop], start, stop)


def _text_of(tokens: list[Token], begin: int, end: int) -> str:
    return " ".join(token.text for token in tokens[begin:end])


def _without_quotes(title: str) -> str:
    title = re.sub(r"[^\S ]", " ", title)
    return title[1:-1].strip() if title[0] in '"“„«' and title[-1] in '"”“»' else title
