"""Check of names and titles: one line of visible text. Pure."""

import unicodedata

MESSAGE = "Give one line of visible text, without line breaks and other control characters."
# Letters and symbols without a glyph: Hangul fillers and the empty Braille cell.
_BLANK = "\u115f\u1160\u3164\uffa0\u2800"


def is_one_line(text: str) -> bool:
    """Whether `text` has a visible character, and no control character or line break."""
    kinds = {character: unicodedata.category(character) for character in set(text)}
    if any(kind in {"Cc", "Cs", "Zl", "Zp"} for kind in kinds.values()):
        return False
    return any(_is_visible(kind) and char not in _BLANK for char, kind in kinds.items())


def _is_visible(kind: str) -> bool:
    """Whether a category is visible. Unassigned ones are, as they may be newer emoji."""
    return kind[0] in "LNPS" or kind in {"Cn", "Co"}
