from datetime import UTC, datetime, timedelta

import pytest

from notifications.links import signed_links
from notifications.links.signed_links import Action, BadLink, ExpiredLink, links, read
from notifications.transports import Message

DUE = datetime(2026, 11, 23, 17, tzinfo=UTC)
DONE, LATER = Action("done", "Done", 0), Action("later", "Later", 1)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setattr(signed_links, "_registered", {})
    signed_links.register("test", [DONE, LATER])


def message(reference="test:7", channel_id=3):
    return Message(1, 1, "foam_1_1", channel_id, "", "Title", "", DUE, reference=reference)


def token(action=DONE, **fields):
    url = next(link.url for link in links(message(**fields)) if link.action == action)
    return url.partition(signed_links.PATH)[2]


def test_link_says_what_it_was_made_for():
    pressed = read(token(), DUE)
    assert (pressed.action, pressed.reference, pressed.channel_id) == (DONE, "test:7", 3)


def test_cause_without_actions_has_no_links():
    assert links(message(reference="other:7")) == []


def test_links_are_the_same_at_each_attempt():
    assert links(message()) == links(message()._replace(attempt=2))


def test_link_is_good_until_it_expires():
    assert read(token(), DUE + signed_links.LIFETIME - timedelta(seconds=1)).action == DONE
    with pytest.raises(ExpiredLink):
        read(token(), DUE + signed_links.LIFETIME)


@pytest.mark.parametrize(
    ("old", "new"),
    [("test:7", "test:8"), (".3.", ".4."), (".done.", ".later."), ("test:", "other:"), (".", "")],
)
def test_link_is_good_for_nothing_else(old, new):
    with pytest.raises(BadLink):
        read(token().replace(old, new, 1), DUE)


def test_expiry_cannot_be_put_off():
    reference, channel, expires, name, tag = token().split(".")
    with pytest.raises(BadLink):
        read(f"{reference}.{channel}.{int(expires, 16) + 1:x}.{name}.{tag}", DUE)


@pytest.mark.parametrize("forged", ["", ".", "....", "a.b.c.d.e", "ü.1.1.done.x", "x" * 10_000])
def test_forged_link_is_refused(forged):
    with pytest.raises(BadLink):
        read(forged, DUE)


def test_no_link_with_a_letter_changed_left_out_or_added_is_read():
    real = token()
    for place in range(len(real)):
        before, after = real[:place], real[place + 1 :]
        changed = [before + letter + after for letter in "aZ0-_.=%~é/ \0" if letter != real[place]]
        for forged in [*changed, before + after, f"{before}0{real[place:]}", real[:place]]:
            if forged != real:
                with pytest.raises(BadLink):
                    read(forged, DUE)


def test_link_outlives_a_change_of_the_secret_key(settings):
    old = token()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert read(old, DUE).action == DONE


def test_link_ends_with_its_key(settings):
    old = token()
    settings.SECRET_KEY = "another"
    with pytest.raises(BadLink):
        read(old, DUE)


def test_actions_of_one_cause_have_different_slots():
    with pytest.raises(ValueError, match="slot"):
        signed_links.register("test", [DONE, Action("other", "Other", 0)])
