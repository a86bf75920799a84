"""When a lead of days fires. Seconds since 1970, UTC or wall clock.

A due instant shows a wall time; the lead fires when the clock shows the same so many dates before,
less the lead's exact part. Near clock changes the order of due instants is not always the order in
which they are announced, and two may be announced at one instant: so the search looks at all due
instants within the change, and orders them by (fire, due).
"""

from collections.abc import Callable

from .lead import Lead
from .tzif import DAY
from .wall_clock import FOREVER, Fold, Gap, WallClock, wall_clock

# No two offsets of a zone are farther apart (Apia 2011, Manila 1844: a day).
_REACH = 2 * DAY

# the first due instant after one
NextDue = Callable[[int], int | None]
# the wall time asked for of a due instant
AskedWall = Callable[[int], int]


def clock_of(timezone: str, gap: Gap, fold: Fold) -> WallClock:
    """Return the clock by which leads of days fire: each due instant is announced, and once.

    A time that the clock skips is moved where due instants there would be skipped, and of a
    repeated time the first counts where both would be due.
    """
    return wall_clock(
        timezone,
        Gap.AFTER if gap is Gap.SKIP else gap,
        Fold.FIRST if fold is Fold.BOTH else fold,
    )


def fire_at(clock: WallClock, lead: Lead, due: int, wall: int) -> int:
    """Return when `lead` fires of what is due at an instant, asked for at a wall time."""
    return instant_of(clock, wall - lead.days * DAY, due - lead.days * DAY) - lead.seconds


def instant_of(clock: WallClock, wall: int, near: int) -> int:
    """Return the instant of a wall time, which is about `near`."""
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
    asked_wall: AskedWall,
) -> tuple[int, int] | None:
    """Return the first (fire, due) of `lead` after another one, of what is due after `floor`."""
    shift = lead.days * DAY
    # Without the exact part, which is taken off at the end.
    at = after[0] + lead.seconds
    least, _ = _spread(clock, at, at + shift)
    best: tuple[int, int] | None = None
    limit = FOREVER
    due = next_due(max(at + shift + least - 1, floor))
    while due is not None:
        fire = fire_at(clock, lead, due, asked_wall(due))
        found = fire, due
        if found > after and (best is None or found < best):
            best = found
            shown = fire + lead.seconds
            limit = shown + shift + _spread(clock, shown, due)[1]
        if due >= limit:
            break
        due = next_due(due)
    return best


def _spread(clock: WallClock, fire: int, due: int) -> tuple[int, int]:
    """Return how much less and more than its days a lead may last, from about `fire` to `due`."""
    low, high = _offsets(clock, fire)
    least, most = _offsets(clock, due)
    return low - most, high - least


def _offsets(clock: WallClock, at: int) -> tuple[int, int]:
    """Return the least and the greatest offset from UTC about an instant."""
    stretch, last = clock.stretch(at - _REACH), clock.stretch(at + _REACH)
    least = most = stretch.offset
    while stretch.begin < last.begin:
        stretch = clock.stretch(stretch.end)
        least, most = min(least, stretch.offset), max(most, stretch.offset)
    return least, most
