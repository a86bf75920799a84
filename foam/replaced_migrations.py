"""Migrations that one migration replaces, and that are no longer files (`replaces`)."""

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

REMEDY = "Run migrate_once of the last version of FOAM that has them, then of this one."


def names() -> set[tuple[str, str]]:
    """Return (app, name) of each replaced migration that is no longer a file."""
    loader = MigrationLoader(None)
    migrations = loader.replacements.values()
    replaced = {target for migration in migrations for target in migration.replaces}
    return replaced - loader.disk_migrations.keys()


def missing() -> list[str]:
    """Return "app.name" of each replaced migration that the database lacks, of apps that it has.

    Django would take such an app for complete, or create tables that exist.
    """
    replaced = names()
    applied = MigrationRecorder(connection).applied_migrations().keys()
    begun = {app for app, _ in applied}
    return sorted(f"{app}.{name}" for app, name in replaced - applied if app in begun)
