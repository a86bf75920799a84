"""Words that differ from a day or a month by one letter: they are no part of a title."""

from functools import cache
from string import ascii_lowercase

_DAYS = (
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    *("january", "february", "september", "october", "november", "december"),
    *("tomorrow", "tonight"),
)
# More than one letter, or a word too short to compare.
_COMMON = {
    **dict.fromkeys(("wensday", "wendsday", "wensdays"), "wednesday"),
    **dict.fromkeys(("tommorow", "tommorrow", "tomarow", "tmrrw", "tmr", "2moro"), "tomorrow"),
    **dict.fromkeys(("tonite", "2nite"), "tonight"),
    **dict.fromkeys(("evry", "evey", "eveyr", "evrey", "everey", "eevry"), "every"),
    **dict.fromkeys(("feburary", "feberuary"), "february"),
    **{"agust": "august", "arpil": "april", "2day": "today", "tody": "today"},
}
# Words of English that are one letter from a day.
_UNRELATED = {"sundry", "sundae", "sundaes", "knight"}


def similar_time_word(word: str) -> str | None:
    """Return the day, month or other word of time that a misspelt word resembles."""
    if word in _UNRELATED:
        return None
    return _COMMON.get(word) or _variants().get(word)


@cache
def _variants() -> dict[str, str]:
    """Return each spelling with one letter too few, too many, wrong or in the wrong place."""
    variants = {variant: day for day in _DAYS for variant in _edits(day)}
    for day in _DAYS:
        variants.pop(day, None)
        variants.pop(f"{day}s", None)
    return variants


def _edits(word: str) -> set[str]:
    cuts = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    shorter = {a + b[1:] for a, b in cuts if b}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    changed = {a + letter + b[1:] for a, b in cuts if b for letter in ascii_lowercase}
    longer = {a + letter + b for a, b in cuts for letter in ascii_lowercase}
    return shorter | swapped | changed | longer
