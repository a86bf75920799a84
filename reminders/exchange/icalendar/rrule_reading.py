"""RRULE as the engine takes it. Unknown parts are refused, harmless ones left out and reported."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

from reminders.exchange.icalendar.losses import Losses
from reminders.exchange.icalendar.syntax.values import BadValue
from reminders.recurrence import Schedule

_PARTS_WITHOUT_EFFECT = {"RSCALE=GREGORIAN", "SKIP=OMIT"}
# vCalendar 1.0, 3.5: D2 #10, W1 MO TU, MP1 1+ MO, MD1 1 15 LD, YM1 6, YD1 100.
_VERSION_1 = re.compile(r"(D|W|MP|MD|YM|YD)([0-9]{1,4})((?:\s+[A-Z0-9+#:-]+)*)")
_WEEKDAY = re.compile(r"MO|TU|WE|TH|FR|SA|SU")
_SIGNED = re.compile(r"([0-9]{1,3})([+-]?)")
_END = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")
_FREQUENCIES = {
    "D": "DAILY",
    "W": "WEEKLY",
    "MP": "MONTHLY",
    "MD": "MONTHLY",
    "YM": "YEARLY",
    "YD": "YEARLY",
}
_LISTS = {"W": "BYDAY", "MP": "BYDAY", "MD": "BYMONTHDAY", "YM": "BYMONTH", "YD": "BYYEARDAY"}
# The COUNT of a rule of vCalendar 1.0 without an end.
_DEFAULT_COUNT = 2
# Days or months of a rule of vCalendar 1.0. A rule of half as many is too long to store.
MAX_CHOICES = 500

EndOf = Callable[[str], str]


def read_rule(value: str, until: EndOf, losses: Losses) -> dict[str, str]:
    """Return the parts of a rule in its order, UNTIL as `until` reads it. Raises BadValue."""
    text = value.strip().upper()
    if version_1 := _VERSION_1.fullmatch(text):
        text = _of_version_1(version_1, losses)
    parts: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, content = (side.strip() for side in part.partition("="))
        if name.startswith("X-"):
            losses.add(f"{part[:60]} in its rule: FOAM has nothing like it")
        elif part not in _PARTS_WITHOUT_EFFECT:
            if name in parts:
                raise BadValue(f"its rule has {name[:20]} twice")
            parts[name] = content.strip(",") if name.startswith("BY") else content
    if "FREQ" not in parts:
        raise BadValue(f"its rule {value[:60]!r} is none of iCalendar: it has no FREQ")
    if "UNTIL" in parts:
        _drop_invalid_count(parts, losses)
        parts["UNTIL"] = until(parts["UNTIL"])
    return parts


def rule_text(parts: dict[str, str]) -> str:
    return ";".join(f"{name}={content}" for name, content in parts.items())


def keep_earlier_end(parts: dict[str, str], start: datetime, zone: str, losses: Losses) -> None:
    """Keep either UNTIL or COUNT, by which the rule ends first. Raises RecurrenceError.

    RFC 5545 forbids both together.
    """
    if not {"UNTIL", "COUNT"} <= parts.keys():
        return
    lasts = {}
    for name in ("UNTIL", "COUNT"):
        with_one_end = {part: content for part, content in parts.items() if part != name}
        rule = Schedule(starts_at=start, timezone=zone, recurrence=rule_text(with_one_end))
        lasts[name] = rule.last()
    by_count, by_until = lasts["UNTIL"], lasts["COUNT"]
    ends_by_until = by_until is None or (by_count is not None and by_until <= by_count)
    del parts["COUNT" if ends_by_until else "UNTIL"]
    losses.add("its rule has UNTIL and COUNT: the one that ends it earlier counts")


def _drop_invalid_count(parts: dict[str, str], losses: Losses) -> None:
    """Leave out a COUNT that is not positive, as UNTIL tells the end."""
    if re.fullmatch(r"0+|-[0-9]+", parts.get("COUNT", "")):
        losses.add(f"COUNT={parts.pop('COUNT')[:20]} in its rule: UNTIL tells when it ends")


def _of_version_1(rule: re.Match[str], losses: Losses) -> str:
    """Return a rule of vCalendar 1.0 as RFC 5545 writes it. Raises BadValue."""
    kind, words = rule[1], rule[3].split()
    end, rounds = f"COUNT={_DEFAULT_COUNT}", None
    if words and words[-1].startswith("#") and words[-1][1:].isdecimal():
        rounds = int(words.pop()[1:6])
    elif words and _END.fullmatch(words[-1]):
        end = f"UNTIL={words.pop()}"
    try:
        choices = list(islice(_choices(kind, words), MAX_CHOICES + 1))
        if len(choices) > MAX_CHOICES:
            raise ValueError("a list as long")
        choices = list(dict.fromkeys(choices))
    except ValueError as error:
        raise BadValue(f"{error} in its rule {rule[0][:60]!r} is not read") from None
    if rounds is not None:
        # W1 TU TH #5 goes on for five weeks, which is ten times; #0 for ever.
        end = f"COUNT={rounds * max(len(choices), 1)}" if rounds else ""
    text = f"FREQ={_FREQUENCIES[kind]};INTERVAL={int(rule[2])}"
    if choices:
        text += f";{_LISTS[kind]}={','.join(choices)}"
    text = f"{text};{end}" if end else text
    losses.add(f"its rule {rule[0][:60]} is of vCalendar 1.0, and is read as {text}")
    return text


def _choices(kind: str, words: list[str]) -> Iterator[str]:
    """Yield the days or months of a rule of vCalendar 1.0, as RFC 5545. Raises ValueError."""
    ordinals: list[str] = []
    is_after_weekday = False
    for word in words:
        is_weekday = _WEEKDAY.fullmatch(word) is not None
        signed = _SIGNED.fullmatch(word)
        if kind == "MP" and signed and signed[2]:
            # 1+ 1- FR are two of a weekday, and 1+ MO 2+ TU begin anew.
            ordinals = [] if is_after_weekday else ordinals
            ordinals.append(f"{signed[2].replace('+', '')}{int(signed[1])}")
        elif (kind == "MP" and is_weekday and ordinals) or (kind == "W" and is_weekday):
            yield from (f"{ordinal}{word}" for ordinal in ordinals or [""])
        elif kind == "MD" and word == "LD":
            yield "-1"
        elif kind in {"MD", "YM", "YD"} and signed:
            yield f"{signed[2].replace('+', '')}{int(signed[1])}"
        else:
            raise ValueError(word[:20])
        is_after_weekday = is_weekday
