"""The link in the notice about a disabled channel, by which its owner enables it again."""

from datetime import datetime
from functools import partial
from typing import NamedTuple

from django.db import transaction

from accounts.sign_in import mail
from notifications import notices
from notifications.links.signed_links import Action, BadLink, Pressed, urls
from notifications.links.views import Answer, StaleLink
from notifications.models import Channel

PREFIX = "notice"
ENABLE = Action("enable", "Enable again", 0, "Reminders go there again from now on.")
ACTIONS = [ENABLE]


class _Cause(NamedTuple):
    """The cause that the link in the mail to the account answers."""

    reference: str
    channel_id: int
    due_at: datetime


def disable_for_recipient(channel: Channel, reason: str, now: datetime) -> None:
    """Disable a channel at its recipient's request, and mail a link that enables it to the owner.

    The recipient needs no account for this, only one click, which may be a mistake.
    """
    channel.disable(reason, now)
    notice = notices.disabled(str(channel), channel.disabled_reason, channel.pk, now)
    link = urls(_Cause(notice.reference, channel.pk, now))[ENABLE.name]
    text = f"{notice.body}\n\n{ENABLE.label}: {link}\n"
    transaction.on_commit(partial(mail.tell, channel.owner, notice.title, text), robust=True)


def describe(pressed: Pressed, now: datetime) -> Answer:
    """Return the page that asks to enable the channel; StaleLink if it was disabled again since."""
    channel = _find(pressed)
    if channel.disabled_at is None:
        return _enabled("Already enabled", channel)
    about = [("Channel", str(channel)), ("Disabled, as", channel.disabled_reason)]
    return Answer("Send there again?", ENABLE.note, about, ENABLE.label)


@transaction.atomic
def act(pressed: Pressed, now: datetime) -> Answer:
    """Enable the channel of a notice; repeating it changes nothing."""
    channel = _find(pressed)
    if channel.disabled_at is None:
        return _enabled("Already enabled", channel)
    channel.enable()
    return _enabled("Enabled", channel)


def _enabled(heading: str, channel: Channel) -> Answer:
    text = "FOAM sends reminders there. What was cancelled meanwhile is not sent again."
    return Answer(heading, text, [("Channel", str(channel))])


def _find(pressed: Pressed) -> Channel:
    """Return the channel of a notice, locked if within a transaction."""
    number = pressed.reference.removeprefix(notices.DISABLED).partition(":")[0]
    if not number.isdecimal():
        raise BadLink("This link is of no channel.")
    rows = Channel.objects.filter(pk=int(number), deleted_at=None)
    if transaction.get_connection().in_atomic_block:
        rows = rows.select_for_update(no_key=True)
    channel = rows.first()
    notified = Channel.objects.get(pk=pressed.channel_id)
    if channel is None or channel.owner_id != notified.owner_id:
        raise StaleLink("This channel is not there any more.")
    at = channel.disabled_at
    if at and notices.disabled_reference(channel.pk, at) != pressed.reference:
        raise StaleLink("This channel was disabled once more since then: see the newer message.")
    return channel
