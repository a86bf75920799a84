"""The check of a title: words of time at its edges are refused, with a hint.

Words that no clause has read would become the title, and a wrong time would go unseen. So the check
looks at the title from both ends, and refuses a time, a date or a length there.
"""

import re
from collections.abc import Sequence
from typing import NoReturn

from .clauses.timezones import cities
from .errors import ambiguous, refuse
from .lexicon import LINKS
from .misspelling import similar_time_word
from .names import COMPOUNDS, LABELS, MEALS, NO_NAMES, NOUNS, PLACES, STATES, is_counted
from .timelike import kind_of
from .tokens import Token

QUOTES = 'What is of the title can be put in quotes: “"call room 12" tomorrow at 9”.'
_HINTS = {
    "number": "write a time as “at 18:00”, a date as “on Dec 5”, an end as “for 5 times”",
    "ordinal": "write “on Dec 5” or “on the 5th of every month”",
    "unit": "write “in 2 weeks”, “every 2 weeks” or “for 2 weeks”",
    "part": "write “in the morning” or “every evening at 8”",
    "month": "write a day of it, such as “on Dec 5”",
    "zone": "write a place, such as “in New York”, or UTC",
    "count": "write “twice a day at 8 and 20” or “for 2 times”",
    "misspelt": "correct it",
    "": "write when as in “tomorrow at 18:00”, “in 2 weeks” or “every Monday at 9”",
}
_SAME_HINT = {"number word": "number", "with unit": "unit", "times": "count"}
_SAME_HINT |= {"abbreviation": "zone", "day": "month"}

# Of a state or a country: NY, UK.
_LENGTH_OF_CODE = 2
# Before a number, of a year: Q1 2027.
_QUARTER = re.compile("q[1-4]")
# Before these a word such as review is a verb.
_DETERMINERS = ("the", "a", "an", "my", "our", "this")
# A title that begins with one of these begins with a time that was not understood.
_OPEN = ("since", "between", "during", "around")
# At the end of a sentence no time follows these.
_DANGLING = ("at", "for", "between", "since", "@", "until", "till", "the", "to", "around")
# Twenty-three is longer, and no hour that people write.
_LONGEST_HOUR = 6
_ARTICLES = frozenset({"the", "a", "an"})
_CURRENCY = "$€£¥%"
# Between a number that may be an hour and these there is no noun that it counts.
_PREPOSITIONS_TEXT = """
with at for in on to about and or by from
"""
_PREPOSITIONS = frozenset(_PREPOSITIONS_TEXT.split())


