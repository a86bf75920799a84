"""Send times of messages: at once, after quiet hours or a pause, or in a digest.

This is decided when the message is posted, and again when its channel or its owner changes. A
channel without quiet hours, pause, digest and flood guard is in none of the partial indexes below,
and so costs nothing.
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
from notifications.models.channel import FOREVER
from notifications.outbox.digest_windows import HOUR, end_of_day, end_of_window, hour_of
from notifications.sql import bulk_cursor

QUIET, PAUSED = Delivery.Held.QUIET, Delivery.Held.PAUSED
DIGEST, FLOOD = Delivery.Held.DIGEST, Delivery.Held.FLOOD
DROPPED = "Dropped when its channel was resumed."

# The channels among these that have hold rules, each found by a partial index. The ids are a
# subquery, as planning with thousands of constants takes longer than looking them all up.
CHANNELS_WITH_RULES = """
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
    unguarded=tuple(flood.KINDS_WITHOUT_FLOOD_GUARD),
)


class Holdable(Protocol):
    @property
    def channel_id(self) -> int: ...
    @property
    def urgent(self) -> bool: ...


class HoldRules(NamedTuple):
    """The rules that hold messages to one channel; `limit` is a number per hour, 0 for none."""

    kind: str
    digest_at: time | None
    digest_every: timedelta | None
    limit: int
    quiet: Quiet
    paused_until: datetime | None = None

    def awake(self, at: datetime) -> datetime:
        """Return the first instant from `at` on at which the owner may be disturbed."""
        at = max(at, self.paused_until or at)
        is_ever_quiet = self.quiet.quiet_from is not None or self.quiet.quiet_weekends
        # An inbox makes no sound, so quiet hours do not hold its messages.
        return _awake(self.quiet, at) if is_ever_quiet and self.kind != "inbox" else at

    def window_end(self, at: datetime) -> datetime | None:
        """Return when the digest with a message posted at `at` goes out; None without digests."""
        if self.digest_at is not None:
            return end_of_day(at, self.quiet.timezone, self.digest_at)
        if self.digest_every is not None:
            return end_of_window(at, self.quiet.timezone, self.digest_every)
        return None

    def send_time(
        self, posted_at: datetime, held: str | None = None
    ) -> tuple[datetime, str | None]:
        """Return when a message may go out, and the rule that holds it until then.

        With `held` = FLOOD the flood guard holds it, at least for that hour.
        """
        if end := self.window_end(posted_at):
            return self.awake(end), DIGEST
        at = self.awake(posted_at)
        if held == FLOOD and self.limit:
            return self.awake(hour_of(at) + HOUR), FLOOD
        return at, self.held_by(posted_at, at)

    def held_by(self, since: datetime, at: datetime) -> str | None:
        """Return the rule that holds a message from `since` until `at`; None if none does."""
        if at <= since:
            return None
        return PAUSED if since < (self.paused_until or since) else QUIET


@lru_cache(maxsize=4096)
def _awake(quiet: Quiet, at: datetime) -> datetime:
    return quiet_until(quiet, at) or at


def rules_of(channels: Collection[int]) -> dict[int, HoldRules]:
    """Return the rules of the channels among these that have any."""
    with bulk_cursor() as cursor:
        cursor.execute(CHANNELS_WITH_RULES, {"ids": list(channels)}, binary=True)
        return {
            pk: HoldRules(
                kind, at, every, flood.flood_limit_of(kind, limit), Quiet(*quiet), paused_until
            )
            for pk, kind, at, every, limit, paused_until, *quiet in cursor.fetchall()
        }


class SendPlan(NamedTuple):
    """The send time and the hold of each message; both empty if all may go out at once."""

    ats: list[datetime | None]
    helds: list[str | None]


