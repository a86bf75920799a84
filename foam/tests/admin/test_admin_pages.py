"""Every page of the admin opens, for superusers and for staff with a single permission."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, SolarSchedule

from accounts.models import ApiToken, User, pause
from notifications.models import Channel
from notifications.outbox.round import deliver_due
from reminders.engine import firing
from reminders.models import Backlog

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken", "recorder", "beat_rows")]

MODELS = list(admin.site._registry)
# What a bookmark, a hand or a colleague's link may have in the address.
QUERIES = {
    "plain": {},
    "popup": {"_popup": "1"},
    "popup by an id": {"_popup": "1", "_to_field": "id"},
    "popup by no field": {"_popup": "1", "_to_field": "zzz"},
    "prefilled": {
        "kind": "webhook",
        "owner": "1",
        "scope": "tag",
        "title": "Tea",
        "timezone": "Europe/Berlin",
        "starts_at": "2090-01-02T18:00",
        "channels": "1,2",
        "is_staff": "on",
        "scopes": "me:read",
        "expires_at": "2090-01-02",
        "until": "2090-01-02",
    },
    "nonsense": {
        "kind": "zzz",
        "owner": "zzz",
        "scope": "zzz",
        "title": "😀" * 300,
        "timezone": "Mars/Olympus",
        "starts_at": "soon",
        "channels": "zzz,\x00,1e9",
        "grace": "zzz",
        "leads": "zzz",
        "tags": "a,b,\x00",
        "groups": "zzz",
        "scopes": "zzz",
        "expires_at": "soon",
        "until": "soon",
        "crontab": "zzz",
        "q": "\x00",
        "p": "zzz",
        "o": "zzz",
        "e": "1",
        "state": "zzz",
        "at": "zzz",
    },
    "huge": {"owner": "9" * 30, "channels": "9" * 30, "p": "9" * 30, "q": "9" * 30},
    "filters": {"kind__exact": "zzz", "owner__id__exact": "1", "created_at__gte": "zzz"},
}


@pytest.fixture
def everything(staff, user, make_reminder, channel, now):
    """One row at least of every model, also deleted, disabled, closed and switched off ones."""
    inbox = Channel.objects.inbox_of(user)
    reminder = make_reminder(channels=[channel, inbox], recurrence="FREQ=DAILY")
    firing.trigger(reminder, now)
    deliver_due(now)
    make_reminder(title="Gone").close(now)
    for kind, address in (("email", "ada@example.com"), ("apprise", "")):
        Channel.objects.create(owner=user, kind=kind, name=kind, address=address)
    gone = Channel.objects.create(owner=user, kind="email", name="x", address="x@example.com")
    gone.close(now)
    channel.disable("answered 410", now)
    pause.begin("everything", now, until=now + timedelta(days=1))
    pause.begin("tag", now, owner=user, tag="work")
    ApiToken.issue(user, "laptop")
    when = dict.fromkeys(("opened_at", "due_before", "decided_at", "paced_at"), now)
    Backlog.objects.create(decision="release", rate=9, **when)
    Group.objects.create(name="Support")
    CrontabSchedule.objects.get_or_create(minute="0")
    ClockedSchedule.objects.get_or_create(clocked_time=now)
    SolarSchedule.objects.get_or_create(event="dusk_civil", latitude=52, longitude=13)
    User.objects.create_user("eve", "eve@example.com", "x", is_active=False)
    return staff


NO_KEYS = (0, 999_999, "zzz", "9" * 30, "%00", "1_2F")


def pages_of(model, *, rows=2, other_keys=(0, "zzz")):
    """Yield the addresses of a model's pages: those of its newest rows, and of keys of no row."""
    model_admin = admin.site._registry[model]
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    yield reverse(f"{name}_changelist")
    yield reverse(f"{name}_add")
    for url in model_admin.get_urls():
        if url.name and url.pattern.converters == {} and "changelist" not in url.name:
            yield reverse(f"admin:{url.name}")
    keys = [row.pk for row in model._default_manager.order_by("-pk")[:rows]]
    for key in [*keys, *other_keys]:
        for page in ("change", "history", "delete"):
            yield reverse(f"{name}_{page}", args=[key])
        for action in getattr(model_admin, "actions_detail", None) or ():
            yield reverse(f"{name}_{action}", args=[key])


# The pages of django-celery-beat read little of an address, and take a second each.
ADDRESSES = [
    pytest.param(model, query, id=f"{model.__name__}-{name}")
    for model in MODELS
    for name, query in QUERIES.items()
    if model._meta.app_label != "django_celery_beat" or name in ("plain", "nonsense")
]


@pytest.mark.parametrize(("model", "query"), ADDRESSES)
def test_no_page_breaks_whatever_its_address_asks(client, everything, model, query):
    client.force_login(everything)
    client.raise_request_exception = False
    # What a page makes of its address does not depend on the row; one row stands for all.
    is_plain = query == {}
    rows, other_keys = (8, NO_KEYS) if is_plain else (1, ("zzz",))
    pages = pages_of(model, rows=rows, other_keys=other_keys)
    for page in pages:
        answer = client.get(page, query)
        assert answer.status_code < 500, page


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_page_breaks_in_an_empty_house(client, staff, model):
    client.force_login(staff)
    client.raise_request_exception = False
    for page in pages_of(model):
        assert client.get(page).status_code < 500, page


@pytest.mark.parametrize("verb", ["view", "add", "change", "delete"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_page_breaks_for_staff_with_one_permission(client, everything, model, verb):
    helper = User.objects.create_user("helper", "helper@example.com", "x", is_staff=True)
    codename = f"{verb}_{model._meta.model_name}"
    permission = Permission.objects.filter(
        content_type__app_label=model._meta.app_label, codename=codename
    )
    helper.user_permissions.set(permission)
    client.force_login(helper)
    client.raise_request_exception = False
    for page in [reverse("admin:index"), *pages_of(model, rows=1)]:
        assert client.get(page).status_code < 500, page


@pytest.mark.parametrize(
    ("field", "model"),
    [
        ("owner", "reminder"),
        ("channels", "reminder"),
        ("escalate_channels", "reminder"),
        ("owner", "channel"),
        ("owner", "pause"),
        ("zzz", "reminder"),
        ("owner", "zzz"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"owner": "zzz"}, {"owner": "9" * 30}, {"page": "zzz"}])
def test_no_search_of_a_choice_breaks(client, everything, field, model, more):
    client.force_login(everything)
    client.raise_request_exception = False
    app = {"reminder": "reminders", "channel": "notifications"}.get(model, "accounts")
    asked = {"app_label": app, "model_name": model, "field_name": field, **more}
    for term in ("", "a", "\x00", "9" * 30):
        answer = client.get("/admin/autocomplete/", {**asked, "term": term})
        assert answer.status_code < 500, term
