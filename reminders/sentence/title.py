"""What may be a title. Words at its edges that look like time are refused, with a way out.

Words that no clause has read would become the title, and a wrong time would go unseen. So the title
is looked at from both ends, and what is there of a time, a date or a length is asked about.
"""

from collections.abc import Sequence
from typing import NoReturn

from .errors import ambiguous, refuse
from .lexicon import LINKS
from .misspelling import similar_time_word
from .places import cities
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

# The number after these is a name.
_LABELS_TEXT = """
room chapter gate page floor platform track bus tram train flight route highway exit unit
apartment apt suite flat building block house lot box locker seat row section lesson episode
part volume vol level grade class team group phase step stage version ticket issue invoice
order case task question exercise problem figure appendix article no nr number channel studio
terminal hall lab ward windows iphone ios android formula area apollo act scene psalm bay dock
pier door desk line module sprint build release bug
"""
_LABELS = frozenset(_LABELS_TEXT.split())
# Before a unit or a part of the day these make a thing of it: movie night, happy hour.
_COMPOUNDS_TEXT = """
movie date game quiz trivia poker pizza family girls boys ladies karaoke bingo taco film curry
opening wedding election open-mic parents prom comedy mother's father's mothers fathers
independence boxing labor labour memorial valentine's valentines veterans canada sports moving
pay wash laundry leg cheat snow release demo school training new year's women's earth pi
happy office power rush visiting coffee leap tax fiscal fashion restaurant
"""
_COMPOUNDS = frozenset(_COMPOUNDS_TEXT.split())
_NOT_PLURAL_TEXT = """
is was this yes as us bus gas class
"""
_NOT_PLURAL = frozenset(_NOT_PLURAL_TEXT.split())
_COUNTED_TEXT = """
people men women children percent eur usd gbp chf dollars euros kg km g ml l mg cm mm
miles minutes
"""
_COUNTED = frozenset(_COUNTED_TEXT.split())
_MEALS_TEXT = """
breakfast lunch dinner supper work school dawn dusk sunrise sunset lunchtime bedtime
"""
_MEALS = frozenset(_MEALS_TEXT.split())
_STATES_TEXT = """
alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii
idaho illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan
minnesota mississippi missouri montana nebraska nevada ohio oklahoma ontario oregon pennsylvania
tennessee texas utah vermont virginia washington wisconsin wyoming
"""
_STATES = frozenset(_STATES_TEXT.split())
# Of a state or a country: NY, UK.
_LENGTH_OF_CODE = 2
_ARTICLES = frozenset({"the", "a", "an"})
_CURRENCY = "$€£¥%"
# Between a number that may be an hour and these there is no noun that it counts.
_PREPOSITIONS_TEXT = """
with at for in on to about and or by from
"""
_PREPOSITIONS = frozenset(_PREPOSITIONS_TEXT.split())


