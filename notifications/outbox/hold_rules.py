"""When a message may go out: at once, after quiet hours or a pause, or with others in a digest.

It is decided once for each message, when it is posted, and anew when its channel or its owner
changes. A channel without quiet hours, pause, digest and flood guard is in no index of those that
have any: it costs nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from accounts.models.pause import check_until
from accounts.quiet_hours import Quiet, quiet_until
from notifications.models import Channel, Delivery, flood
from notifications.models.channel import FOREVER, UNGUARDED, limit_of
from notifications.outbox.digest_windows import HOUR, end_of_day, end_of_window, hour_of
from notifications.sql import bulk_cursor

QUIET, PAUSED = Delivery.Held.QUIET, Delivery.Held.PAUSED
DIGEST, FLOOD = Delivery.Held.DIGEST, Delivery.Held.FLOOD
DROPPED = "Dropped when its channel was resumed."

# Of these channels those that hold anything, each by a partial index. The ids are a subquery: to
# weigh each of thousands would take the planner longer than to look them all up.
SPECIAL = """
SELECT {columns} FROM notifications_channel c JOIN accounts_user u ON u.id = c.owner_id
WHERE c.id = ANY ({ids}) AND (c.digest_at IS NOT NULL OR c.digest_every IS NOT NULL
    OR c.flood_limit > 0 OR (c.flood_limit IS NULL AND NOT (c.kind IN {unguarded})))
