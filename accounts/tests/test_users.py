import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.timezones import names, zone

pytestmark = pytest.mark.django_db


def test_email_is_unique_whatever_its_case(user):
    with pytest.raises(IntegrityError, match="email_unique_any_case"), transaction.atomic():
        User.objects.create_user("other", "ADA@Example.COM", "x")


def test_email_taken_in_another_case_is_a_clear_message(user):
    other = User(username="other", email="Ada@example.com", password="x")
    with pytest.raises(ValidationError, match="already exists"):
        other.full_clean()


def test_username_has_at_most_50_characters():
    with pytest.raises(ValidationError) as refusal:
        User(username="a" * 51, email="a@example.com", password="x").full_clean()
    assert "username" in refusal.value.message_dict


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "europe/berlin", "UTC\0"])
def test_unknown_time_zone_is_refused(name):
    with pytest.raises(ValidationError) as refusal:
        User(username="a", email="a@example.com", password="x", timezone=name).full_clean()
    assert "timezone" in refusal.value.message_dict


def test_every_listed_zone_can_be_read():
    assert all(zone(name).key == name for name in names())


def test_profile_shows_the_time_zone(api):
    answer = api.get("/api/v1/me/").json()
    assert answer == {
        "id": answer["id"],
        "username": "ada",
        "email": "ada@example.com",
        "first_name": "",
        "last_name": "",
        "timezone": "UTC",
        "quiet_from": None,
        "quiet_until": None,
        "quiet_weekends": False,
        "limits": answer["limits"],
    }


def test_time_zone_can_be_changed(api, user):
    assert api.patch("/api/v1/me/", {"timezone": "Europe/Berlin"}).status_code == 200
    user.refresh_from_db()
    assert user.timezone == "Europe/Berlin"


def test_unknown_time_zone_is_named_in_the_problem(api):
    answer = api.patch("/api/v1/me/", {"timezone": "Mars/Olympus"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "timezone"