class Title:
    """The words of a sentence that no clause has read, and what stands beside them.

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
        """Raise Misunderstood for what looks like time; otherwise these words are a title."""
        for n, word in enumerate(self.words):
            if word.kind == "word" and (meant := similar_time_word(word.text)):
                self._refuse(n, n, "misspelt", f"is “{meant}” meant? ")
            if self.kinds[n] == "written":
                self._refuse(n, n, "written")
        self._check_start()
        self._check_end()
        if not self.has_time:
            self._check_inside()

    def _check_start(self) -> None:
        at = self._skipped(range(len(self.words)))
        kind = self.kinds[at] if at < len(self.words) else ""
        if not kind:
            self._check_place()
            return
        is_begun = self.is_after_unit if kind == "end" else self.is_begun
        is_free = not is_begun and all(w.text in _ARTICLES for w in self.words[:at])
        if not (is_free and self._begins_name(at, kind)):
            self._refuse(0, at, kind)

    def _begins_name(self, at: int, kind: str) -> bool:
        """Whether a word may begin a title: 2 tickets, first aid, week plan, March report."""
        following = self.words[at + 1] if at + 1 < len(self.words) else None
        if kind in ("when", "count") or following is None or self.kinds[at + 1]:
            return False
        if kind == "ordinal" and following.text in ("thing", "light"):
            return False
        if following.text in _CURRENCY:
            return True
        if kind == "number" or (kind == "number word" and self.words[at].text != "one"):
            return _is_counted(following)
        return following.text not in LINKS or (kind, at) == ("month", 0)

    def _check_place(self) -> None:
        """Refuse what may be a zone right after a clause: Boston time, US Eastern, London."""
        if not self.is_begun:
            return
        names = [word.text for word in self.words[:4]]
        if "time" in names[1:]:
            self._refuse(0, names.index("time", 1), "zone")
        zones = [n for n, kind in enumerate(self.kinds[:3]) if kind in ("zone", "abbreviation")]
        is_state = self.is_after_place and (names[0] in _STATES or self._is_code(self.words[0]))
        if zones or is_state or " ".join(names) in cities():
            self._refuse(0, zones[0] if zones else 0, "zone")

    def _is_code(self, word: Token) -> bool:
        code = self.text[word.start : word.end]
        return len(code) == _LENGTH_OF_CODE and code.isupper()

    def _check_end(self) -> None:
        backwards = range(len(self.words) - 1, -1, -1)
        at = backwards[min(self._skipped(backwards), len(self.words) - 1)]
        kind = self.kinds[at]
        if kind and not (at and self._ends_name(at, kind)):
            begin = at
            while begin and (self.kinds[begin - 1] or self.words[begin - 1].text in LINKS):
                begin -= 1
            self._refuse(begin, at, kind)

    def _ends_name(self, at: int, kind: str) -> bool:
        """Whether a word may end a title: room 12, movie night, plan for all."""
        before, text = self.words[at - 1], self.words[at].text
        if kind == "number":
            is_money = before.text in _CURRENCY and before.text != "%"
            return is_money or (self.has_time and self._label_before(at))
        if kind in ("unit", "part"):
            return before.text in _COMPOUNDS and not self.kinds[at - 1]
        if kind in ("end", "times"):
            return not self.kinds[at - 1] and before.text not in LINKS
        is_last = not self.is_ended
        if kind == "month":
            return is_last and before.text not in LINKS
        if kind == "zone":
            return is_last or text in ("central", "mountain")
        return kind == "which" and is_last and text not in _ALWAYS

    def _label_before(self, at: int) -> bool:
        names = [word.text for word in self.words[max(0, at - 2) : at] if word.text != "."]
        return bool(names) and names[-1] in _LABELS

    def _check_inside(self) -> None:
        """Refuse what may be the time of day where none is said: dinner 7 with Ann, after lunch."""
        for n, word in enumerate(self.words[1:], start=1):
            before, following = self.words[n - 1], self.words[n + 1 : n + 2]
            if word.text in _MEALS and before.text in ("at", "after", "before", "by", "during"):
                self._refuse(n - 1, n, "")
            is_hour = self.kinds[n] in ("number", "number word") and len(word.text) <= _LONGEST_HOUR
            is_counted = not following or following[0].text not in _PREPOSITIONS
            is_name = before.text in _CURRENCY or self._label_before(n)
            if is_hour and not is_counted and not is_name:
                self._refuse(n, n, "number")

    def _skipped(self, places: Sequence[int]) -> int:
        """Return how many words from an edge only join: the, on, in, marks."""
        for skipped, at in enumerate(places):
            word = self.words[at]
            is_joint = word.text in LINKS or word.text in _ARTICLES or word.kind == "mark"
            if not is_joint or self.kinds[at]:
                return skipped
        return len(places)

    def _refuse(self, first: int, last: int, kind: str, question: str = "") -> NoReturn:
        while last + 1 < len(self.words) and self.kinds[last + 1]:
            last += 1
        shown = self.text[self.words[first].start : self.words[last].end]
        kind = _SAME_HINT.get(kind, kind)
        hint = _HINTS.get(kind, _HINTS[""])
        if kind == "number" and first == last:
            ambiguous(f"“{shown}” may be a time, a date or of the title: {hint}. {QUOTES}")
        refuse(f"“{shown}” was not understood, and looks like a time: {question}{hint}. {QUOTES}")


def _is_counted(word: Token) -> bool:
    """Whether a number before this word counts things: 2 tickets, 5 people."""
    text = word.text
    return text in _COUNTED or (text.endswith("s") and text not in _NOT_PLURAL and len(text) > 2)


# At the end of a sentence these say which time, too.
_ALWAYS = ("next", "early", "late", "apart", "half")
# Twenty-three is longer, and no hour that people write.
_LONGEST_HOUR = 6
