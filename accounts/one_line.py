"""Names and titles: one line of text that people can see. Pure."""

import unicodedata

MESSAGE = "Give one line of visible text, without line breaks and other control characters."
# Letters and symbols that are drawn as nothing: Hangul fillers and the empty Braille cell.
_BLANK = "\u115f\u1160\u3164\uffa0\u2800"


def is_one_line(text: str) -> bool:
    """Whether `text` has no control character and no line break, and something to see."""
    kinds = {character: unicodedata.category(character) for character in set(text)}
    if any(kind in {"Cc", "Cs", "Zl", "Zp"} for kind in kinds.values()):
        return False
    return any(_is_visible(kind) and char not in _BLANK for char, kind in kinds.items())


def _is_visible(kind: str) -> bool:
    """Tell by its category; a character that this Python does not know may be a newer emoji."""
    return kind[0] in "LNPS" or kind in {"Cn", "Co"}