class Title:
    """The words of a sentence that no clause has read, and their surroundings.

    `before` is the last word of the clause right before them; `is_after_place` says that it names
    a zone. `is_ended` says that a clause stands right after them, `has_time` that the sentence
    says a time of day elsewhere.
    """

    def __init__(
        self,
        text: str,
        words: Sequence[Token],
        *,
        before: Token | None,
        is_after_place: bool,
        is_ended: bool,
        has_time: bool,
    ) -> None:
        self.text = text
        self.words = words
        self.kinds = [kind_of(word, text) for word in words]
        self.is_begun = before is not None
        self.is_after_unit = before is not None and kind_of(before, text) in ("unit", "month")
        self.is_after_place, self.is_ended, self.has_time = is_after_place, is_ended, has_time

    def check(self) -> None:
        """Raise Misunderstood if words at the edges look like time."""
        for n, word in enumerate(self.words):
            if word.kind in ("word", "mixed") and (similar := similar_time_word(word.text)):
                self._refuse(n, n, "misspelt", f"is “{similar}” meant? ")
            is_quarter = _QUARTER.fullmatch(word.text) and self.kinds[n + 1 : n + 2] == ["number"]
            is_first_thing = self.kinds[n : n + 1] == ["ordinal"] and self._is_thing(n + 1)
            if self.kinds[n] == "written" or is_quarter or is_first_thing:
                self._refuse(n, n, "written")
        self._check_start()
        self._check_end()
        if not self.has_time:
            self._check_inside()

    def _is_thing(self, at: int) -> bool:
        return at < len(self.words) and self.words[at].text in ("thing", "light")

    def _check_start(self) -> None:
        at = self._count_joints(range(len(self.words)))
        kind = self.kinds[at] if at < len(self.words) else ""
        if not kind:
            self._check_place()
            return
        is_begun = self.is_after_unit if kind == "end" else self.is_begun
        is_free = not is_begun and all(w.text in _ARTICLES for w in self.words[:at])
        if not (is_free and self._begins_name(at, kind)):
            self._refuse(0, at, kind)

    def _begins_name(self, at: int, kind: str) -> bool:
        """Whether a word may begin a title: 2 tickets, first aid, 10-minute walk, March report."""
        text = self.words[at].text
        following = self.words[at + 1].text if at + 1 < len(self.words) else ""
        if kind in ("when", "count") or not following or self.kinds[at + 1]:
            return False
        if kind == "number" or (kind == "number word" and text != "one"):
            return following in _CURRENCY or is_counted(following)
        if text.endswith("'s") or kind in ("end", "number word", "with unit"):
            return following not in LINKS and (kind != "with unit" or "-" in text)
        if text in NO_NAMES or kind == "abbreviation":
            return False
        return following in (PLACES if kind == "zone" else NOUNS) and self._is_noun(at + 1)

    def _is_noun(self, at: int) -> bool:
        """Whether a word is no verb with an object after it, as in "review the budget"."""
        return at + 1 >= len(self.words) or self.words[at + 1].text not in _DETERMINERS

    def _check_place(self) -> None:
        """Refuse words at the start that may be a zone: Boston time, US Eastern, London."""
        names = [word.text for word in self.words[:4]]
        if "time" in names[1:]:
            at = names.index("time", 1)
            if self.is_begun or names[at - 1] not in COMPOUNDS["time"]:
                self._refuse(0, at, "zone")
        if not self.is_begun:
            if names[0] in _OPEN:
                self._refuse(0, 0, "")
            return
        zones = [n for n, kind in enumerate(self.kinds[:3]) if kind in ("zone", "abbreviation")]
        is_state = self.is_after_place and (names[0] in STATES or self._is_code(self.words[0]))
        if zones or is_state or " ".join(names) in cities():
            self._refuse(0, zones[0] if zones else 0, "zone")

    def _is_code(self, word: Token) -> bool:
        code = self.text[word.start : word.end]
        return len(code) == _LENGTH_OF_CODE and code.isupper()

    def _check_end(self) -> None:
        if self.words[-1].text in _DANGLING:
            self._refuse(len(self.words) - 1, len(self.words) - 1, "")
        backwards = range(len(self.words) - 1, -1, -1)
        at = backwards[min(self._count_joints(backwards), len(self.words) - 1)]
        kind = self.kinds[at]
        if kind and not (at and self._ends_name(at, kind)):
            begin = at
            while begin and (self.kinds[begin - 1] or self.words[begin - 1].text in LINKS):
                begin -= 1
            self._refuse(begin, at, kind)

    def _ends_name(self, at: int, kind: str) -> bool:
        """Whether a word may end a title: room 12, movie night, a plan for all."""
        before, text = self.words[at - 1].text, self.words[at].text
        if kind == "number":
            is_money = before in _CURRENCY and before != "%"
            return is_money or (self.has_time and self._label_before(at))
        if kind in ("unit", "part", "times"):
            return before in COMPOUNDS.get(text, ())
        if kind == "end":
            return not self.kinds[at - 1] and before not in LINKS
        if kind == "zone":
            return before in _ARTICLES
        return kind == "which" and not self.is_ended and text in ("all", "any")

    def _label_before(self, at: int) -> bool:
        names = [word.text for word in self.words[max(0, at - 2) : at] if word.text != "."]
        return bool(names) and names[-1] in LABELS

    def _check_inside(self) -> None:
        """Refuse a possible time of day inside: dinner 7 with Ann, after lunch."""
        for n, word in enumerate(self.words[1:], start=1):
            before, following = self.words[n - 1], self.words[n + 1 : n + 2]
            if word.text in MEALS and before.text in ("at", "after", "before", "by", "during"):
                self._refuse(n - 1, n, "")
            is_hour = self.kinds[n] in ("number", "number word") and len(word.text) <= _LONGEST_HOUR
            is_counted = not following or following[0].text not in _PREPOSITIONS
            is_name = before.text in _CURRENCY or self._label_before(n)
            if is_hour and not is_counted and not is_name:
                self._refuse(n, n, "number")

    def _count_joints(self, places: Sequence[int]) -> int:
        """Return the number of words at an edge that only join: the, on, in, marks."""
        for skipped, at in enumerate(places):
            word = self.words[at]
            is_joint = word.text in LINKS or word.text in _ARTICLES or word.kind == "mark"
            if not is_joint or self.kinds[at]:
                return skipped
        return len(places)

    def _refuse(self, first: int, last: int, kind: str, question: str = "") -> NoReturn:
        while last + 1 < len(self.words) and self.kinds[last + 1]:
            last += 1
        quote = self.text[self.words[first].start : self.words[last].end]
        is_counted_unit = (
            kind in ("number", "number word") and "unit" in self.kinds[first : last + 1]
        )
        kind = "unit" if is_counted_unit else _SAME_HINT.get(kind, kind)
        hint = _HINTS.get(kind, _HINTS[""])
        if kind == "number" and first == last:
            ambiguous(f"“{quote}” may be a time, a date or of the title: {hint}. {QUOTES}")
        refuse(f"“{quote}” was not understood, and looks like a time: {question}{hint}. {QUOTES}")
