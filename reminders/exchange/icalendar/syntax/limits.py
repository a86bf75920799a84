"""The largest calendar that is read, over the web and from an operator's file."""

from typing import NamedTuple

# Deeper than any program nests components.
MAX_DEPTH = 8
# A longer line is cut: no text that is stored, and no list of MAX_DATES, is as long.
MAX_LINE_CHARACTERS = 128 * 1024
# In one component, over all its EXDATE and RDATE.
MAX_DATES = 5_000


class Limits(NamedTuple):
    """Sizes beyond which a calendar is refused as a whole.

    `entries` are VEVENT, VTODO and all other components beside them; `parts` also counts their
    alarms and the parts of time zones. `seconds` is processor time.
    """

    megabytes: int
    lines: int
    entries: int
    parts: int
    seconds: int


# Ten thousand ordinary series take five seconds.
WEB = Limits(megabytes=10, lines=300_000, entries=10_000, parts=100_000, seconds=10)
COMMAND = Limits(
    megabytes=1_000, lines=30_000_000, entries=1_000_000, parts=10_000_000, seconds=3_600
)
