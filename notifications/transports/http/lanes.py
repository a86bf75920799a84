"""Fair order of requests: a lane for each host, in which its channels take turns. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import ClassVar, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class LaneRequest(NamedTuple):
    """A request under way: when it began, on the monotonic clock, and for which channel."""

    began: float
    channel: int


@dataclass(slots=True)
class Lane(Generic[T]):
    """The messages for one host, by channel. `room` limits its requests under way at once."""

    peer: str
    # The messages of each channel that waits, and the channels in the order of their turns.
    queues: dict[int, deque[T]] = field(default_factory=dict)
    turns: deque[int] = field(default_factory=deque)
    waiting: int = 0
    # The requests under way by ticket, oldest first.
    under_way: dict[int, LaneRequest] = field(default_factory=dict)
    room: int = 1
    is_queued: bool = False

    # A host has at most this number of requests under way; twice as many messages fill its lane.
    MANY: ClassVar[int] = 128
    # Room after the first answer, and room beside a slow request, for the other channels.
    FEW: ClassVar[int] = 4
    # An answer within this number of seconds is quick; a request under way for longer is late.
    QUICK: ClassVar[float] = 1.0

    @property
    def is_full(self) -> bool:
        return self.waiting > 2 * self.MANY

    def is_slow(self, now: float) -> bool:
        """Tell whether the oldest request under way is late."""
        return bool(self.under_way) and now - next(iter(self.under_way.values())).began > self.QUICK

    def late(self, now: float) -> list[LaneRequest]:
        """Return the late requests, oldest first."""
        requests = self.under_way.values()
        return list(takewhile(lambda request: now - request.began > self.QUICK, requests))

    def late_channels(self, now: float) -> set[int]:
        return {request.channel for request in self.late(now)}

    def add(self, channel: int, item: T) -> None:
        queue = self.queues.get(channel)
        if queue is None:
            queue = self.queues[channel] = deque()
            self.turns.append(channel)
        queue.append(item)
        self.waiting += 1

    def take(self, now: float) -> tuple[int, T]:
        """Remove and return the next message, with its channel; late channels are skipped."""
        late = self.late_channels(now) if self.is_slow(now) else ()
        channel = next((channel for channel in self.turns if channel not in late), self.turns[0])
        self.turns.remove(channel)
        queue = self.queues[channel]
        item = queue.popleft()
        self.waiting -= 1
        if queue:
            self.turns.append(channel)
        else:
            del self.queues[channel]
        return channel, item

    def has_room(self, now: float) -> bool:
        """Tell whether a message that waits may be sent now.

        A late request keeps its own channel waiting, and no other channel of the host: it counts
        towards MANY alone.
        """
        if not self.is_slow(now):
            return self.waiting > 0 and len(self.under_way) < self.room
        late = self.late(now)
        if len(self.under_way) >= self.MANY or self.queues.keys() <= {r.channel for r in late}:
            return False
        return len(self.under_way) - len(late) < min(self.room, self.FEW)

    def clear(self, channels: Iterable[int] | None = None) -> list[T]:
        """Take out the messages that wait for these channels, or all."""
        cleared = set(self.queues if channels is None else channels).intersection(self.queues)
        items = [item for channel in cleared for item in self.queues.pop(channel)]
        self.waiting -= len(items)
        self.turns = deque(channel for channel in self.turns if channel in self.queues)
        return items


class Lanes(Generic[T]):
    """A lane for each host; the lanes with a message to send and room for it take turns.

    A host that has not answered yet has room for one request, so that a host that hangs holds one
    place and one name resolver. After an answer it has room for FEW, and each quick answer makes
    room for one more, up to MANY: a fast host gets there in seven round trips, and a host that
    works serially settles where it answers within QUICK.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, Lane[T]] = {}
        self._ready: deque[Lane[T]] = deque()
        self._tickets = count()
        self.waiting = 0

    def __bool__(self) -> bool:
        return bool(self._ready)

    def __iter__(self) -> Iterator[Lane[T]]:
        return iter(self._lanes.values())

    def add(self, peer: str, channel: int, item: T, now: float) -> None:
        lane = self._lanes.get(peer) or self._lanes.setdefault(peer, Lane(peer))
        lane.add(channel, item)
        self.waiting += 1
        self._queue(lane, now)

    def take(self, now: float) -> tuple[Lane[T], int, T]:
        """Remove and return the next message, with its lane and the ticket for `end`."""
        lane = self._ready.popleft()
        lane.is_queued = False
        channel, item = lane.take(now)
        self.waiting -= 1
        ticket = next(self._tickets)
        lane.under_way[ticket] = LaneRequest(now, channel)
        self._queue(lane, now)
        return lane, ticket, item

    def count_late(self, now: float) -> int:
        """Count the late requests of all hosts, and let other channels of those hosts go on."""
        total = 0
        for lane in self._lanes.values():
            if lane.is_slow(now):
                total += len(lane.late(now))
                self._queue(lane, now)
        return total

    def end(self, lane: Lane[T], ticket: int, seconds: float, now: float) -> None:
        del lane.under_way[ticket]
        lane.room = min(max(lane.FEW, lane.room + (seconds < lane.QUICK)), lane.MANY)
        self._queue(lane, now)

    def end_hung(self, lane: Lane[T], ticket: int, now: float) -> list[T]:
        """End a request that hung, and limit its host to one; return its channel's messages."""
        channel = lane.under_way.pop(ticket).channel
        lane.room = 1
        items = self.clear(lane, [channel])
        self._queue(lane, now)
        return items

    def clear(self, lane: Lane[T], channels: Iterable[int] | None = None) -> list[T]:
        """Take out the messages that wait in a lane, for these channels or for all."""
        items = lane.clear(channels)
        self.waiting -= len(items)
        if lane.is_queued and not lane.waiting:
            self._ready.remove(lane)
            lane.is_queued = False
        return items

    def _queue(self, lane: Lane[T], now: float) -> None:
        if not lane.is_queued and lane.has_room(now):
            lane.is_queued = True
            self._ready.append(lane)
