"""What a sentence says, where and when it is read."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from .clauses.times import settle
from .lexicon import PARTS

DEFAULT_TIME = time(9)
_FIXED = {"noon": time(12), "midnight": time(0)}


@dataclass(slots=True)
class Told:
    """What a sentence says, with the moment it is read at and what has to be assumed."""

    said: dict[str, Any]
    now: datetime
    timezone: str
    local: datetime
    assumed: list[str] = field(default_factory=list)

    def get(self, name: str, default: Any = None) -> Any:
        return self.said.get(name, default)

    @property
    def today(self) -> date:
        return self.local.date()

    def times(self) -> list[time]:
        """Return the times of day that are said, or what stands for a part of the day."""
        part = self.get("part")
        if "times" in self.said:
            found = settle(self.said["times"], part if part in PARTS else None)
            if part is None and all(each.is_plain for each in self.said["times"]):
                shown = " and ".join(f"{at:%H:%M}" for at in found)
                self.assumed.append(f"Of morning and evening the morning: {shown}.")
            return found
        if part is None:
            return []
        if part in _FIXED:
            return [_FIXED[part]]
        at = time(PARTS[part][0])
        self.assumed.append(f"No time was said: {part} is {at:%H:%M}.")
        return [at]

    def times_or_default(self) -> list[time]:
        found = self.times()
        if not found:
            self.assumed.append(f"No time was said: {DEFAULT_TIME:%H:%M}.")
        return found or [DEFAULT_TIME]
