"""The context of a sentence: the values of its clauses, the moment and the time zone."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from .clauses.times import settle
from .lexicon import PARTS

DEFAULT_TIME = time(9)
_FIXED = {"noon": time(12), "midnight": time(0)}


@dataclass(slots=True)
class Context:
    """The values of a sentence's clauses by name, with the moment and zone of reading.

    `local` is `now` in `timezone`. `assumed` collects sentences about what was not said.
    """

    values: dict[str, Any]
    now: datetime
    timezone: str
    local: datetime
    assumed: list[str] = field(default_factory=list)

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    @property
    def today(self) -> date:
        return self.local.date()

    def times(self) -> list[time]:
        """Return the times of day in the sentence, or the default of its part of the day."""
        part = self.get("part")
        if "times" in self.values:
            clock_times = settle(self.values["times"], part if part in PARTS else None)
            if part is None and all(clock.is_plain for clock in self.values["times"]):
                text = " and ".join(f"{at:%H:%M}" for at in clock_times)
                self.assumed.append(f"Of morning and evening the morning: {text}.")
            return clock_times
        if part is None:
            return []
        if part in _FIXED:
            return [_FIXED[part]]
        at = time(PARTS[part][0])
        self.assumed.append(f"No time was said: {part} is {at:%H:%M}.")
        return [at]

    def times_or_default(self) -> list[time]:
        clock_times = self.times()
        if not clock_times:
            self.assumed.append(f"No time was said: {DEFAULT_TIME:%H:%M}.")
        return clock_times or [DEFAULT_TIME]
