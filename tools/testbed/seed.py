"""Fills a throw-away database with reminders, by the million in seconds.

The engine plans a few thousand with real rules in several zones; SQL copies them. It empties tables
first: never run it on a database with data to keep.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from django.db import connection, transaction
from django.db.models import Model

from accounts.models import User
from accounts.timezones import zone
from notifications.models import Channel
from reminders.models import Plan, Reminder

# The username of the owner of all seeded rows.
SEED_OWNER = "rig"
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney")
# The frequency of each kind of schedule, in percent; the others fire once.
DAILY, WEEKLY, MONTHLY, CRON = 35, 30, 10, 15
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# Stored reminders are due this much later at the earliest, so that none fires in a measurement.
LATER = timedelta(hours=6)
TEMPLATES = 2000
# Rows of one INSERT: many for speed, few enough for a progress bar.
CHUNK = 250_000

HOT = (
    "notifications_attempt",
    "notifications_delivery",
    "notifications_flood",
    "notifications_inboxmessage",
    "notifications_tally",
    "reminders_occurrence",
    "reminders_tally",
)


def delete_all() -> None:
    """Delete every reminder, channel and message, those of FOAM itself included."""
    rows = (
        "reminders_reminder_channels",
        "reminders_change",
        "reminders_plan",
        "reminders_reminder",
        "notifications_channel",
    )
    with connection.cursor() as cursor:
        # A worker that was killed leaves a backend behind that is busy with its last statement.
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        cursor.execute(f"TRUNCATE {', '.join((*HOT, *rows))} RESTART IDENTITY CASCADE")


def delete_occurrences() -> None:
    """Delete all occurrences and deliveries; keep the reminders."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(HOT)}")


def vacuum() -> None:
    """Vacuum and write a checkpoint now, so that neither comes during a measurement."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


def seed_owner() -> User:
    """Return the owner of all seeded rows."""
    defaults = {"email": f"{SEED_OWNER}@example.com"}
    return User.objects.get_or_create(username=SEED_OWNER, defaults=defaults)[0]


def add_channels(addresses: Sequence[str], kind: str = "webhook") -> list[int]:
    """Store a channel for each address, each with a secret of its own, and return their ids.

    They have no flood guard, which would hold messages of the measurement back.
    """
    owner = seed_owner()
    own = {
        "owner": owner,
        "kind": kind,
        "name": "Rig",
        "verified_at": datetime.now(UTC),
        "flood_limit": 0,
    }
    channels = [Channel(address=address, **own) for address in addresses]
    for channel in channels:
        channel.clean()
    return [channel.pk for channel in Channel.objects.bulk_create(channels)]


def release(channels: Sequence[int]) -> None:
    """Release channels that are held because their receiver hung."""
    Channel.objects.filter(pk__in=channels).update(holds=0, held_until=None)


def add_stored(count: int, channels: Sequence[int], now: datetime, seed: int = 1) -> None:
    """Store reminders that are due at some time in the year to come, none within LATER."""
    some, owner = Random(seed), seed_owner()
    templates: list[Reminder] = []
    while len(templates) < min(TEMPLATES, count):
        reminder = plan_reminder(owner, *random_schedule(some, now), now)
        if reminder.next_fire_at and reminder.next_fire_at > now + LATER:
            templates.append(reminder)
    multiply(templates, count, channels)


def add_due(count: int, channels: Sequence[int], due_at: datetime, now: datetime) -> None:
    """Store reminders that are due at one instant, a whole second after `now`."""
    templates, owner = [], seed_owner()
    for name in ZONES:
        at = local(due_at, name)
        for recurrence in rules_due(at):
            starts_at = at - timedelta(days=364) if recurrence else at
            reminder = plan_reminder(owner, starts_at, name, recurrence, now)
            if reminder.next_fire_at == due_at:
                templates.append(reminder)
    multiply(templates[:count], count, channels)


def plan_reminder(
    owner: User, starts_at: datetime, timezone: str, recurrence: str, now: datetime
) -> Reminder:
    """Return a reminder as it is stored, planned by the engine."""
    reminder = Reminder(
        owner=owner,
        title="Take the bread out of the oven",
        body="Then let it rest for an hour.",
        starts_at=starts_at,
        timezone=timezone,
        recurrence=recurrence,
        tags=["kitchen"],
    )
    reminder.clean()
    reminder.plan_after(now)
    return reminder


def random_schedule(some: Random, now: datetime) -> tuple[datetime, str, str]:
    """Return the start, zone and rule of a usual schedule."""
    name = some.choice(ZONES)
    hour, minute = some.randrange(6, 22), 5 * some.randrange(12)
    past = local(now, name) - timedelta(days=some.randrange(1, 365))
    starts_at = past.replace(hour=hour, minute=minute, second=0, microsecond=0)
    throw = some.randrange(100)
    if throw < DAILY:
        return starts_at, name, "FREQ=DAILY"
    if (throw := throw - DAILY) < WEEKLY:
        days = sorted(some.sample(range(7), some.randrange(1, 4)))
        return starts_at, name, f"FREQ=WEEKLY;BYDAY={','.join(DAYS[day] for day in days)}"
    if (throw := throw - WEEKLY) < MONTHLY:
        return starts_at, name, f"FREQ=MONTHLY;BYMONTHDAY={some.randrange(1, 29)}"
    if throw - MONTHLY < CRON:
        return starts_at, name, f"{minute} {hour} * * {some.choice(('*', '1-5', '1,3,5'))}"
    return starts_at + timedelta(days=366), name, ""


def rules_due(at: datetime) -> list[str]:
    """Return rules that have an occurrence at this local time."""
    by_rule = [
        "FREQ=DAILY",
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        f"FREQ=WEEKLY;BYDAY={DAYS[at.weekday()]}",
        f"FREQ=MONTHLY;BYMONTHDAY={at.day}",
        "",
    ]
    # Cron has no seconds.
    return [*by_rule, f"{at.minute} {at.hour} * * *"] if at.second == 0 else by_rule


def local(moment: datetime, name: str) -> datetime:
    return moment.astimezone(zone(name)).replace(tzinfo=None)


def multiply(templates: Sequence[Reminder], count: int, channels: Sequence[int]) -> None:
    """Store `count` reminders: `templates` and copies of them, each with one channel in turn."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Skips the checks of foreign keys: the copies have those of their templates.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SELECT coalesce(max(id), 0) FROM reminders_reminder")
        (before,) = cursor.fetchone()
        Reminder.objects.bulk_create(templates)
        copy = COPY_SQL.format(
            columns=columns(Reminder, without=("id",)),
            plan_columns=columns(Plan, without=("reminder_id",)),
        )
        for start in range(len(templates), count, CHUNK):
            cursor.execute(
                copy,
                {
                    "ids": [reminder.pk for reminder in templates],
                    "size": len(templates),
                    "from": start,
                    "to": min(count, start + CHUNK) - 1,
                },
            )
        attached = {"before": before, "channels": list(channels), "size": len(channels)}
        cursor.execute(ATTACH_SQL, attached)


