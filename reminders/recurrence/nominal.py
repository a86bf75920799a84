"""The fires of leads with days. Seconds since 1970, UTC or wall clock.

A due instant shows a wall time. The lead fires when the clock shows that time its number of dates
before, less its exact part. Near clock changes the order of due instants is not always the order of
their fires, and two may fire at one instant: so the search looks at all due instants within the
change, and orders them by (fire, due).
"""

from collections.abc import Callable

from .lead import Lead
from .tzif import DAY, MAX_SHIFT
from .wall_clock import FOREVER, Fold, Gap, WallClock, zone_clock

# instant: the first due instant after it
NextDue = Callable[[int], int | None]
# due instant: its wall time in the rule
RuleWall = Callable[[int], int]


def clock_of(timezone: str, gap: Gap, fold: Fold) -> WallClock:
    """Return the clock of leads with days, by which each due instant has exactly one fire.

    So it has Gap.AFTER in place of SKIP, and Fold.FIRST in place of BOTH.
    """
    return zone_clock(
        timezone,
        Gap.AFTER if gap is Gap.SKIP else gap,
        Fold.FIRST if fold is Fold.BOTH else fold,
    )


def fire_at(clock: WallClock, lead: Lead, due: int, wall: int) -> int:
    """Return the instant at which `lead` fires for a due instant with this rule wall time."""
    return instant_of(clock, wall - lead.days * DAY, due - lead.days * DAY) - lead.seconds


def instant_of(clock: WallClock, wall: int, near: int) -> int:
    """Return the instant of a wall time, close to the instant `near`."""
    stretch = clock.stretch(near)
    if stretch.low <= wall < stretch.high:
        return wall - stretch.offset
    return clock.bound(wall)


def first(
    clock: WallClock,
    lead: Lead,
    after: tuple[int, int],
    floor: int,
    *,
    next_due: NextDue,
    rule_wall: RuleWall,
) -> tuple[int, int] | None:
    """Return the first (fire, due) of `lead` later than the pair `after`, and due after `floor`."""
    shift = lead.days * DAY
    # Without the exact part, which is taken off at the end.
    at = after[0] + lead.seconds
    least, _ = _spread(clock, at, at + shift)
    best: tuple[int, int] | None = None
    limit = FOREVER
    due = next_due(max(at + shift + least - 1, floor))
    while due is not None:
        fire = fire_at(clock, lead, due, rule_wall(due))
        pair = fire, due
        if pair > after and (best is None or pair < best):
            best = pair
            shown_at = fire + lead.seconds
            limit = shown_at + shift + _spread(clock, shown_at, due)[1]
        if due >= limit:
            break
        due = next_due(due)
    return best


def _spread(clock: WallClock, fire: int, due: int) -> tuple[int, int]:
    """Return by how much less and more than its days a lead may last between `fire` and `due`."""
    low, high = _offsets(clock, fire)
    least, most = _offsets(clock, due)
    return low - most, high - least


def _offsets(clock: WallClock, at: int) -> tuple[int, int]:
    """Return the least and the greatest offset from UTC about an instant."""
    stretch, last = clock.stretch(at - MAX_SHIFT), clock.stretch(at + MAX_SHIFT)
    least = most = stretch.offset
    while stretch.begin < last.begin:
        stretch = clock.stretch(stretch.end)
        least, most = min(least, stretch.offset), max(most, stretch.offset)
    return least, most
