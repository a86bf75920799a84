"""The API is asked what its OpenAPI document allows, and what it forbids, by schemathesis.

There is no 5xx, no answer that the document does not tell of, and what it forbids is refused.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from accounts.models import ApiToken
from foam.tests import processes
from foam.tests.operations import OPERATIONS
from notifications.models import Channel
from reminders.engine import tick

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
]
# Of requests that follow each other, such as create, change, list and delete: about a minute.
STORIES = 40
# How what is forbidden may be refused: If-Match comes before the body. A batch refuses an item
# with forbidden fields in its answer, 200.
REFUSALS = "400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 429"
CONFIG = f"""
[phases.stateful]
generation.max-examples = {STORIES}

[checks]
negative_data_rejection.expected-statuses = [{REFUSALS}]

[[operations]]
include-operation-id = "reminders_batch"
checks.negative_data_rejection.expected-statuses = [200, {REFUSALS}]
"""
# By phase: every edge that the document shows, then whatever comes to mind, so much for each.
PHASES = ["examples,coverage,fuzzing", "stateful"]
FOR_EACH = 3


@pytest.fixture
def secret(user):
    """The secret of a token whose id nobody finds by chance, so that it is not revoked."""
    token, secret = ApiToken.issue(user, "fuzz")
    ApiToken.objects.filter(pk=token.pk).update(id=7_654_321)
    return secret


@pytest.fixture
def rows(user, make_reminder, now):
    """One of every noun, with small ids, that edges meet."""
    reminder = make_reminder(recurrence="FREQ=DAILY", channels=[Channel.objects.inbox_of(user)])
    tick.run(now)
    return reminder


@pytest.fixture
def address(rows, tmp_path):
    """The address of a web server as in production, which opens no database for each request."""
    port = processes.free_port()
    log = tmp_path / "web.log"
    with processes.running(processes.web(port), processes.environment(), log):
        url = f"http://127.0.0.1:{port}"
        processes.wait_until(lambda: processes.answers(f"{url}/healthz"), 60, "the web server")
        yield url


@pytest.mark.parametrize("phases", PHASES)
def test_api_keeps_to_its_document_whatever_is_asked(address, secret, tmp_path, phases):
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    command = [
        Path(sys.executable).parent / "schemathesis",
        "run",
        f"{address}/openapi.json",
        f"--header=Authorization: Bearer {secret}",
        f"--phases={phases}",
        f"--max-examples={FOR_EACH}",
        f"--checks={','.join(CHECKS)}",
        "--seed=1",
        "--no-shrink",
        "--continue-on-failure",
        "--warnings=off",
        "--no-color",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    if phases != "stateful":
        assert f"Tested: {len(OPERATIONS)}" in done.stdout
