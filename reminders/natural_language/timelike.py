"""Words that look like a time, a date, a length or a zone: no title begins or ends with them."""

import re

from .clauses.timezones import ABBREVIATIONS
from .lexicon import ADVERBS, MONTHS, NUMBERS, ORDINALS, PARTS, UNIT_NAMES, WEEKDAYS
from .tokens import Token

# Words of time wherever they stand beside a schedule.
_WHEN_TEXT = """
later soon now asap hence earlier shortly immediately sometime someday eod eow eom eoy cob onwards
onward afterwards midweek ish while
"""
# Words that choose or count the time beside them.
_QUALIFIERS_TEXT = """
next this past coming following upcoming previous alternate alternating odd even any all half
several few couple dozen sharp local early late mid middle apart quarter quarters hundred
"""
_UNITS = (
    *UNIT_NAMES,
    *("second", "seconds", "sec", "secs", "decade", "decades", "semester", "weeknight"),
    *("weeknights", "fortnights", "h", "d", "kw", "cw"),
)
_DAYS_TEXT = """
christmas easter halloween thanksgiving dawn dusk sunrise sunset lunchtime dinnertime bedtime
noontime daytime nighttime daybreak
"""
# Foreign words of time: the ones that people most often leave in an English sentence.
_FOREIGN_TEXT = """
januar februar märz april juni juli oktober dezember janvier février avril juin juillet août
septembre octobre novembre décembre enero febrero marzo abril mayo junio julio agosto septiembre
octubre noviembre diciembre uhr montag dienstag mittwoch donnerstag freitag samstag sonntag lundi
mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles jueves viernes sábado domingo
"""
_KINDS: dict[str, str] = {
    **dict.fromkeys(("eastern", "central", "mountain", "pacific", "zulu", "nyc"), "zone"),
    **dict.fromkeys(_QUALIFIERS_TEXT.split(), "which"),
    **dict.fromkeys(ORDINALS, "ordinal"),
    **dict.fromkeys(_UNITS, "unit"),
    **dict.fromkeys((*PARTS, "mornings", "afternoons", "evenings", "nights"), "part"),
    **dict.fromkeys(_DAYS_TEXT.split(), "day"),
    **dict.fromkeys(("end", "start", "beginning"), "end"),
    **dict.fromkeys(("mo", "tu", "th", "fr", "sa", "su"), "month"),
    **dict.fromkeys((*_FOREIGN_TEXT.split(), *MONTHS, *WEEKDAYS), "month"),
    **dict.fromkeys(NUMBERS, "number word"),
    **dict.fromkeys(("times", "time", "x"), "times"),
    **dict.fromkeys(("twice", "thrice", *ADVERBS), "count"),
    **dict.fromkeys(_WHEN_TEXT.split(), "when"),
}
_TOKENS = {"ordinal": "ordinal", "span": "with unit", "hours": "with unit", "decimal": "with unit"}
_NAMES = "|".join(MONTHS)
# Times and dates in one piece, wherever they stand.
_WRITTEN_TIME = re.compile(
    r"[0-9]{1,2}(?:[:.]?[0-9]{2})?-?ish|noon-?ish|[0-9]{3,4}(?:h|z|hrs|hours)|[0-9]{1,4}uhr"
    rf"|(?:utc|gmt)[+\-]?[0-9].*|(?:{_NAMES})[\-/.]?[0-9]+|[0-9]+[\-/.]?(?:{_NAMES})[\-/.]?[0-9]*"
    r"|[0-9]+x|x[0-9]+|(?:cw|kw|wk|week)[0-9]{1,2}|mid-(?:week|month|year|day|morning|afternoon)|(?:week|month|year)-?end"
    rf"|[0-9]+[年月日時分时]|(?:mid|early|late)-(?:{_NAMES})|[0-9]{{4}}-?w[0-9]{{1,2}}(?:-[0-9])?"
)
# Of 10-minute and 3months the unit.
_WITH_UNIT = re.compile(rf"[0-9]+-?(?:{'|'.join((*_UNITS, *PARTS))})")


def kind_of(token: Token, sentence: str) -> str:
    """Return the kind of a word of time: number, unit, zone, month, ...; "" for any other word."""
    is_name = token.kind == "number" and sentence[: token.start].endswith("#")
    if is_name or token.kind in ("quoted", "tag", "mark"):
        return ""
    if token.kind not in ("word", "mixed", "zone"):
        return _TOKENS.get(token.kind, "number")
    text = token.text.removesuffix("'s")
    if _WRITTEN_TIME.fullmatch(text) or _is_pair(text):
        return "written"
    if token.kind == "mixed" and _WITH_UNIT.fullmatch(text):
        return "with unit"
    is_upper = sentence[token.start : token.end].isupper()
    return "abbreviation" if is_upper and text in ABBREVIATIONS else _KINDS.get(text, "")


def _is_pair(text: str) -> bool:
    """Whether all parts of a word are of time: Jan/Feb, day-end."""
    parts = re.split("[/-]", text)
    return len(parts) > 1 and all(part in _KINDS for part in parts)
