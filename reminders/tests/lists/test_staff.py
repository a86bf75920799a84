import pytest

from notifications.models import Channel
from reminders.lists.staff import ids_with_tag, ids_with_words

TAGS = ["home", "O'Hara"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(make_reminder, stranger):
    inbox = Channel.objects.inbox_of(stranger)
    return [
        make_reminder(title="Water the plants", tags=["home"]),
        make_reminder(title="Water, too", owner=stranger, channels=[inbox], tags=TAGS),
        make_reminder(title="Tea"),
    ]


def test_tag_is_found_with_every_owner(rows):
    assert set(ids_with_tag("home", 9)) == {rows[0].pk, rows[1].pk}
    assert ids_with_tag("O'Hara", 9) == [rows[1].pk]
    assert ids_with_tag("hom", 9) == []


def test_words_are_found_with_the_owners_only(rows, user, stranger):
    assert ids_with_words([user.pk], "wat pla", 9) == [rows[0].pk]
    assert set(ids_with_words([user.pk, stranger.pk], "water", 9)) == {rows[0].pk, rows[1].pk}
    assert ids_with_words([user.pk], "too", 9) == []
    assert ids_with_words([user.pk], "&|!", 9) == []


def test_no_more_ids_are_given_than_are_taken(rows, user):
    assert len(ids_with_tag("home", 1)) == 1
    rows[0].close(rows[0].created_at)
    # Staff see deleted ones, too.
    assert ids_with_words([user.pk], "plants", 9) == [rows[0].pk]
