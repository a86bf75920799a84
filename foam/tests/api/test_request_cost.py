"""What requests cost: seconds, rows, and places for expensive ones."""

import time

import pytest
from redis import Redis

from accounts.api import rate_limits
from conftest import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

URL = "/api/v1/reminders/"
SCHEDULE = {"starts_at": "2030-01-07T18:00:00", "timezone": "UTC"}
ITEM = {"op": "create", "fields": {"title": "Tea", **SCHEDULE}}


@pytest.fixture(autouse=True)
def nothing_counted(settings):
    rate_limits._redis.down_until = 0.0
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    with Redis.from_url(settings.REDIS_URL) as redis:
        for name in ("rate", "expensive"):
            for key in redis.scan_iter(f"{prefix}{name}:*"):
                redis.delete(key)
        yield redis
    rate_limits._redis.down_until = 0.0


@pytest.fixture
def slow(monkeypatch):
    """Each request seems to have taken 40 s."""
    settle = rate_limits.settle
    monkeypatch.setattr(rate_limits, "settle", lambda request, seconds: settle(request, 40.0))


def statuses(call, times):
    return [call().status_code for _ in range(times)]


def test_user_who_has_used_the_seconds_up_waits(api, stranger_api, settings, slow):
    settings.FOAM_API_SECONDS_RATE = (60, 60)
    assert statuses(lambda: api.get(URL), 2) == [200, 200]
    refusal = api.get(URL)
    assert refusal.status_code == 429
    assert 15 <= int(refusal["Retry-After"]) <= 20
    assert stranger_api.get(URL).status_code == 200


def test_all_tokens_and_pages_of_a_user_share_the_seconds(user, client, settings, slow):
    settings.FOAM_API_SECONDS_RATE = (60, 60)
    client.force_login(user)
    assert client_of(user).get(URL).status_code == 200
    assert client.get("/account/").status_code == 200
    assert client_of(user).get(URL).status_code == 429
    refusal = client.get("/account/")
    assert refusal.status_code == 429
    assert int(refusal["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/openapi.json", "/account/login/", "/do/nonsense/"])
def test_address_without_a_user_is_charged(client, settings, slow, path):
    settings.FOAM_API_SECONDS_RATE = (60, 60)
    assert 429 not in statuses(lambda: client.get(path), 2)
    assert client.get(path).status_code == 429
    assert client.get(path, REMOTE_ADDR="203.0.113.9").status_code != 429
    assert client.get("/healthz").status_code == 200


def test_one_request_costs_the_whole_limit_at_most(api, settings, monkeypatch):
    settings.FOAM_API_SECONDS_RATE = (60, 60)
    settle = rate_limits.settle
    monkeypatch.setattr(rate_limits, "settle", lambda request, seconds: settle(request, 9e9))
    api.get(URL)
    api.get(URL)
    assert int(api.get(URL)["Retry-After"]) <= 61


def test_streamed_answer_is_charged_when_it_is_sent(api, settings, slow):
    settings.FOAM_API_SECONDS_RATE = (30, 60)
    answer = api.get("/api/v1/me/export/")
    assert api.get(URL).status_code == 200
    b"".join(answer)
    assert api.get(URL).status_code == 429


def test_batch_and_import_count_their_rows(api, settings):
    settings.FOAM_API_ROW_RATE = (4, 3600)
    batch = {"items": [ITEM] * 3}
    assert statuses(lambda: api.post(f"{URL}batch/", batch, format="json"), 3) == [200, 200, 429]
    assert api.get(URL).status_code == 200
    refusal = api.post(f"{URL}import/?format=crontab", "0 8 * * * tea", content_type="text/plain")
    assert refusal.status_code == 429


def hold(redis, settings, user, count=2, seconds=60):
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    places = {f"place {n}": time.time() + seconds for n in range(count)}
    redis.zadd(f"{prefix}expensive:{user.pk}", places)


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.get(f"{URL}export/?format=jsonl"),
        lambda api: api.get("/api/v1/me/export/"),
        lambda api: api.post(f"{URL}batch/", {"items": [ITEM]}, format="json"),
        lambda api: api.post(f"{URL}preview/", SCHEDULE),
        lambda api: api.post(f"{URL}import/?format=crontab", "", content_type="text/plain"),
    ],
)  # fmt: skip
def test_third_expensive_request_is_refused(api, user, settings, nothing_counted, ask):
    hold(nothing_counted, settings, user)
    refusal = ask(api)
    assert refusal.status_code == 429
    assert refusal["Retry-After"] == "5"
    assert "are under way" in refusal.json()["detail"]
    assert api.get(URL).status_code == 200


def test_staff_read_so_in_the_admin(client, staff, settings, nothing_counted):
    settings.FOAM_STAFF_SECOND_FACTOR = False
    hold(nothing_counted, settings, staff)
    client.force_login(staff)
    refusal = client.post("/admin/reminders/reminder/import/", {"owner": staff.pk})
    assert refusal.status_code == 429
    assert refusal["Retry-After"] == "5"


def test_place_comes_back_after_each_answer_and_after_its_lease(
    api, user, settings, nothing_counted
):
    assert statuses(lambda: api.post(f"{URL}preview/", {}), 4) == [400] * 4
    hold(nothing_counted, settings, user, seconds=-1)
    assert api.post(f"{URL}preview/", SCHEDULE).status_code == 200


def test_without_redis_nothing_is_refused(api, settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    settings.FOAM_API_SECONDS_RATE = (1, 60)
    assert statuses(lambda: api.post(f"{URL}preview/", SCHEDULE), 3) == [200] * 3
