import pytest

pytestmark = pytest.mark.django_db


def test_welcome_says_where_everything_is(client):
    answer = client.get("/").json()
    assert answer["message"] == "Welcome to FOAM 🎉"
    assert answer["docs"].endswith("/docs")


def test_every_address_of_the_welcome_answers(client, settings):
    links = client.get("/").json()
    for name, link in links.items():
        if name != "message":
            path = link.removeprefix(settings.FOAM_BASE_URL)
            assert client.get(path).status_code in {200, 302, 503}, link


def test_healthz_needs_no_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/healthz").json() == {"status": "ok"}


def test_address_without_anything_is_a_problem(client):
    answer = client.get("/api/v1/nothing/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_docs_load_nothing_from_elsewhere(client):
    page = client.get("/docs").content.decode()
    assert "https://" not in page.replace("https://github.com", "")


@pytest.mark.parametrize("path", ["/api/v1/reminders/", "/api/v1/channels/", "/api/v1/me/"])
def test_api_can_be_browsed(client, user, path):
    client.force_login(user)
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert "text/html" in answer["Content-Type"]


def test_session_can_post_from_the_browser_only_with_its_csrf_token(user):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.post("/api/v1/reminders/", {"title": "x"}).status_code == 403


def test_document_is_json_for_whoever_asks(client):
    answer = client.get("/openapi.json", headers={"Accept": "*/*"})
    assert answer.json()["openapi"].startswith("3.1")