def plan_sends(posts: Sequence[Holdable], now: datetime) -> SendPlan:
    """Decide when messages posted now may go out, within the caller's transaction.

    1. Read the hold rules of their channels; urgent messages are held by none.
    2. Apply each channel's quiet hours, pause and digest.
    3. Count the messages for each hour of a channel; the flood guard holds those over the limit.
    """
    rules = rules_of({post.channel_id for post in posts if not post.urgent})
    if not rules:
        return SendPlan([], [])
    plan = SendPlan([None] * len(posts), [None] * len(posts))
    send_times = {channel: rule.send_time(now) for channel, rule in rules.items()}
    by_hour: dict[flood.Hour, list[int]] = defaultdict(list)
    for i, post in enumerate(posts):
        if post.urgent or post.channel_id not in rules:
            continue
        at, held = send_times[post.channel_id]
        if held:
            plan.ats[i], plan.helds[i] = at, held
        if held != DIGEST and rules[post.channel_id].limit and at < FOREVER:
            by_hour[post.channel_id, hour_of(at)].append(i)
    for i in _over_limit(by_hour, rules):
        plan.ats[i], plan.helds[i] = rules[posts[i].channel_id].send_time(now, FLOOD)
    return plan


def _over_limit(by_hour: dict[flood.Hour, list[int]], rules: dict[int, HoldRules]) -> Iterable[int]:
    """Yield the places of the messages over their channel's limit of an hour."""
    if not by_hour:
        return
    before = flood.count_messages({hour: len(places) for hour, places in by_hour.items()})
    for hour, places in by_hour.items():
        yield from places[max(0, rules[hour[0]].limit - before[hour]) :]


REPLAN = """
UPDATE notifications_delivery d SET next_attempt_at = p.at, held = p.held
FROM unnest(%(ids)b::bigint[], %(ats)b::timestamptz[], %(helds)b::text[]) AS p(id, at, held)
WHERE d.id = p.id
"""


@transaction.atomic
def replan(channels: Collection[int], now: datetime) -> int:
    """Decide again when the held messages of these channels may go out; return their number.

    A message that no rule holds any more goes out at once. Due messages are left to the workers.
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
    decisions = [
        _replan_message(rules.get(channel), held, urgent, made_at, now)
        for _, channel, held, urgent, made_at in rows
    ]
    with bulk_cursor() as cursor:
        cursor.execute(
            REPLAN,
            {
                "ids": [row[0] for row in rows],
                "ats": [at for at, _ in decisions],
                "helds": [held for _, held in decisions],
            },
        )
    return len(rows)


def _replan_message(
    rules: HoldRules | None, held: str | None, urgent: bool, posted_at: datetime, now: datetime
) -> tuple[datetime, str | None]:
    if rules is None:
        return now, None
    if urgent:
        # Only a pause holds an urgent message.
        at = max(now, rules.paused_until or now)
        return at, rules.held_by(now, at)
    at, rule = rules.send_time(posted_at, held)
    if rule == DIGEST and held in {QUIET, PAUSED}:
        # It was posted without a digest, so it waits only for the end of quiet hours or pause.
        at = rules.awake(posted_at)
        rule = rules.held_by(posted_at, at)
    if at <= now:
        at = rules.awake(now)
        rule = rule if rule in Delivery.TO_COLLECT else rules.held_by(now, at)
    return at, rule


def replan_owner(user: User, now: datetime) -> None:
    replan(list(user.channels.values_list("pk", flat=True)), now)


@transaction.atomic
def store(channel: Channel, now: datetime, changed: Iterable[str] | None = None) -> None:
    """Check and save a channel, and replan its held messages. API, admin and commands call this."""
    channel.store(changed)
    replan([channel.pk], now)


@transaction.atomic
def pause(channel: Channel, now: datetime, until: datetime | None = None) -> None:
    """Hold messages to a channel, urgent ones included, until `until` or until it is resumed.

    A paused channel gets the new end. ValidationError names `until`. A message being sent may still
    arrive; a worker that would lease another one puts it off instead.
    """
    check_until(until, now)
    stored = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    since = stored.paused_at if stored.is_paused(now) else now
    _set_pause(channel, now, paused_at=since, paused_until=until or FOREVER)


@transaction.atomic
def resume(channel: Channel, now: datetime, *, drop: bool = False) -> None:
    """End the pause of a channel; send the messages that waited for it, or cancel them (`drop`)."""
    Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    if drop:
        waiting = Delivery.objects.filter(channel=channel, held=PAUSED, next_attempt_at__gt=now)
        waiting.cancel(DROPPED, now)
    _set_pause(channel, now, paused_at=None, paused_until=None)


def _set_pause(channel: Channel, now: datetime, **values: datetime | None) -> None:
    rows = Channel.objects.filter(pk=channel.pk, deleted_at=None)
    rows.exclude(**values).update(**values, updated_at=now)
    replan([channel.pk], now)
    channel.refresh_from_db()