UNION ALL
SELECT {columns} FROM accounts_user u JOIN notifications_channel c ON c.owner_id = u.id
WHERE c.id = ANY ({ids}) AND (u.quiet_from IS NOT NULL OR u.quiet_weekends)
UNION ALL
SELECT {columns} FROM notifications_channel c JOIN accounts_user u ON u.id = c.owner_id
WHERE c.id = ANY ({ids}) AND c.paused_until IS NOT NULL
""".format(
    columns="c.id, c.kind, c.digest_at, c.digest_every, c.flood_limit, c.paused_until,"
    " u.timezone, u.quiet_from, u.quiet_until, u.quiet_weekends",
    ids="(SELECT %(ids)b::bigint[])::bigint[]",
    unguarded=tuple(UNGUARDED),
)


class Post(Protocol):
    @property
    def channel_id(self) -> int: ...
    @property
    def urgent(self) -> bool: ...


class Rules(NamedTuple):
    """What holds messages to one channel; `limit` is how many an hour it takes, 0 for any."""

    kind: str
    digest_at: time | None
    digest_every: timedelta | None
    limit: int
    quiet: Quiet
    paused_until: datetime | None = None

    def awake(self, at: datetime) -> datetime:
        """Return the first instant from `at` on at which its owner may be disturbed."""
        at = max(at, self.paused_until or at)
        is_ever_quiet = self.quiet.quiet_from is not None or self.quiet.quiet_weekends
        # An inbox disturbs nobody.
        return _awake(self.quiet, at) if is_ever_quiet and self.kind != "inbox" else at

    def window_end(self, at: datetime) -> datetime | None:
        """Return when the digest goes out that a message of then belongs to; None without one."""
        if self.digest_at is not None:
            return end_of_day(at, self.quiet.timezone, self.digest_at)
        if self.digest_every is not None:
            return end_of_window(at, self.quiet.timezone, self.digest_every)
        return None

    def first(self, posted_at: datetime, held: str | None = None) -> tuple[datetime, str | None]:
        """Return when a message may go out that was posted then, and what holds it until then.

        `held` is FLOOD for one that the flood guard is to hold, at least for that hour.
        """
        if end := self.window_end(posted_at):
            return self.awake(end), DIGEST
        at = self.awake(posted_at)
        if held == FLOOD and self.limit:
            return self.awake(hour_of(at) + HOUR), FLOOD
        return at, self.why(posted_at, at)

    def why(self, since: datetime, at: datetime) -> str | None:
        """Return what holds a message from then until `at`, if it is held."""
        if at <= since:
            return None
        return PAUSED if since < (self.paused_until or since) else QUIET


@lru_cache(maxsize=4096)
def _awake(quiet: Quiet, at: datetime) -> datetime:
    return quiet_until(quiet, at) or at


def rules_of(channels: Collection[int]) -> dict[int, Rules]:
    """Return the rules of those among these channels that have any."""
    with bulk_cursor() as cursor:
        cursor.execute(SPECIAL, {"ids": list(channels)}, binary=True)
        return {
            pk: Rules(kind, at, every, limit_of(kind, limit), Quiet(*quiet), paused_until)
            for pk, kind, at, every, limit, paused_until, *quiet in cursor.fetchall()
        }


class Plan(NamedTuple):
    """For each message when it may go out, and what holds it; both empty when all may at once."""

    ats: list[datetime | None]
    helds: list[str | None]


def plan(posts: Sequence[Post], now: datetime) -> Plan:
    """Decide for messages that are posted now, within the caller's transaction.

    Of those beyond a channel's limit for the hour in which they would go out the first ones do.
    """
    rules = rules_of({post.channel_id for post in posts if not post.urgent})
    if not rules:
        return Plan([], [])
    found = Plan([None] * len(posts), [None] * len(posts))
    firsts = {channel: each.first(now) for channel, each in rules.items()}
    counted: dict[flood.Hour, list[int]] = defaultdict(list)
    for i, post in enumerate(posts):
        if post.urgent or post.channel_id not in rules:
            continue
        at, held = firsts[post.channel_id]
        if held:
            found.ats[i], found.helds[i] = at, held
        if held != DIGEST and rules[post.channel_id].limit and at < FOREVER:
            counted[post.channel_id, hour_of(at)].append(i)
    for i in _beyond_the_limit(counted, rules):
        found.ats[i], found.helds[i] = rules[posts[i].channel_id].first(now, FLOOD)
    return found


def _beyond_the_limit(
    counted: dict[flood.Hour, list[int]], rules: dict[int, Rules]
) -> Iterable[int]:
    if not counted:
        return
    before = flood.count({hour: len(places) for hour, places in counted.items()})
    for hour, places in counted.items():
        yield from places[max(0, rules[hour[0]].limit - before[hour]) :]


REPLAN = """
UPDATE notifications_delivery d SET next_attempt_at = p.at, held = p.held
FROM unnest(%(ids)b::bigint[], %(ats)b::timestamptz[], %(helds)b::text[]) AS p(id, at, held)
WHERE d.id = p.id
"""


@transaction.atomic
def replan(channels: Collection[int], now: datetime) -> int:
    """Decide anew for what these channels hold; return how many messages that is.

    What nothing holds any more goes out at once. What is due already is left to whom takes it.
    """
    waiting = Delivery.objects.filter(
        channel__in=channels, status="queued", next_attempt_at__gt=now
    )
    rows = list(
        waiting.filter(Q(held__in=[QUIET, PAUSED]) | Q(held__in=Delivery.TO_COLLECT))
        .order_by("pk")
        .select_for_update()
        .values_list("pk", "channel_id", "held", "urgent", "created_at")
    )
    if not rows:
        return 0
    rules = rules_of(channels)
    found = [
        _again(rules.get(channel), held, urgent, made_at, now)
        for _, channel, held, urgent, made_at in rows
    ]
    with bulk_cursor() as cursor:
        cursor.execute(
            REPLAN,
            {
                "ids": [row[0] for row in rows],
                "ats": [at for at, _ in found],
                "helds": [held for _, held in found],
            },
        )
    return len(rows)


def _again(
    rules: Rules | None, held: str | None, urgent: bool, posted_at: datetime, now: datetime
) -> tuple[datetime, str | None]:
    if rules is None:
        return now, None
    if urgent:
        # It waits for nothing but a pause.
        at = max(now, rules.paused_until or now)
        return at, rules.why(now, at)
    at, why = rules.first(posted_at, held)
    if why == DIGEST and held in {QUIET, PAUSED}:
        # It waits for nothing but the end of these hours, or for its next attempt after them.
        at = rules.awake(posted_at)
        why = rules.why(posted_at, at)
    if at <= now:
        at = rules.awake(now)
        why = why if why in Delivery.TO_COLLECT else rules.why(now, at)
    return at, why


def replan_owner(user: User, now: datetime) -> None:
    replan(list(user.channels.values_list("pk", flat=True)), now)


@transaction.atomic
def store(channel: Channel, now: datetime, changed: Iterable[str] | None = None) -> None:
    """Check and save a channel, and decide anew for what it holds: what every face calls."""
    channel.store(changed)
    replan([channel.pk], now)


@transaction.atomic
def pause(channel: Channel, now: datetime, until: datetime | None = None) -> None:
    """Let messages to a channel wait until then, or until it is resumed, urgent ones as well.

    What is paused gets another end by it. ValidationError names `until`. What is just being sent
    may still arrive; what else is due is put off when a worker would take it.
    """
    check_until(until, now)
    stored = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    since = stored.paused_at if stored.is_paused(now) else now
    _set_pause(channel, now, paused_at=since, paused_until=until or FOREVER)


@transaction.atomic
def resume(channel: Channel, now: datetime, *, drop: bool = False) -> None:
    """End the pause of a channel: what waits for that goes out, or with `drop` is cancelled."""
    Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    if drop:
        waiting = Delivery.objects.filter(channel=channel, held=PAUSED, next_attempt_at__gt=now)
        waiting.cancel(DROPPED, now)
    _set_pause(channel, now, paused_at=None, paused_until=None)


def _set_pause(channel: Channel, now: datetime, **values: datetime | None) -> None:
    kept = Channel.objects.filter(pk=channel.pk, deleted_at=None)
    kept.exclude(**values).update(**values, updated_at=now)
    replan([channel.pk], now)
    channel.refresh_from_db()
