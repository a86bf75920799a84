"""A cursor over the tokens of a sentence, with the readers that all clauses share."""

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from .lexicon import DIGITS, NUMBERS, ORDINALS, TENS
from .tokens import Token

T = TypeVar("T")
# Longer names of days and months are written out, and have no dot of their own.
_ABBREVIATION = 5
# The values that a clause has read, by name; None if the clause is not there.
ClauseValues = dict[str, Any] | None


class Cursor:
    """A position in a list of tokens; a failed `attempt` goes back to its beginning."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        # Whether a clause of the schedule ends here, and not the title.
        self.is_after_clause = False

    @property
    def token(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def word(self, *words: str) -> str | None:
        """Read one of these words."""
        token = self.token
        if token is None or token.text not in words or token.kind == "quoted":
            return None
        self.at += 1
        return token.text

    def phrase(self, *phrases: str) -> str | None:
        """Read the first of these phrases that stands here, word by word."""
        token = self.token
        if token is None:
            return None
        for phrase in phrases:
            if phrase.startswith(token.text) and self.attempt(
                lambda phrase=phrase: self._all(phrase.split())  # type: ignore[misc]
            ):
                return phrase
        return None

    def _all(self, words: list[str]) -> bool | None:
        return all(self.word(word) for word in words) or None

    def one_of(self, meanings: dict[str, T]) -> T | None:
        """Read a word of `meanings`, and return its meaning."""
        token = self.token
        if token is None or token.kind != "word":
            return None
        text = token.text.removesuffix(".") if token.text.removesuffix(".") in meanings else None
        if text is None:
            return None
        self.at += 1
        if len(text) <= _ABBREVIATION and text not in NUMBERS:
            self._dot(token)
        return meanings[text]

    def _dot(self, token: Token) -> None:
        """Read the dot of an abbreviation: Dec., Mon."""
        dot = self.token
        if dot is not None and dot.text == "." and dot.start == token.end:
            self.at += 1

    def value(self, kind: str) -> Any:
        """Read a token of this kind, and return its value."""
        token = self.token
        if token is None or token.kind != kind:
            return None
        self.at += 1
        return token.value if token.value is not None else token.text

    def number(self) -> int | None:
        """Read 3 or three; a number has at most five digits here."""
        token = self.token
        if token is not None and token.kind == "number" and len(token.text) > 5:
            return None
        number: int | None = self.value("number")
        return number if number is not None else self.number_word()

    def number_word(self) -> int | None:
        """Read three, twenty, twenty five or twenty-five."""
        tens = self.one_of(TENS)
        if tens is None:
            return self.one_of(NUMBERS)
        return tens + (self.one_of(DIGITS) or 0)

    def ordinal(self) -> int | None:
        """Read 2nd, second or last; -2 for "2nd to last"."""
        number: int | None = self.value("ordinal")
        if number is None:
            number = self.one_of(ORDINALS)
        if number is not None and number > 0 and self.phrase("to last", "to the last"):
            return -number
        return number

    def attempt(self, read: Callable[[], T | None]) -> T | None:
        """Call `read`; go back to the beginning if it returns None."""
        begin = self.at
        value = read()
        if value is None:
            self.at = begin
        return value

    def several(self, read: Callable[[], T | None]) -> list[T]:
        """Read a list with commas, "and" or "&" between its items; it may be empty."""
        items: list[T] = []
        item = self.attempt(read)
        while item is not None:
            items.append(item)
            item = self.attempt(lambda: read() if self._between() else None)
        return items

    def _between(self) -> bool:
        is_comma = self.word(",", "&", "+") is not None
        return self.word("and", "&", "/") is not None or is_comma

    def ahead(self, texts: Collection[str]) -> bool:
        return self.token is not None and self.token.text in texts
