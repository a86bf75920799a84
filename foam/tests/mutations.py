"""Take each guarantee away, one at a time and in a copy of the tree, and see which test goes red.

    make mutations                       # all of them, as a table
    make mutations ARGS="claim lease"    # those with these words in their names

A mutation whose text is no longer there is an error: this table follows the code.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

PROJECT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".foam", "__pycache__", ".*_cache")
FAILED = "FAILED "

REPORT = "accounts/report.py"
DISPATCH = "reminders/dispatch.py"
FIRING = "reminders/firing.py"
OUTBOX = "notifications/outbox.py"
LEASE = "notifications/lease.py"
RECORD = "notifications/record.py"
FOLLOW_UP = "reminders/follow_up.py"
LOOP = "reminders/loop.py"
MODELS = "reminders/models.py"
CHANNELS = "notifications/models.py"
PROBE = "notifications/probe.py"
WEBHOOK = "notifications/transports/webhook.py"
MISFIRE = "reminders/misfire.py"
OVERDUE = "reminders/overdue.py"
TASKS = "reminders/tasks.py"
ACTIONS = "notifications/actions.py"
ANSWERS = "reminders/answers.py"
PAGE = "notifications/answers.py"
SETTINGS = "foam/settings.py"
BROKER = "foam/broker.py"
MIGRATE_ONCE = "foam/management/commands/migrate_once.py"
REMINDERS_0001 = "reminders/migrations/0001_initial.py"
REMINDERS_0008 = "reminders/migrations/0008_loop.py"
REMINDERS_0009 = "reminders/migrations/0009_loop_at_work.py"
REMINDERS_0015 = "reminders/migrations/0015_backlog.py"
NOTIFICATIONS_0001 = "notifications/migrations/0001_initial.py"
NOTIFICATIONS_0003 = "notifications/migrations/0003_tally.py"
APPRISE = "notifications/transports/apprise.py"
LAYOUT = "notifications/transports/layout.py"
LETTER = "notifications/transports/letter.py"
MULTI = "notifications/transports/multi.py"
GUARD = "notifications/transports/plugins/guard.py"
PLUGINS = "notifications/transports/plugins/__main__.py"
WORK = "notifications/transports/plugins/work.py"
DIGEST = "notifications/digest.py"
TOKENS = "accounts/tokens.py"
ACCOUNTS = "accounts/models.py"
TAKING = "reminders/exchange/taking.py"
CACHE = "accounts/cache.py"
CLOSING = "accounts/closing.py"
CHANNELS_CLOSING = "notifications/closing.py"
PAUSING = "reminders/pausing.py"
ACCOUNTS_0007 = "accounts/migrations/0007_pause.py"
ADAPTERS = "accounts/adapters.py"
SIGN_IN_MIDDLEWARE = "accounts/middleware.py"
INBOX = "notifications/transports/inbox.py"
ACCOUNTS_0005 = "accounts/migrations/0005_sign_in.py"
AUTHENTICATION = "accounts/authentication.py"
ACCOUNTS_0006 = "accounts/migrations/0006_calendar.py"
FEED = "reminders/feed.py"
ACCESS = "foam/access.py"
CALENDAR = "reminders/exchange/calendar"
HOLDING = "notifications/holding.py"
READING = "reminders/sentence/reading.py"
CLOCKS = "reminders/sentence/clocks.py"
LINKED = "foam/linked.py"
BROWSABLE = "foam/browsable.py"

API = "accounts/api.py"
IDEMPOTENCY = "accounts/idempotency.py"
LIMITS = "accounts/limits.py"
BATCH = "reminders/batch.py"
SYNC = "reminders/sync.py"
REMINDERS_0011 = "reminders/migrations/0011_revision.py"
REMINDERS_0014 = "reminders/migrations/0014_history.py"

TEST_API_RACES = "foam/tests/test_api_races.py"
TEST_BATCH = "reminders/tests/test_batch.py"
TEST_CONDITIONAL = "foam/tests/test_conditional.py"
TEST_IDEMPOTENCY = "foam/tests/test_idempotency.py"
TEST_LIMITS = "foam/tests/test_limits.py"
TEST_LISTS = "foam/tests/test_lists.py"
TEST_SYNC = "reminders/tests/test_sync.py"
TEST_CACHE = "accounts/tests/test_cache.py"
TEST_SIGN_IN = "accounts/tests/test_sign_in.py"
TEST_OIDC = "accounts/tests/test_oidc.py"
TEST_CLOSING = "foam/tests/test_closing.py"
TEST_CLOSING_ALONE = "accounts/tests/test_closing.py"
LOGS = "foam/logs.py"
METER = "notifications/meter.py"
VIEWS = "foam/views.py"
SENTRY = "foam/sentry.py"

TEST_LOGS = "foam/tests/test_logs.py"
TEST_METER = "notifications/tests/test_meter.py"
TEST_DASHBOARD = "foam/tests/test_dashboard.py"
TEST_METRICS = "foam/tests/test_metrics.py"
TEST_PROBES = "foam/tests/test_probes.py"
TEST_DOCTOR = "foam/tests/test_doctor.py"
TEST_SENTRY = "foam/tests/test_sentry.py"
TEST_DISPATCH = "reminders/tests/test_dispatch.py"
TEST_OUTBOX = "notifications/tests/test_outbox.py"
TEST_ACTIONS = "notifications/tests/test_actions.py"
TEST_ANSWERS = "reminders/tests/test_answers.py"
TEST_PAGE = "notifications/tests/test_answers.py"
TEST_VERIFICATION = "notifications/tests/test_verification.py"
TEST_DISABLING = "notifications/tests/test_disabling.py"
TEST_ROTATION = "notifications/tests/test_rotation.py"
TEST_RACES = "foam/tests/test_races.py"
TEST_BACKLOG = "reminders/tests/test_backlog.py"
TEST_BACKLOG_RACES = "foam/tests/test_backlog_races.py"
TEST_LOOP_RACES = "foam/tests/test_loop_races.py"
TEST_LOOP = "reminders/tests/test_loop.py"
TEST_FOLLOW_UP = "reminders/tests/test_follow_up.py"
TEST_CRASHES = "foam/tests/test_crashes.py"
TEST_DEPLOYMENT = "foam/tests/test_deployment.py"
TEST_FAULTS = "foam/tests/test_faults.py"
TEST_CLOCK = "foam/tests/test_clock.py"
TEST_APPRISE = "notifications/tests/test_apprise.py"
TEST_HOSTILE = "notifications/tests/test_hostile.py"
TEST_LAYOUT = "notifications/tests/test_layout.py"
TEST_REBINDING = "notifications/tests/test_rebinding.py"
TEST_DIGEST = "notifications/tests/test_digest.py"
TEST_HOLDING = "notifications/tests/test_holding.py"
TEST_HOLDING_RACES = "foam/tests/test_holding_races.py"
TEST_PHRASES = "reminders/tests/sentence/test_phrases.py"
TEST_BROWSABLE = "foam/tests/test_browsable.py"
TEST_EXCHANGE_API = "reminders/tests/exchange/test_exchange_api.py"
TEST_JSONL = "reminders/tests/exchange/test_jsonl.py"
TEST_DISK_FULL = "foam/tests/test_disk_full.py"
TEST_ISOLATION = "foam/tests/test_isolation.py"
TEST_TOKEN_API = "accounts/tests/test_token_api.py"
TEST_TOKEN_RACES = "foam/tests/test_token_races.py"
TEST_TOKEN_EXPIRY = "reminders/tests/test_token_expiry.py"
TEST_DOCS = "foam/tests/test_docs.py"
TEST_FEED = "reminders/tests/test_feed.py"
TEST_ACCESS = "foam/tests/test_access.py"
TEST_CALENDAR_READ = "reminders/tests/test_calendar_read.py"
TEST_CALENDAR_WRITE = "reminders/tests/test_calendar_write.py"
TEST_BULK = "foam/tests/test_bulk_actions.py"
TEST_ADMIN_LISTS = "foam/tests/test_admin_lists.py"
TEST_PAUSING = "reminders/tests/test_pausing.py"
TEST_CHANNEL_PAUSING = "notifications/tests/test_pausing.py"


@dataclass(frozen=True)
class Edit:
    path: str
    old: str
    new: str = ""

    def apply(self, tree: Path) -> None:
        file = tree / self.path
        text = file.read_text()
        if text.count(self.old) != 1:
            times = text.count(self.old)
            sys.exit(f"{self.path} has this {times} times, not once:\n{self.old}")
        file.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Mutation:
    """One guarantee, taken away by `edits`, and the tests of which one is to go red."""

    promise: str
    name: str
    edits: Sequence[Edit]
    tests: Sequence[str]


def edit(path: str, old: str, new: str = "") -> list[Edit]:
    return [Edit(path, old, new)]


def without_check(name: str) -> list[Edit]:
    """Leave out a constraint that one migration adds and the next one validates."""
    validation = f'        ValidateConstraint("occurrence", "{name}"),\n'
    return [
        without_constraint(REMINDERS_0008, name, "AddConstraintNotValid("),
        Edit(REMINDERS_0009, validation),
    ]


def without_constraint(path: str, name: str, operation: str = "migrations.AddConstraint(") -> Edit:
    """Leave out the AddConstraint operation that ends in this name."""
    text = (PROJECT / path).read_text()
    end = text.index(f"name='{name}'),\n        ),\n")
    begin = text.rindex(f"        {operation}", 0, end)
    return Edit(path, text[begin : end + len(f"name='{name}'),\n        ),\n")])


MUTATIONS = [
    Mutation(
        "P1",
        "claim: no lock",
        edit(FIRING, "FOR NO KEY UPDATE SKIP LOCKED\n"),
        [TEST_RACES],
    ),
    Mutation(
        "P1",
        "claim: waits for others",
        edit(FIRING, "FOR NO KEY UPDATE SKIP LOCKED", "FOR NO KEY UPDATE"),
        [TEST_RACES],
    ),
    Mutation(
        "P1",
        "occurrence: no unique constraint",
        [
            without_constraint(REMINDERS_0001, "reminders_occurrence_once"),
            Edit(FIRING, "ON CONFLICT (reminder_id, due_at, lead) DO NOTHING\n"),
        ],
        [TEST_DISPATCH],
    ),
    Mutation(
        "P1",
        "occurrence: conflict raises",
        edit(FIRING, "ON CONFLICT (reminder_id, due_at, lead) DO NOTHING\n"),
        [TEST_DISPATCH],
    ),
    Mutation(
        "P1",
        "batch: no transaction",
        edit(
            DISPATCH,
            "    with transaction.atomic():\n        by_index()\n        claimed = ",
            "    if True:\n        claimed = ",
        ),
        [TEST_CRASHES, TEST_RACES],
    ),
    Mutation(
        "P1",
        "write: no transaction of its own",
        edit(
            "notifications/bulk.py",
            "        with transaction.atomic():\n            return write(rows), []",
            "        return write(rows), []",
        ),
        [TEST_DISPATCH],
    ),
    Mutation(
        "P1",
        "level: a window of a minute",
        edit(
            FIRING,
            "next_fire_at <= %(until)s AND",
            "next_fire_at BETWEEN %(now)s - interval '1 min' AND %(now)s AND",
        ),
        [TEST_DISPATCH],
    ),
    Mutation(
        "P1",
        "isolation: a reminder that raises",
        edit(
            DISPATCH,
            "        except Exception as error:\n            failed",
            "        except KeyError as error:\n            failed",
        ),
        [TEST_DISPATCH],
    ),
    Mutation(
        "P1",
        "isolation: a row that is refused",
        edit("notifications/bulk.py", "except (DataError, IntegrityError)", "except KeyError"),
        [TEST_DISPATCH],
    ),
    Mutation(
        "P1",
        "isolation: want of room sets aside",
        edit("notifications/bulk.py", "except (DataError, IntegrityError)", "except Exception"),
        [TEST_DISK_FULL],
    ),
    Mutation(
        "P1",
        "active without a next instant",
        [without_constraint(REMINDERS_0001, "reminders_reminder_active_has_next")],
        ["reminders/tests/test_models.py"],
    ),
    Mutation(
        "P1",
        "follow-up: no lock",
        edit(FOLLOW_UP, "FOR NO KEY UPDATE SKIP LOCKED\n"),
        [TEST_LOOP_RACES],
    ),
    Mutation(
        "P1",
        "follow-up: waits for others",
        edit(FOLLOW_UP, "FOR NO KEY UPDATE SKIP LOCKED", "FOR NO KEY UPDATE"),
        [TEST_LOOP_RACES],
    ),
    Mutation(
        "P1",
        "follow-up: no transaction",
        edit(
            FOLLOW_UP,
            "    with transaction.atomic():\n        by_index()\n        decided, failed",
            "    if True:\n        decided, failed",
        ),
        [TEST_LOOP_RACES],
    ),
    Mutation(
        "P1",
        "follow-up: every nag of an outage",
        edit(FOLLOW_UP, "each.nags_at(now + timedelta.resolution)", "each.nags_at(each.since)"),
        [TEST_FOLLOW_UP],
    ),
    Mutation(
        "P1",
        "follow-up: one that raises",
        edit(
            FOLLOW_UP,
            "        except Exception as error:\n            failed",
            "        except KeyError as error:\n            failed",
        ),
        [TEST_FOLLOW_UP],
    ),
    Mutation(
        "P1",
        "answer: whoever comes last",
        edit(
            LOOP,
            "    unanswered = Occurrence.objects.unanswered().filter(pk=occurrence.pk)\n"
            "    changes",
            "    unanswered = Occurrence.objects.filter(pk=occurrence.pk)\n    changes",
        ),
        [TEST_LOOP, TEST_LOOP_RACES],
    ),
    Mutation(
        "P1",
        "answer: goes on after it",
        without_check("reminders_occurrence_answered_is_quiet"),
        [TEST_LOOP],
    ),
    Mutation(
        "P1",
        "answer: what is queued still goes out",
        edit(LOOP, "        Delivery.objects.of(occurrence.reference).cancel(ACKNOWLEDGED, now)\n"),
        [TEST_LOOP],
    ),
    Mutation(
        "P1",
        "snooze: beside a pause",
        edit(LOOP, "Reminder.objects.select_for_update(no_key=True).get(", "Reminder.objects.get("),
        [TEST_LOOP_RACES],
    ),
    Mutation(
        "P1",
        "skip: leaves the leads to come",
        edit(MODELS, "[x for x in self.leads if x <= lead])", "[lead])"),
        [TEST_LOOP],
    ),
    Mutation(
        "P2",
        "delivery: no unique constraint",
        [
            without_constraint(NOTIFICATIONS_0003, "notifications_delivery_once_per_cause"),
            Edit(OUTBOX, "ON CONFLICT (channel_id, reference) DO NOTHING\n"),
        ],
        [TEST_OUTBOX],
    ),
    Mutation(
        "P2",
        "lease: none",
        edit(LEASE, "    leased_until = %(until)s\n", "    leased_until = %(now)s\n"),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P2",
        "lease: never runs out",
        edit(
            LEASE,
            "(leased_until IS NULL OR leased_until <= %(now)s)\n        AND {is_free}",
            "leased_until IS NULL\n        AND {is_free}",
        ),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P2",
        "lease: no lock",
        edit(LEASE, "LIMIT %(limit)s\n    FOR UPDATE SKIP LOCKED", "LIMIT %(limit)s"),
        [TEST_RACES],
    ),
    Mutation(
        "P2",
        "lease: waits for others",
        edit(
            LEASE, "LIMIT %(limit)s\n    FOR UPDATE SKIP LOCKED", "LIMIT %(limit)s\n    FOR UPDATE"
        ),
        [TEST_RACES],
    ),
    Mutation(
        "P2",
        "attempt guard: none when recording",
        edit(
            RECORD,
            "WHERE d.id = o.id AND d.attempt = o.attempt\n",
            "WHERE d.id = o.id\n",
        ),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P2",
        "attempt guard: none when releasing",
        edit(LEASE, "d.id = o.id AND d.attempt = o.attempt\n", "d.id = o.id\n"),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P2",
        "status guard: none when recording",
        edit(
            RECORD,
            "CASE d.status WHEN 'sending' THEN TRUE WHEN 'cancelled' THEN o.status = 'sent' END",
            "true",
        ),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P2",
        "last attempt: checked after sending only",
        edit(
            LEASE,
            "(attempt >= max_attempts OR status = 'sending' AND (",
            "(status = 'sending' AND (",
        ),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P3",
        "at most once: repeated after a worker died",
        edit(LEASE, "SELECT at_most_once FROM", "SELECT false FROM"),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P3",
        "at most once: repeated after no answer",
        edit(RECORD, "if error.uncertain and is_at_most_once:", "if False:"),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P2",
        "end without a reason",
        [without_constraint(NOTIFICATIONS_0001, "notifications_delivery_end_has_reason")],
        [TEST_OUTBOX],
    ),
    Mutation(
        "P2",
        "missed without a reason",
        without_check("reminders_occurrence_missed_has_reason"),
        [TEST_DISPATCH],
    ),
    Mutation(
        "P3",
        "uncertain: not recorded",
        edit(LEASE, "FROM due WHERE status = 'sending'", "FROM due WHERE false"),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P3",
        "id: another at each attempt",
        edit(
            LEASE,
            "id=message_id(id_, created_at),",
            'id=f"{message_id(id_, created_at)}_{attempt}",',
        ),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P3",
        "outcome: dropped when the database is away",
        edit(
            OUTBOX,
            "except (OperationalError, InterfaceError) as failure",
            "except KeyError as failure",
        ),
        [
            f"{TEST_FAULTS}::test_answer_that_came_while_the_database_was_down_is_recorded_when_it_is_back"
        ],
    ),
    Mutation(
        "P3",
        "broker: its restart breaks off what is being sent",
        edit(
            SETTINGS,
            "CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False",
            "CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True",
        ),
        [f"{TEST_FAULTS}::test_message_on_its_way_is_not_broken_off_when_the_broker_restarts"],
    ),
    Mutation(
        "P4",
        "broker: RabbitMQ's dead connection is not made anew",
        edit(SETTINGS, "= FOAM_BROKER.is_rabbitmq", "= False"),
        [
            f"{TEST_DEPLOYMENT}"
            "::test_wake_up_is_sent_again_only_where_a_dead_connection_would_stay_for_ever"
        ],
    ),
    Mutation(
        "P1",
        "web: cuts who had connected when it is told to end",
        edit(
            "foam/web.py",
            "            while is_waited_at(listener):\n",
            "            while False:\n",
        ),
        [
            "foam/tests/test_graceful_stop.py"
            "::test_web_that_is_told_to_end_serves_whoever_had_connected_and_waits_in_the_queue"
        ],
    ),
    Mutation(
        "P9",
        "restore: gives ids out again",
        edit("foam/management/commands/after_restore.py", "        skip_ahead(gap)\n", ""),
        ["foam/tests/test_backup.py::test_no_id_is_given_out_again_after_a_restore"],
    ),
    Mutation(
        "P5",
        "migration: has everybody wait for a table",
        edit(MIGRATE_ONCE, "SET LOCAL lock_timeout = '2s'", "SET LOCAL lock_timeout = 0"),
        [f"{TEST_DEPLOYMENT}::test_statement_of_a_migration_gives_a_table_up_within_seconds"],
    ),
    Mutation(
        "P5",
        "migration: its lock ends before it",
        edit(MIGRATE_ONCE, "    own.set_autocommit(False)\n", ""),
        [f"{TEST_DEPLOYMENT}::test_migration_holds_the_lock_and_lets_it_go"],
    ),
    Mutation(
        "P4",
        "broker: its restart ends the worker",
        edit(BROKER, '        "ack_emulation": False,\n'),
        [f"{TEST_FAULTS}::test_message_on_its_way_is_not_broken_off_when_the_broker_restarts"],
    ),
    Mutation(
        "P4",
        "tick: wakes nobody for what is due",
        edit(DISPATCH, "    if outbox.has_due(now):\n", "    if False:\n"),
        [f"{TEST_DISPATCH}::test_tick_wakes_deliver_for_what_an_earlier_wake_up_lost"],
    ),
    Mutation(
        "P4",
        "wake-up: before the commit",
        edit(OUTBOX, "    transaction.on_commit(wake, robust=True)", "    wake()"),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P4",
        "wake-up: a broker that is down breaks it",
        edit(OUTBOX, "except BrokerError as error", "except KeyError as error"),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P4",
        "wake-up: does not expire",
        edit(OUTBOX, ", expires=60)", ")"),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P4",
        "tick: does not expire",
        edit("reminders/migrations/0002_tick.py", '            "expire_seconds": 10,\n'),
        ["foam/tests/test_tasks.py"],
    ),
    Mutation(
        "P5",
        "claim: no index",
        edit(
            REMINDERS_0001,
            "fields=['next_fire_at'], name='reminders_reminder_due'",
            "fields=['created_at'], name='reminders_reminder_due'",
        ),
        [f"{TEST_DISPATCH}::test_tick_finds_the_due_by_its_partial_index"],
    ),
    Mutation(
        "P5",
        "tick: does not wait for what comes due",
        edit(TASKS, "    while following is not None", "    while False and following is not None"),
        [TEST_DISPATCH],
    ),
    Mutation(
        "P5",
        "tick: sleeps by a clock that is set",
        edit(TASKS, "lambda: start + timedelta(seconds=time.monotonic() - began)", "timezone.now"),
        [TEST_DISPATCH],
    ),
    Mutation(
        "P5",
        "beat: waits for a clock that was set back",
        edit(SETTINGS, "foam.beat:Scheduler", "django_celery_beat.schedulers:DatabaseScheduler"),
        [f"{TEST_FAULTS}::test_clock_that_jumps_under_a_running_foam_is_followed"],
    ),
    Mutation(
        "P5",
        "lease: all of a burst is sorted for each batch",
        edit("notifications/bulk.py", "'enable_bitmapscan', 'off'", "'enable_bitmapscan', 'on'"),
        ["notifications/tests/test_plans.py"],
    ),
    Mutation(
        "P5",
        "claim: held for ever by a machine that is gone",
        edit(
            SETTINGS,
            "idle_in_transaction_session_timeout=60s",
            "idle_in_transaction_session_timeout=0",
        ),
        [TEST_CRASHES],
    ),
    Mutation(
        "P5",
        "heartbeat: also of a tick that breaks down",
        [
            Edit(
                DISPATCH,
                "    began = time.monotonic()\n    end = began + BUDGET",
                "    beat_heart(now)\n    began = time.monotonic()\n    end = began + BUDGET",
            ),
        ],
        [f"{TEST_DISPATCH}::test_tick_that_breaks_down_leaves_no_heartbeat"],
    ),
    Mutation(
        "P6",
        "hold: a channel that hangs is not held",
        edit(RECORD, "    _hold(outcomes, now)\n"),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P6",
        "hold: what is queued does not step aside",
        edit(RECORD, '        cursor.execute(STEP_ASIDE_SQL, {"ids": ids})\n'),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P6",
        "lease: the oldest first, though some are left out",
        edit(OUTBOX, "if not busy and len(kinds) == len(TRANSPORTS):", "if True:"),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P6",
        "round: waits for a receiver that hangs when its time is up",
        edit(OUTBOX, "took >= BUDGET and not any(", "took >= BUDGET or any("),
        [f"{TEST_OUTBOX}::test_round_whose_time_is_up_goes_on_while_a_receiver_hangs"],
    ),
    Mutation(
        "P6",
        "round: waits for one receiver before the next lease",
        edit(OUTBOX, "        self._poll(0 if leased else WAIT)\n", "        self.finish()\n"),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P2",
        "digest: none is unique",
        [
            without_constraint(NOTIFICATIONS_0003, "notifications_delivery_once_per_cause"),
            Edit(OUTBOX, "ON CONFLICT (channel_id, reference) DO NOTHING\n"),
        ],
        [f"{TEST_DIGEST}::test_database_refuses_a_second_digest_of_a_window"],
    ),
    Mutation(
        "P2",
        "digest: who comes late finds the place taken",
        edit(DIGEST, "filter(reference__in=made)", "none()"),
        [TEST_DIGEST],
    ),
    Mutation(
        "P2",
        "digest: collectors wait for each other",
        edit(DIGEST, "FOR NO KEY UPDATE OF c SKIP LOCKED", "FOR NO KEY UPDATE OF c"),
        [TEST_HOLDING_RACES],
    ),
    Mutation(
        "P2",
        "digest: no transaction",
        edit(
            OUTBOX,
            "    with transaction.atomic():\n        gathered = digest.gather(now)",
            "    if True:\n        gathered = digest.gather(now)",
        ),
        [TEST_HOLDING_RACES],
    ),
    Mutation(
        "P2",
        "digest: what it is to collect is leased",
        edit(LEASE, "(held IS NULL OR held NOT IN ('digest', 'flood'))", "TRUE"),
        [TEST_DIGEST],
    ),
    Mutation(
        "P2",
        "digest: pruned before what it has collected",
        edit("notifications/retention.py", "WHERE c.digest_id = ours.id", "WHERE FALSE"),
        [TEST_DIGEST],
    ),
    Mutation(
        "P2",
        "quiet hours: what they hold stays when they end",
        edit("notifications/apps.py", "followers.append(replan_owner)", "pass"),
        [TEST_HOLDING],
    ),
    Mutation(
        "P6",
        "flood guard: each counts alone",
        edit(
            "notifications/flood.py",
            "SET count = notifications_flood.count + EXCLUDED.count",
            "SET count = EXCLUDED.count",
        ),
        [TEST_HOLDING_RACES],
    ),
    Mutation(
        "P5",
        "urgent: held like any other",
        [
            Edit(HOLDING, "for post in posts if not post.urgent}", "for post in posts}"),
            Edit(HOLDING, "if post.urgent or post.channel_id", "if post.channel_id"),
        ],
        [TEST_HOLDING],
    ),
    Mutation(
        "P8",
        "misfire: always all",
        edit(MISFIRE, "    if misfire == Misfire.ALL:", "    if True:"),
        ["reminders/tests/test_misfire.py"],
    ),
    Mutation(
        "P8",
        "misfire: no grace",
        edit(MISFIRE, "now - fire.fire_at > grace", "now > fire.fire_at"),
        ["reminders/tests/test_misfire.py"],
    ),
    Mutation(
        "P8",
        "misfire: fires the newest of each part of a long outage",
        edit(
            MISFIRE,
            "    if following is not None and following.fire_at <= now:\n        return Plan([]",
            "    if False:\n        return Plan([]",
        ),
        ["reminders/tests/test_misfire.py"],
    ),
    Mutation(
        "P8",
        "misfire: of what speaks at one instant only one fires",
        edit(MISFIRE, "[fire for fire in due if fire.fire_at < due[-1].fire_at]", "due[:-1]"),
        ["reminders/tests/test_misfire.py"],
    ),
    Mutation(
        "P8",
        "misfire: what was missed is not recorded",
        edit(FIRING, " for fire in plan.fires), *plan.missed]", " for fire in plan.fires)]"),
        [TEST_DISPATCH],
    ),
    Mutation(
        "words",
        "template: a broken one is stored",
        edit("reminders/models.py", "        self._check_words()\n"),
        ["reminders/tests/test_template.py"],
    ),
    Mutation(
        "words",
        "number: each lead counts",
        edit("reminders/count.py", "due_at <= self.newest", "False"),
        ["reminders/tests/test_count.py"],
    ),
    Mutation(
        "P10",
        "link: to open it acts",
        edit(PAGE, 'acts=request.method == "POST"', "acts=True"),
        [TEST_PAGE],
    ),
    Mutation(
        "P10",
        "link: a mail program cannot press it",
        edit(PAGE, "@csrf_exempt\n"),
        [TEST_PAGE],
    ),
    Mutation(
        "P10",
        "link: its tag is not looked at",
        edit(ACTIONS, "hmac.compare_digest(_tags(mac, base)[action.slot], tag)", "True"),
        [TEST_ACTIONS],
    ),
    Mutation(
        "P10",
        "link: does not expire",
        edit(ACTIONS, "    if now >= expires_at:\n", "    if False:\n"),
        [TEST_PAGE],
    ),
    Mutation(
        "P10",
        "link: each press of a snooze puts it off",
        edit(ANSWERS, "until == _until(asked, pressed, last.at)", "False"),
        [TEST_ANSWERS],
    ),
    Mutation(
        "P10",
        "link: two presses at once do not wait for each other",
        edit(
            ANSWERS,
            "    Reminder.objects.select_for_update(no_key=True)"
            ".get(pk=asked.occurrence.reminder_id)\n",
        ),
        [TEST_RACES],
    ),
    Mutation(
        "P10",
        "link: good after its reminder was deleted",
        edit(ANSWERS, "Occurrence.objects.filter(reminder__deleted_at=None)", "Occurrence.objects"),
        [TEST_ANSWERS],
    ),
    Mutation(
        "P10",
        "link: shows what the reminder says now",
        edit(
            ANSWERS,
            "return Answer(asked.delivery.title, text",
            "return Answer(asked.occurrence.reminder.title, text",
        ),
        [TEST_ANSWERS],
    ),
    Mutation(
        "P10",
        "outbound: a webhook's address is not judged when connecting",
        edit(MULTI, "refusal = self._policy().refusal(host, port)", 'refusal = ""'),
        [TEST_HOSTILE, TEST_REBINDING],
    ),
    Mutation(
        "P10",
        "outbound: a plug-in's address is not judged when connecting",
        edit(GUARD, "            raise RefusedConnection(self.refusal)", "            pass"),
        [TEST_HOSTILE, TEST_REBINDING],
    ),
    Mutation(
        "P10",
        "outbound: a plug-in may read files",
        edit(GUARD, 'event == "open" and', 'event == "-" and'),
        [TEST_HOSTILE],
    ),
    Mutation(
        "P10",
        "outbound: a plug-in follows redirects",
        edit(GUARD, '"allow_redirects": False', '"allow_redirects": True'),
        [TEST_APPRISE],
    ),
    Mutation(
        "P10",
        "secret: an Apprise URL is shown once, as a key is",
        edit(
            "notifications/serializers.py",
            "reveal and not channel.transport.secret_leads",
            "reveal",
        ),
        [TEST_APPRISE],
    ),
    Mutation(
        "P10",
        "secret: an answer that has the address in it is told as it is",
        edit(WORK, "scrubbed(last.text, url)[:SHOWN]", "last.text[:SHOWN]"),
        [TEST_APPRISE],
    ),
    Mutation(
        "P6",
        "plug-in: one that hangs is not ended",
        edit(APPRISE, "        each.helper.end()\n        self._end(", "        self._end("),
        [f"{TEST_APPRISE}::test_plugin_that_hangs_is_given_up_with_its_process"],
    ),
    Mutation(
        "P6",
        "plug-in: it runs on when its worker is killed",
        edit(PLUGINS, "    os._exit(0)", "    pass"),
        [f"{TEST_APPRISE}::test_helper_dies_with_who_started_it_whatever_its_plugin_waits_for"],
    ),
    Mutation(
        "P10",
        "e-mail: markup in a title is markup",
        edit(LAYOUT, "    heading = escape(title)", "    heading = title"),
        [TEST_LAYOUT],
    ),
    Mutation(
        "P10",
        "e-mail: the end of a part can be known beforehand",
        edit(LETTER, 'f"=_{secrets.token_hex(12)}"', '"=_foam"'),
        ["notifications/tests/test_letter.py"],
    ),
    Mutation(
        "P9",
        "channel: used though it is not verified",
        edit(
            OUTBOX,
            "        AND (c.verified_at IS NOT NULL OR c.kind = ANY (%(no_proof)b)"
            " OR %(to_unverified)s)\n",
        ),
        [TEST_OUTBOX],
    ),
    Mutation(
        "P9",
        "channel: verified though it leads elsewhere",
        edit(CHANNELS, "            self._leads_elsewhere()\n", "            pass\n"),
        [TEST_VERIFICATION],
    ),
    Mutation(
        "P9",
        "channel: a code can be tried for ever",
        edit("notifications/verification.py", "    if not left:\n", "    if False:\n"),
        [TEST_VERIFICATION],
    ),
    Mutation(
        "P9",
        "channel: an echo passes for an answer to the challenge",
        edit(
            WEBHOOK,
            "if isinstance(answer, str) and hmac.compare_digest(answer.encode(), "
            "challenge.encode()):",
            "if challenge in text:",
        ),
        [TEST_VERIFICATION],
    ),
    Mutation(
        "P9",
        "channel: strangers can be pestered",
        edit(PROBE, "    _within_limits(channel, now)\n"),
        [TEST_VERIFICATION],
    ),
    Mutation(
        "P2",
        "channel: disabled, and the owner told once for each reminder",
        edit(CHANNELS, "if is_news and self.pk", "if self.pk"),
        [TEST_DISABLING],
    ),
    Mutation(
        "P2",
        "channel: disabled though it takes other messages",
        edit(RECORD, "        ~Exists(accepted.filter(finished_at__gt=before)), pk", "        pk"),
        [TEST_DISABLING],
    ),
    Mutation(
        "P10",
        "channel: only the new secret signs",
        edit(WEBHOOK, "    if message.sealed_previous_secret:\n", "    if False:\n"),
        [TEST_ROTATION],
    ),
    Mutation(
        "P10",
        "channel: a secret is told in an attempt's detail",
        edit(WEBHOOK, 'text.replace(secret.removeprefix(PREFIX), "…")', "text"),
        [TEST_ROTATION],
    ),
    Mutation(
        "P10",
        "channel: new keys write over what was saved meanwhile",
        edit("notifications/rotation.py", " AND t.{name} = n.old"),
        [TEST_ROTATION],
    ),
    Mutation(
        "P9",
        "isolation: what is another's is found",
        edit(
            "accounts/api.py",
            "self.model.objects.owned_by(self.request.user)",
            "self.model.objects.all()",
        ),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P9",
        "isolation: another's channel may be named",
        edit(
            "notifications/serializers.py",
            "return Channel.objects.owned_by(request.user) if request else Channel.objects.none()",
            "return Channel.objects.all()",
        ),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P9",
        "scope: no token is asked for one",
        edit("accounts/permissions.py", "return needed in request.auth.scopes", "return True"),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P9",
        "scope: whoever may read may write",
        edit("accounts/permissions.py", "'read' if is_read else 'write'", "'read'"),
        ["accounts/tests/test_tokens.py"],
    ),
    Mutation(
        "P10",
        "token: good after it was revoked",
        edit(
            ACCOUNTS,
            "            revoked_at=None,\n            user__is_active=True,\n",
            "            user__is_active=True,\n",
        ),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P10",
        "token: good after it has expired",
        edit(
            ACCOUNTS,
            "            models.Q(expires_at=None) | models.Q(expires_at__gt=now),\n"
            "            revoked_at=None,\n",
            "            revoked_at=None,\n",
        ),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P10",
        "token: good though its user is not active",
        edit(ACCOUNTS, "            user__is_active=True,\n"),
        [TEST_ISOLATION],
    ),
    Mutation(
        "P10",
        "token: gives a scope that it lacks",
        edit(TOKENS, "if scope not in maker.scopes]", "if scope not in Scope.values]"),
        [TEST_TOKEN_API],
    ),
    Mutation(
        "P10",
        "token: makes one that outlives it",
        edit(TOKENS, "if maker.expires_at is not None and (", "if maker.revoked_at and ("),
        [TEST_TOKEN_API],
    ),
    Mutation(
        "P10",
        "token: revoked since it asked, and makes one",
        edit(TOKENS, '(of=("self",)).valid(now).filter', '(of=("self",)).filter'),
        [TEST_TOKEN_API],
    ),
    Mutation(
        "P10",
        "token: those who make one at once do not count each other",
        edit(
            TOKENS,
            "User.objects.select_for_update(no_key=True).get",
            "User.objects.get",
        ),
        [TEST_TOKEN_RACES],
    ),
    Mutation(
        "P10",
        "token: spoken of after it was revoked",
        edit("reminders/token_expiry.py", "        reminder.close(now)", "        pass"),
        [TEST_TOKEN_EXPIRY],
    ),
    Mutation(
        "words",
        "sentence: what tells of a repeat may be of the title",
        edit(READING, 'found[n].kind != "quoted" and found[n].text in TELLING', "False"),
        [TEST_PHRASES],
    ),
    Mutation(
        "words",
        "sentence: at 5 is the morning",
        edit(CLOCKS, "if not each.is_sure and not is_24:", "if False:"),
        [TEST_PHRASES],
    ),
    Mutation(
        "P10",
        "API page: words are markup",
        edit(
            LINKED,
            "text = json.dumps(value, ensure_ascii=False)",
            "text = mark_safe(json.dumps(value))",
        ),
        [TEST_BROWSABLE],
    ),
    Mutation(
        "P10",
        "API page: may ask others",
        edit(BROWSABLE, '        response["Content-Security-Policy"] = CSP\n'),
        [TEST_BROWSABLE],
    ),
    Mutation(
        "files",
        "import: two at once take in all of it twice",
        edit(TAKING, "            if not cursor.fetchone()[0]:\n                raise Busy\n"),
        [TEST_EXCHANGE_API],
    ),
    Mutation(
        "files",
        "import: what is there already is taken in again",
        edit(TAKING, "            if pk is not None:\n", "            if False:\n"),
        [TEST_JSONL],
    ),
    Mutation(
        "files",
        "import: a dry run is kept",
        edit(TAKING, "        transaction.set_rollback(True)\n"),
        [TEST_EXCHANGE_API],
    ),
    Mutation(
        "files",
        "import: two that say the same are one",
        edit(
            "reminders/exchange/known.py", "        return found.pop(0)", "        return found[0]"
        ),
        [TEST_JSONL],
    ),
    Mutation(
        "P9",
        "import: a token for reminders makes channels",
        edit(TAKING, "restored.is_changed and not may_write", "False"),
        [TEST_EXCHANGE_API],
    ),
    Mutation(
        "P9",
        "export: a token for reminders reads addresses",
        edit(
            "reminders/exchange/views.py",
            'if format.name == "jsonl" and not _may(request, Scope.CHANNELS_READ):',
            "if False:",
        ),
        [TEST_EXCHANGE_API],
    ),
    Mutation(
        "P9",
        "import: a channel arrives as verified",
        edit(
            "notifications/portable.py",
            "    return Restored(serializer.save(owner=user), is_new=True, is_changed=True)",
            "    made = serializer.save(owner=user)\n"
            "    Channel.objects.filter(pk=made.pk).update(verified_at=made.created_at)\n"
            "    return Restored(made, is_new=True, is_changed=True)",
        ),
        [TEST_JSONL],
    ),
    Mutation(
        "files",
        "beat: a day that fits one of both day fields is due",
        edit(
            "reminders/exchange/beat.py",
            "    meets = cron.any_day or cron.any_weekday\n",
            "    meets = True\n",
        ),
        ["reminders/tests/exchange/test_beat.py"],
    ),
    Mutation(
        "API",
        "idempotency: a repeat acts again",
        edit(
            IDEMPOTENCY,
            "OR (k.status IS NULL AND k.leased_until <= %(now)s",
            "OR (k.status IS NOT NULL",
        ),
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "API",
        "idempotency: a key is not unique",
        [
            Edit(
                "accounts/migrations/0003_idempotency.py",
                "models.UniqueConstraint(fields=('user', 'key'), "
                "name='accounts_idempotencykey_once')",
            ),
            Edit(
                IDEMPOTENCY,
                "ON CONFLICT (user_id, key) DO UPDATE SET fingerprint = EXCLUDED.fingerprint,",
                "ON CONFLICT (id) DO UPDATE SET fingerprint = EXCLUDED.fingerprint,",
            ),
        ],
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "API",
        "idempotency: the effect is kept without its answer",
        edit(
            API,
            "idempotency.once_leased if self._is_talking else idempotency.once",
            "idempotency.once_leased",
        ),
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "API",
        "idempotency: another body gets the answer of the first",
        edit(IDEMPOTENCY, "first is not None and first.fingerprint != asked.fingerprint", "False"),
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "API",
        "idempotency: the lease of who died does not run out",
        edit(IDEMPOTENCY, "k.leased_until <= %(now)s", "k.leased_until <= %(old)s"),
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "P10",
        "idempotency: an answer with a secret is stored as it is",
        edit(IDEMPOTENCY, "body = EncryptedTextField(blank=True)", "body = models.TextField()"),
        [TEST_IDEMPOTENCY],
    ),
    Mutation(
        "API",
        "external id: not unique",
        edit(
            "reminders/migrations/0003_hot_tables.py",
            "fields=('owner', 'external_id')",
            "fields=('owner', 'external_id', 'id')",
        ),
        [TEST_API_RACES],
    ),
    Mutation(
        "API",
        "batch: two of one owner at once",
        edit(BATCH, "User.objects.select_for_update(no_key=True).get(pk=user.pk)", "pass"),
        [TEST_API_RACES],
    ),
    Mutation(
        "API",
        "batch: a row that is refused undoes the others",
        edit(
            "reminders/storing.py",
            "        if not is_taken(error):\n            raise error\n",
            "        raise error\n",
        ),
        [TEST_BATCH],
    ),
    Mutation(
        "API",
        "sync: goes on from the newest transaction",
        edit(SYNC, "SELECT pg_snapshot_xmin(s)", "SELECT pg_snapshot_xmax(s)"),
        [TEST_SYNC],
    ),
    Mutation(
        "API",
        "sync: each page begins anew",
        edit(SYNC, "if is_new else mark", "if mark else mark"),
        [TEST_SYNC],
    ),
    Mutation(
        "API",
        "sync: an edit leaves no trace",
        edit(REMINDERS_0011, "WHEN (OLD.version IS DISTINCT FROM NEW.version)", "WHEN (false)"),
        [TEST_SYNC],
    ),
    Mutation(
        "API",
        "tag: of the version alone",
        edit(API, "f'\"{edition}-{tag}\"' if edition", "f'\"{edition}\"' if edition"),
        [TEST_CONDITIONAL],
    ),
    Mutation(
        "API",
        "If-Match: what it was compared with is not locked",
        edit(API, "_base_manager.select_for_update(no_key=True)", "_base_manager.all()"),
        [TEST_API_RACES],
    ),
    Mutation(
        "API",
        "limits: a request that is refused counts",
        edit(LIMITS, "    if allowed then\n", "    if true then\n"),
        [TEST_LIMITS],
    ),
    Mutation(
        "API",
        "limits: without Redis nothing goes on",
        edit(
            LIMITS, "    except RedisError as error:\n", "    except ZeroDivisionError as error:\n"
        ),
        [TEST_LIMITS],
    ),
    Mutation(
        "API",
        "pages: ties are not broken",
        edit("foam/pagination.py", '[self.field, "id"]', "[self.field]"),
        [TEST_LISTS],
    ),
    Mutation(
        "P9",
        "sign in: what is added at once is new to all",
        edit(CACHE, 'ADD = SET + "WHERE c.expires <= %(now)s"', "ADD = SET"),
        [TEST_CACHE],
    ),
    Mutation(
        "P9",
        "sign in: another port of the host is another count",
        edit(ADAPTERS, "return login.lower()", 'return f"{request.get_host()}:{login.lower()}"'),
        [TEST_SIGN_IN],
    ),
    Mutation(
        "P9",
        "staff: a session from before need not show its factor",
        edit(SIGN_IN_MIDDLEWARE, "if not has_shown_second_factor(request):", "if False:"),
        [TEST_SIGN_IN],
    ),
    Mutation(
        "P10",
        "second factor: stored as it is",
        edit(ADAPTERS, "return encryption.encrypt(text)", "return text"),
        [TEST_SIGN_IN],
    ),
    Mutation(
        "P9",
        "team account: an address that nobody has verified",
        edit(ADAPTERS, "if not verified:", "if False:"),
        [TEST_OIDC],
    ),
    Mutation(
        "P10",
        "closing: something is made for a closed account",
        edit(ACCOUNTS_0005, "IF closed IS NOT NULL THEN", "IF FALSE THEN"),
        [TEST_CLOSING],
    ),
    Mutation(
        "P10",
        "closing: what is just being made is not looked for again",
        edit(
            CLOSING,
            "        for closer in closers:\n            closer(user, now)\n        _erase",
            "        _erase",
        ),
        [TEST_CLOSING],
    ),
    Mutation(
        "P10",
        "closing: an answer that comes later is kept",
        edit(RECORD, "CASE d.title WHEN '' THEN '' ELSE o.detail END", "o.detail"),
        [TEST_CLOSING],
    ),
    Mutation(
        "P10",
        "closing: the inbox takes what a worker had",
        edit(INBOX, "WHERE c.deleted_at IS NULL\n"),
        [TEST_CLOSING],
    ),
    Mutation(
        "P10",
        "closing: messages keep their words",
        edit(CHANNELS_CLOSING, '    told.update(title="", body="", data={})\n'),
        [TEST_CLOSING],
    ),
    Mutation(
        "P10",
        "closing: two superusers do not wait for each other",
        edit(CLOSING, "able.select_for_update(no_key=True)", "able"),
        [TEST_CLOSING_ALONE],
    ),
    Mutation(
        "P10",
        "operations: a log tells what an exception quotes",
        edit(LOGS, 'QUOTED.sub("…", lines[0])', "lines[0]"),
        [TEST_LOGS],
    ),
    Mutation(
        "P10",
        "operations: a log tells addresses whole",
        edit(LOGS, "        text = pattern.sub(instead, text)\n", "        pass\n"),
        [TEST_LOGS],
    ),
    Mutation(
        "P10",
        "operations: a request is logged by its address",
        edit(
            "foam/middleware.py",
            "*(request.method, view,",
            "*(request.method, request.get_full_path(),",
        ),
        [TEST_LOGS],
    ),
    Mutation(
        "P10",
        "operations: Sentry gets who it was and what went before",
        edit(SENTRY, "        event.pop(name, None)\n    asked", "        pass\n    asked"),
        [TEST_SENTRY],
    ),
    Mutation(
        "P10",
        "operations: without a token everybody may read the metrics",
        edit(
            VIEWS,
            'if settings.PRODUCTION or request.META.get("REMOTE_ADDR")',
            'if False and request.META.get("REMOTE_ADDR")',
        ),
        [TEST_METRICS],
    ),
    Mutation(
        "operations",
        "operations: a failing receiver drowns the log",
        edit(RECORD, "failed[:FAILURES_TOLD]", "failed"),
        [TEST_LOGS],
    ),
    Mutation(
        "operations",
        "operations: a fold counts what another one is folding",
        edit(
            METER,
            "SELECT series, sum(value) FROM gone GROUP BY series\n",
            "SELECT series, sum(value) FROM notifications_meter GROUP BY series\n",
        ),
        [TEST_METER],
    ),
    Mutation(
        "operations",
        "operations: what the database does not take is forgotten",
        edit(METER, "        keep_all(taken)\n", "        pass\n"),
        [TEST_METER],
    ),
    Mutation(
        "operations",
        "operations: what was held counts as late",
        edit(LEASE, "WHEN d.attempt = 1 AND d.held IS NULL AND c.holds = 0", "WHEN d.attempt = 1"),
        [TEST_METER],
    ),
    Mutation(
        "operations",
        "operations: a lost worker is not counted",
        edit(
            LEASE,
            "SELECT '{lost}', count(*) FROM lost HAVING count(*) > 0",
            "SELECT '{lost}', 0 WHERE FALSE",
        ),
        [TEST_METER],
    ),
    Mutation(
        "operations",
        "operations: a part of the metrics that hangs holds up the rest",
        edit(
            "foam/metrics.py",
            '            cursor.execute(f"SET LOCAL statement_timeout = {PATIENCE_MS}")\n',
            "            pass\n",
        ),
        [TEST_METRICS],
    ),
    Mutation(
        "operations",
        "operations: a check that is excluded counts",
        edit(
            "foam/health.py", " for name in CHECKS if name not in excluded", " for name in CHECKS"
        ),
        [TEST_PROBES],
    ),
    Mutation(
        "operations",
        "operations: the doctor waits for a check that hangs",
        edit(
            "foam/doctor/__init__.py",
            "answers.get(timeout=patience)",
            "answers.get(timeout=patience + 20)",
        ),
        [TEST_DOCTOR],
    ),
    Mutation(
        "P10",
        "feed: the token of a program opens one",
        edit(ACCOUNTS, "self.filter(scopes=[Scope.CALENDAR_READ])", "self.all()"),
        [TEST_FEED],
    ),
    Mutation(
        "P10",
        "feed: its secret opens the API",
        edit(AUTHENTICATION, "                .for_api()\n"),
        [TEST_FEED],
    ),
    Mutation(
        "P10",
        "feed: its scope may stand beside others",
        edit(ACCOUNTS_0006, "('scopes', ['calendar:read'])", "('scopes__isnull', False)"),
        [TEST_FEED],
    ),
    Mutation(
        "P10",
        "feed: good after its token ended",
        edit(FEED, "ApiToken.objects.valid(now)", "ApiToken.objects"),
        [TEST_FEED],
    ),
    Mutation(
        "P9",
        "feed: it shows what is others'",
        edit(FEED, "Reminder.objects.owned_by(owner)", "Reminder.objects.kept()"),
        [TEST_FEED],
    ),
    Mutation(
        "P10",
        "feed: its address is logged with an error",
        edit(FEED, "    request.path = request.path_info", "    _"),
        [TEST_FEED],
    ),
    Mutation(
        "P10",
        "feed: its address is logged by the server",
        edit(ACCESS, '_SECRET.sub("[secret]", text)', "text"),
        [TEST_ACCESS],
    ),
    Mutation(
        "P10",
        "feed: one that broke off looks whole",
        edit(
            FEED,
            "        # Not raised: the server",
            '        yield b"END:VCALENDAR"\n        # The server',
        ),
        [TEST_FEED],
    ),
    Mutation(
        "P7",
        "calendar: clock changes are left to the rule",
        edit(f"{CALENDAR}/shown.py", "return found if is_usual else", "return found if True else"),
        [TEST_CALENDAR_WRITE],
    ),
    Mutation(
        "P7",
        "calendar: it begins where nothing is due",
        edit(
            f"{CALENDAR}/shown.py",
            "    start = _asked(base, first)\n",
            "    start = schedule.starts_at\n",
        ),
        [TEST_CALENDAR_WRITE],
    ),
    Mutation(
        "P2",
        "calendar: what nobody reads is dropped silently",
        edit(
            f"{CALENDAR}/account.py",
            "        for name, found in component.left.items():\n",
            "        for name, found in ():\n",
        ),
        [TEST_CALENDAR_READ],
    ),
    Mutation(
        "words",
        "calendar: braces of others are placeholders",
        edit(
            f"{CALENDAR}/words.py",
            '    return plain.replace("{", "{{").replace("}", "}}") if "{" in plain else plain',
            "    return plain",
        ),
        [TEST_CALENDAR_READ],
    ),
    Mutation(
        "admin",
        "bulk: a row that raises ends the action",
        edit(REPORT, "    except Exception:\n", "    except ZeroDivisionError:\n"),
        [TEST_BULK],
    ),
    Mutation(
        "admin",
        "bulk: a row that raises leaves what it had begun",
        edit(REPORT, "        with transaction.atomic():\n", "        if True:\n"),
        [TEST_BULK],
    ),
    Mutation(
        "admin",
        "bulk: as many as are chosen",
        edit(REPORT, " if len(chosen) <= most else None\n", "\n"),
        [TEST_BULK],
    ),
    Mutation(
        "admin",
        "lists: all rows are counted",
        edit(
            "accounts/lists.py",
            "        count = rows.order_by()[: COUNTED + 1].count()\n",
            "        count = rows.count()\n",
        ),
        [TEST_ADMIN_LISTS],
    ),
    Mutation(
        "admin",
        "lists: a title is looked for in all rows",
        edit(
            "accounts/search.py",
            "    return rows.filter(pk__gt=left[0]) if left else rows\n",
            "    return rows\n",
        ),
        [TEST_ADMIN_LISTS],
    ),
    Mutation(
        "admin",
        "lists: there is no time limit",
        edit(
            "accounts/lists.py",
            """[f"{PATIENCE}s"]""",
            """["0"]""",
        ),
        [TEST_ADMIN_LISTS],
    ),
    Mutation(
        "pages",
        "pages: a command that is not there",
        edit("README.md", "createtoken demo --name terminal", "maketoken demo --name terminal"),
        [f"{TEST_DOCS}::test_commands_of_the_page_run"],
    ),
    Mutation(
        "pages",
        "pages: an address of the API that is not there",
        edit("docs/holding.md", "PATCH /api/v1/me/", "PATCH /api/v1/myself/"),
        [f"{TEST_DOCS}::test_request_is_one_that_the_api_knows"],
    ),
    Mutation(
        "pages",
        "pages: a command that nobody runs",
        edit(
            "docs/operations.md",
            "```sh\npython manage.py canary",
            "```text\npython manage.py canary",
        ),
        [f"{TEST_DOCS}::test_every_block_says_what_it_is"],
    ),
    Mutation(
        "P9",
        "dashboard: figures are shown to whom they are not for",
        edit(
            "foam/dashboard/__init__.py",
            "        return admin.site.get_model_admin(model).has_view_permission(request)\n",
            "        return True\n",
        ),
        [TEST_DASHBOARD],
    ),
    Mutation(
        "P5",
        "dashboard: what a sample is to stand for is read whole",
        edit(
            "foam/dashboard/sample.py",
            "        share = min(1.0, pages / max(1, size))\n",
            "        share = 1.0\n",
        ),
        [TEST_DASHBOARD],
    ),
    Mutation(
        "P8",
        "backlog: parallel ticks do not share the rate",
        edit(DISPATCH, "Backlog.objects.locked(skip=True)", "Backlog.objects.open().first()"),
        [TEST_BACKLOG_RACES],
    ),
    Mutation(
        "P8",
        "backlog: a tick waits for whoever decides",
        edit(DISPATCH, "Backlog.objects.locked(skip=True)", "Backlog.objects.locked()"),
        [f"{TEST_BACKLOG_RACES}::test_tick_does_not_wait_for_who_is_deciding"],
    ),
    Mutation(
        "P8",
        "backlog: a decision does not wait for the batch that is being fired",
        [
            Edit("reminders/backlog.py", ".select_for_update(no_key=True, skip_locked=skip)"),
        ],
        [f"{TEST_BACKLOG_RACES}::test_decision_waits_for_the_batch_that_is_being_fired"],
    ),
    Mutation(
        "P5",
        "backlog: what is late goes before what is on time",
        edit(DISPATCH, "after = backlog.due_before if backlog else BEGINNING", "after = BEGINNING"),
        [TEST_BACKLOG],
    ),
    Mutation(
        "P5",
        "backlog: messages of late ones pile up before those on time",
        edit(DISPATCH, "room - outbox.count_due(now, room)", "room"),
        [TEST_BACKLOG],
    ),
    Mutation(
        "P5",
        "backlog: a burst that takes long is one",
        edit(DISPATCH, "    if fired_at is None or abs(now - fired_at) > LATE:", "    if True:"),
        [TEST_BACKLOG],
    ),
    Mutation(
        "P8",
        "backlog: two are open",
        edit(REMINDERS_0015, "nulls_distinct=False", "nulls_distinct=None"),
        [TEST_BACKLOG],
    ),
    Mutation(
        "P8",
        "backlog: FOAM drops by itself",
        edit(
            REMINDERS_0015,
            "models.Q(('decision__in', ['hold', 'release']), ",
            "models.Q(('decision__in', ['hold', 'release', 'drop']), ",
        ),
        [TEST_BACKLOG],
    ),
    Mutation(
        "P8",
        "backlog: what comes later is dropped as well",
        edit(OVERDUE, "            if found.takes_more:\n", "            if True:\n"),
        [TEST_BACKLOG],
    ),
    Mutation(
        "P8",
        "backlog: it ends while something of it is left",
        edit(
            DISPATCH,
            "elif not Reminder.objects.due(backlog.due_before).exists():",
            "else:",
        ),
        [f"{TEST_BACKLOG_RACES}::test_backlog_is_open_while_another_has_what_is_left_of_it"],
    ),
    Mutation(
        "P5",
        "backlog: the canary is held as well",
        edit(OVERDUE, "    canary.update(next_fire_at=now)\n"),
        [TEST_BACKLOG],
    ),
    Mutation(
        "P8",
        "backlog: coalesced ones say more than their policy",
        edit(
            MISFIRE,
            "    older = [(fire, reason) for fire in plan.fires if fire not in kept]",
            "    older, kept = [], plan.fires",
        ),
        [TEST_BACKLOG],
    ),
    Mutation(
        "pause",
        "pause: the tick goes on while everything is paused",
        edit(FIRING, 'f"NOT {EVERYTHING}"', '"TRUE"'),
        [f"{TEST_PAUSING}::test_a_batch_that_begins_after_the_pause_claims_nothing"],
    ),
    Mutation(
        "pause",
        "pause: workers go on while everything is paused",
        edit(LEASE, " AND (channel_id = {FOAM_ID} OR NOT {EVERYTHING})"),
        [
            f"{TEST_CHANNEL_PAUSING}::test_lease_of_channels_and_of_one_take_nothing_while_everything_is_paused"
        ],
    ),
    Mutation(
        "pause",
        "pause: the canary stops with everything",
        edit(
            DISPATCH,
            "        claimed, fired = fire_canary(now)\n",
            "        claimed, fired = fire_batch(now, FIRST)\n",
        ),
        [f"{TEST_PAUSING}::test_nothing_is_claimed_while_everything_is_paused_but_the_canary"],
    ),
    Mutation(
        "pause",
        "pause: follow-ups go on while everything is paused",
        edit(FOLLOW_UP, "if Pause.objects.everything(now):", "if False:"),
        [f"{TEST_PAUSING}::test_follow_ups_wait_while_everything_is_paused"],
    ),
    Mutation(
        "pause",
        "pause: what it covers fires",
        edit(DISPATCH, "if of_owner := silences.get(reminder.owner_id):", "if False:"),
        [f"{TEST_PAUSING}::test_what_a_pause_covers_is_missed_and_goes_on_with_its_next"],
    ),
    Mutation(
        "pause",
        "pause: what fell into it fires when the tick is late",
        edit(
            PAUSING,
            "(self.begin <= fire_at or self.lasts(now)) and self.lasts(fire_at)",
            "self.lasts(now)",
        ),
        [f"{TEST_PAUSING}::test_what_fell_into_a_pause_does_not_fire_when_the_tick_is_later"],
    ),
    Mutation(
        "pause",
        "pause: what it covers nags on",
        edit(
            FOLLOW_UP,
            "decided.append((put_off(each, silent, now), []))\n            continue",
            "pass",
        ),
        [f"{TEST_PAUSING}::test_nag_ends_and_what_is_snoozed_waits_for_the_end"],
    ),
    Mutation(
        "pause",
        "pause: who resumes late loses what is due at its end",
        edit(MODELS, "until - timedelta.resolution if until and until <= now else now", "now"),
        [f"{TEST_PAUSING}::test_what_is_due_when_the_pause_ends_fires_however_late_the_tick_is"],
    ),
    Mutation(
        "pause",
        "pause: nobody resumes",
        edit(DISPATCH, "    pausing.resume(found.resumable, now)\n"),
        [f"{TEST_PAUSING}::test_tick_resumes_when_the_pause_is_over"],
    ),
    Mutation(
        "pause",
        "pause: two of a kind at once",
        edit(
            ACCOUNTS_0007,
            ", models.UniqueConstraint(condition=models.Q(('ended_at', None), "
            "('owner__isnull', False)), fields=('owner', 'tag'), name='accounts_pause_one_open')",
        ),
        [f"{TEST_PAUSING}::test_database_has_one_open_pause_of_a_kind"],
    ),
    Mutation(
        "pause",
        "pause: what was queued before goes to a channel that is paused",
        [
            Edit(LEASE, " AND (c.paused_until IS NULL OR c.paused_until <= %(now)s)\n", "\n"),
            Edit(LEASE, "WHERE paused_until > %(now)s\n", "WHERE FALSE\n"),
        ],
        [
            f"{TEST_CHANNEL_PAUSING}::test_what_was_queued_before_waits_as_well",
            "foam/tests/test_pause_races.py::test_what_is_posted_beside_a_pause_waits_like_the_rest",
        ],
    ),
    Mutation(
        "pause",
        "pause: what waits for a channel stays where it is when that is resumed",
        edit(HOLDING, "    replan([channel.pk], now)\n    channel.refresh_from_db()\n"),
        [f"{TEST_CHANNEL_PAUSING}::test_pause_without_an_end_lasts_until_somebody_resumes"],
    ),
    Mutation(
        "history",
        "history: the API does not say who is at work",
        edit(API, "        handler = acting(_by(request))(handler)\n"),
        ["reminders/tests/test_who.py"],
    ),
    Mutation(
        "history",
        "history: the admin does not say who is at work",
        edit("foam/settings.py", '    "accounts.middleware.who_acts",\n'),
        ["reminders/tests/test_who.py"],
    ),
    Mutation(
        "P10",
        "history: the secret of a channel is kept",
        edit("notifications/history.py", 'SECRET = {"secret"}', "SECRET: set[str] = set()"),
        ["reminders/tests/test_who.py"],
    ),
    Mutation(
        "P10",
        "history: what was said outlives its account",
        edit("reminders/closing.py", '.update(detail="", diff=None)', '.update(detail="")'),
        ["reminders/tests/test_who.py"],
    ),
    Mutation(
        "operations",
        "operations: staff can delete the tick",
        edit(REMINDERS_0014, "BEFORE UPDATE OR DELETE ON", "BEFORE UPDATE ON"),
        ["foam/tests/test_own_tasks.py"],
    ),
    Mutation(
        "operations",
        "operations: the interval of the tick has no limits",
        edit(REMINDERS_0014, "NOT BETWEEN 1 AND 60 AND EXISTS", "< 0 AND EXISTS"),
        ["foam/tests/test_own_tasks.py"],
    ),
    Mutation(
        "P2",
        "import: what is taken in is not what was tried",
        edit("reminders/exchange/pages.py", "return bool(tried == asked)", "return True"),
        ["foam/tests/test_import_page.py"],
    ),
    Mutation(
        "P8",
        "backlog: a pause of everything leaves none",
        edit(DISPATCH, "= found.silent_since or found.last_tick", "= found.last_tick"),
        [f"{TEST_BACKLOG}::test_what_waited_for_a_pause_of_everything_to_end_goes_at_the_rate"],
    ),
]


@contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="foam-mutation-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(PROJECT, tree, ignore=LEFT_OUT, symlinks=True)
        yield tree


@contextmanager
def migrated() -> Iterator[str]:
    """Yield the name of a database that the tests copy, rather than migrate one each time."""
    url = urlsplit(os.environ["DATABASE_URL"])
    name = f"foam_mutations_{os.getpid()}"
    there = url._replace(scheme="postgresql").geturl()
    with psycopg.connect(there, autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name}")
        try:
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"],
                cwd=PROJECT,
                env={**os.environ, "DATABASE_URL": url._replace(path=f"/{name}").geturl()},
                check=True,
            )
            yield name
        finally:
            session.execute(f"DROP DATABASE {name} WITH (FORCE)")


def red(tree: Path, tests: Sequence[str], template: str) -> str:
    """Run the tests in a tree; return the first that failed, or nothing when all are green."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "FOAM_TEST_TEMPLATE": template},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith(FAILED)]
    if done.returncode == 0:
        return ""
    if done.returncode != 1 or not failed:
        sys.exit(f"These tests did not run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return failed[0].removeprefix(FAILED).split(" - ")[0]


def take_away(chosen: Sequence[Mutation], template: str, *, at_once: bool) -> int:
    """Apply one mutation after the other, print what went red, and return how many did not."""
    if not at_once:
        with copy_of_the_tree() as tree:
            if test := red(
                tree, sorted({test for each in chosen for test in each.tests}), template
            ):
                sys.exit(f"Without any mutation, {test} is red.")
    survivors = 0
    print("| promise | taken away | red |\n|---|---|---|", flush=True)
    for mutation in chosen:
        is_of_the_schema = any("/migrations/" in each.path for each in mutation.edits)
        with copy_of_the_tree() as tree:
            for each in mutation.edits:
                each.apply(tree)
            test = red(tree, mutation.tests, "" if is_of_the_schema else template)
        survivors += not test
        name = test.split("::", 1)[-1]
        print(f"| {mutation.promise} | {mutation.name} | {name or '**none**'} |", flush=True)
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only those with one of these words: P2, lease")
    parser.add_argument("--at-once", action="store_true", help="do not see first that all is green")
    asked = parser.parse_args()
    chosen = [
        mutation
        for mutation in MUTATIONS
        if not asked.words
        or any(word in f"{mutation.promise} {mutation.name}" for word in asked.words)
    ]
    with migrated() as template:
        survivors = take_away(chosen, template, at_once=asked.at_once)
    print(f"\n{len(chosen) - survivors} of {len(chosen)} went red.")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