# The new ids grow with `n`, so each plan is that of the template of its reminder.
COPY_SQL = """
WITH copies AS (
    INSERT INTO reminders_reminder ({columns})
    SELECT {columns} FROM generate_series(%(from)s, %(to)s) AS n
    JOIN (
        SELECT t.*, i.place FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS i(id, place)
        JOIN reminders_reminder t ON t.id = i.id
    ) t ON t.place = n %% %(size)s + 1
    ORDER BY n
    RETURNING id
), numbered AS (
    SELECT id, (%(from)s + row_number() OVER (ORDER BY id) - 1) %% %(size)s + 1 AS place FROM copies
)
INSERT INTO reminders_plan (reminder_id, {plan_columns})
SELECT c.id, {plan_columns} FROM numbered c
JOIN unnest(%(ids)s::bigint[]) WITH ORDINALITY AS i(template_id, place) ON i.place = c.place
JOIN reminders_plan t ON t.reminder_id = i.template_id
ORDER BY c.id
"""

ATTACH_SQL = """
INSERT INTO reminders_reminder_channels (reminder_id, channel_id)
SELECT id, (%(channels)s::bigint[])[1 + id %% %(size)s] FROM reminders_reminder
WHERE id > %(before)s ORDER BY id
"""


def share_out(owners: int, share: float, seed: int = 1) -> None:
    """Give a share of the stored reminders to other owners: a few large ones and many small.

    The user of a benchmark is then one owner among many, as in a team's FOAM.
    """
    User.objects.bulk_create(
        User(username=f"rig-{n}", email=f"rig-{n}@example.com") for n in range(owners)
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SELECT setseed(%s)", [1 / (seed + 1)])
        cursor.execute(SHARE_SQL, {"owners": owners, "share": share})
        cursor.execute(
            "UPDATE reminders_plan p SET owner_id = r.owner_id FROM reminders_reminder r"
            " WHERE r.id = p.reminder_id AND p.owner_id <> r.owner_id"
        )


# The cube of a random number: the first of 20,000 owners gets a thirtieth, most get a few.
SHARE_SQL = """
UPDATE reminders_reminder r SET owner_id = o.id
FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS place FROM accounts_user
    WHERE username LIKE 'rig-%%'
) o, (
    SELECT id, 1 + floor(power(random(), 3) * %(owners)s) AS place FROM reminders_reminder
    WHERE id > 0 AND random() < %(share)s
) s
WHERE s.id = r.id AND o.place = s.place
"""


def columns(model: type[Model], without: Iterable[str]) -> str:
    names = [field.column or "" for field in model._meta.concrete_fields]
    return ", ".join(name for name in names if name not in without)


def whole_second(moment: datetime) -> datetime:
    """Return `moment`, or the next whole second after it."""
    floor = moment.astimezone(UTC).replace(microsecond=0)
    return floor if floor == moment else floor + timedelta(seconds=1)
