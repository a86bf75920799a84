#!/usr/bin/env python
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import InterfaceError, OperationalError

from accounts.acting import By, Face, acting
from foam import logs

FAILED = "The database failed:"
DOCTOR = "manage.py doctor looks at it; --traceback shows what was asked."


def main(words: list[str]) -> None:
    """Run a command; one that cannot work as things stand ends with a sentence, and 1."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foam.settings")
    try:
        with acting(By(Face.COMMAND)):
            execute_from_command_line(words)
    except (ImproperlyConfigured, InterfaceError, OperationalError) as error:
        if "--traceback" in words:
            raise
        is_of_settings = isinstance(error, ImproperlyConfigured)
        sys.exit(
            f"Not set up: {error}" if is_of_settings else f"{FAILED} {logs.told(error)}\n{DOCTOR}"
        )


if __name__ == "__main__":
    main(sys.argv)
