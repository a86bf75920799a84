"""The server's log of requests holds no address that is a permission."""

import subprocess
import sys
from pathlib import Path

import pytest

from foam.processes import gunicorn_logger
from notifications.links.signed_links import PATH as ANSWERS
from reminders.exchange.feed.views import PATH as FEEDS

SECRET = f"foam_{'x' * 43}"


def test_paths_are_those_of_answers_and_feeds():
    assert gunicorn_logger.PATHS == (ANSWERS, FEEDS)


@pytest.mark.parametrize(
    ("line", "logged"),
    [
        (f"GET /calendar/{SECRET}.ics?tag=x HTTP/1.1", "GET /calendar/[secret]?tag=x HTTP/1.1"),
        ("POST /do/occurrence:1.2.3.done.abc HTTP/1.1", "POST /do/[secret] HTTP/1.1"),
        (f"GET /%63alendar/{SECRET}.ics HTTP/1.1", "GET /%63alendar/[secret].ics HTTP/1.1"),
        ("GET /api/v1/reminders/?page=2 HTTP/1.1", "GET /api/v1/reminders/?page=2 HTTP/1.1"),
    ],
)
def test_line_is_logged_without_its_secret(line, logged):
    assert gunicorn_logger.redact(line) == logged


def test_logger_can_be_loaded_before_django_is_set_up():
    command = [sys.executable, "-c", "import foam.processes.gunicorn_logger"]
    root = Path(gunicorn_logger.__file__).parents[2]
    done = subprocess.run(command, cwd=root, env={"PATH": ""}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
