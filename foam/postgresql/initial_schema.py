"""The result of all migrations of an empty database, as one file of SQL.

Django spends two seconds of CPU on the models' states between migrations; the file loads in 0.2 s.
It is only used while it is that of the migrations on disk: `make database` writes it anew.
"""

from hashlib import sha256
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from reminders import initial_rows

FILE = Path(__file__).with_suffix(".sql")
OURS = ("accounts", "notifications", "reminders")
IS_EMPTY = """
SELECT NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
"""


def header() -> str:
    """Return the line with which the file of the migrations on disk begins.

    It holds a digest of the names of all migrations, and of what stands in FOAM's own.
    """
    digest = sha256(repr(sorted(MigrationLoader(None).disk_migrations)).encode())
    for app in OURS:
        folder = settings.BASE_DIR / app / "migrations"
        for file in sorted([*folder.glob("*.py"), *folder.glob("sql/*.sql")]):
            digest.update(file.read_bytes())
    return f"-- Written by `make database` of the migrations {digest.hexdigest()}.\n"


def load() -> bool:
    """Make all tables of an empty database; return False where migrations have to."""
    with connection.cursor() as cursor:
        cursor.execute(IS_EMPTY)
        [is_empty] = cursor.fetchone()
    if not is_empty or not FILE.exists():
        return False
    text = FILE.read_text()
    if not text.startswith(header()):
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(text)
        initial_rows.add(apps, None)
    return True
