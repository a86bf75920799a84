#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

from accounts.acting import By, Face, acting

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foam.settings")
    with acting(By(Face.COMMAND)):
        execute_from_command_line(sys.argv)
