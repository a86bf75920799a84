"""The statement that reads the token is the health check of the connection, too."""

import pytest
from django.db import connection

from accounts.api import authentication
from conftest import client_of
from notifications.tests.counters import captured_statements

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"


@pytest.fixture
def fresh_request(user):
    """A client, and a connection that nothing has shown to be usable in this request."""
    api = client_of(user)
    assert api.get(URL).status_code == 200
    connection.close_if_unusable_or_obsolete()
    assert not connection.health_check_done
    return api


def test_request_takes_no_statement_to_check_its_connection(fresh_request):
    with captured_statements() as texts:
        assert fresh_request.get(URL).status_code == 200
    assert len(texts) == 2
    assert not any(text.startswith("SELECT pg_is_in_recovery") for text in texts)


def test_request_goes_on_with_a_new_connection_when_its_own_was_ended(fresh_request):
    pid = connection.connection.info.backend_pid
    with connection.copy().cursor() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        other.connection.close()
    assert fresh_request.get(URL).status_code == 200
    assert connection.connection.info.backend_pid != pid


def test_unknown_token_is_answered_after_a_check(fresh_request):
    fresh_request.credentials(HTTP_AUTHORIZATION="Bearer foam_nonsense")
    with captured_statements() as texts:
        assert fresh_request.get(URL).status_code == 401
    assert "SELECT pg_is_in_recovery()" in texts


def test_answer_of_a_standby_is_not_taken(fresh_request, monkeypatch):
    """The first answer says that it comes from a standby."""
    fetch, answers = authentication._token_query().fetch, []

    def from_standby_first(**values):
        rows = fetch(**values)
        answers.append(rows)
        size = len(authentication._names(authentication.ApiToken))
        return [(*row[:size], len(answers) == 1, *row[size + 1 :]) for row in rows]

    monkeypatch.setattr(authentication._token_query(), "fetch", from_standby_first)
    with captured_statements() as texts:
        assert fresh_request.get(URL).status_code == 200
    assert len(answers) == 2
    assert "SELECT pg_is_in_recovery()" in texts
