"""Tables with rows become partitioned tables that have all of them."""

import os
import subprocess
import sys

import psycopg

from foam.tests import processes
from foam.tests.deployment.production import new_database

# An occurrence of now with its delivery and attempt, and one that was skipped ahead.
FILL = """
INSERT INTO reminders_occurrence (reminder_id, due_at, lead, status, reason, recorded_at) VALUES
    (1, now(), '0', 'pending', '', now()),
    (1, now() + interval '400 days', '0', 'skipped', 'Skipped.', now());
INSERT INTO notifications_attempt (delivery_id, number, outcome, detail, ended_at)
VALUES (1234567, 1, 'sent', '', now())
"""
LIE_IN = "SELECT tableoid::regclass::text, id FROM {} ORDER BY id"


def migrate(url, *words):
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0", *words],
        cwd=processes.PROJECT,
        env={**os.environ, "DATABASE_URL": url},
        check=True,
    )


def test_rows_of_before_are_kept_and_new_ones_follow_them(db):
    with new_database(os.environ["DATABASE_URL"]) as url:
        migrate(url, "reminders", "0004")
        with psycopg.connect(url) as session:
            session.execute(FILL)
        migrate(url)
        with psycopg.connect(url) as session:
            session.execute(FILL.replace("1234567", "9000000").replace("(1, now", "(2, now"))
            lie_in = {
                table: session.execute(LIE_IN.format(table)).fetchall()
                for table in ("reminders_occurrence", "notifications_attempt")
            }
    assert lie_in == {
        "reminders_occurrence": [
            ("reminders_occurrence_before", 1),
            ("reminders_occurrence_default", 2),
            ("reminders_occurrence_before", 3),
            ("reminders_occurrence_default", 4),
        ],
        "notifications_attempt": [
            ("notifications_attempt_before", 1),
            ("notifications_attempt_from_3000000", 2),
        ],
    }


# The canary as 0001 makes it, with a rule that has fired.
PLANNED = "status, next_fire_at, next_due_at, next_lead, fired_count, error"
FIRED = f"""
UPDATE reminders_reminder SET fired_count = 7, error = 'broken' WHERE id = 0
RETURNING owner_id, {PLANNED}
"""


def test_what_a_firing_writes_moves_into_the_plan(db):
    with new_database(os.environ["DATABASE_URL"]) as url:
        migrate(url, "reminders", "0002")
        with psycopg.connect(url) as session:
            before = session.execute(FIRED).fetchone()
        migrate(url)
        with psycopg.connect(url) as session:
            [after] = session.execute(f"SELECT owner_id, {PLANNED} FROM reminders_plan").fetchall()
    assert after == before
