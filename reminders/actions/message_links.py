"""What the links in a reminder's messages do. Their page is in notifications; the acts are loop's.

A page shows the message that its link came with, as it was sent, and nothing else of its owner's.
"""

from datetime import datetime, time, timedelta
from typing import NamedTuple, NoReturn

from django.db import transaction

from accounts.timezones import format_instant, zone
from notifications.channels import enabling
from notifications.links import signed_links, views
from notifications.links.signed_links import Action, Pressed
from notifications.links.views import Answer, StaleLink
from notifications.models import Channel, Delivery
from reminders.actions import responses
from reminders.actions.responses import Actor
from reminders.models import Occurrence, Reminder
from reminders.models.occurrence import occurrence_id
from reminders.recurrence import Gap, to_utc

# When tomorrow's morning is, on the owner's clock.
MORNING = time(8)
NOT_ME = "The recipient said: not me."

DONE = Action("done", "Done", 0, "This marks it as done.")
SNOOZE_10M = Action("snooze_10m", "Snooze 10 min", 1, "It will be sent again in 10 minutes.")
SNOOZE_1H = Action("snooze_1h", "Snooze 1 h", 2, "It will be sent again in an hour.")
SNOOZE_MORNING = Action("snooze_morning", "Tomorrow morning", 3, "It will be sent again at 08:00.")
STRANGER = Action(
    "not_me", "Not me", 4, "Did somebody else give your address? Then nothing more will be sent."
)
ACTIONS = (DONE, SNOOZE_10M, SNOOZE_1H, SNOOZE_MORNING, STRANGER)
SNOOZES: dict[str, timedelta] = {
    SNOOZE_10M.name: timedelta(minutes=10),
    SNOOZE_1H.name: timedelta(hours=1),
}


def offer() -> None:
    """Have links in each message of an occurrence, its follow-ups among them, and answer them."""
    signed_links.register("occurrence", ACTIONS)
    views.register("occurrence", describe, act)


class Asked(NamedTuple):
    """What a link is about: a channel, the message that came there, and its occurrence."""

    channel: Channel
    delivery: Delivery
    occurrence: Occurrence

    @property
    def timezone(self) -> str:
        return self.channel.owner.timezone

    @property
    def about(self) -> list[tuple[str, str]]:
        due = self.delivery.data.get("due_text") or format_instant(
            self.delivery.due_at, self.timezone
        )
        return [("Due", due), ("Sent to", str(self.channel))]

    @property
    def all_about(self) -> list[tuple[str, str]]:
        return [("Reminder", self.delivery.title), *self.about]


def describe(pressed: Pressed, now: datetime) -> Answer:
    """Tell what a link will do, or that there is nothing left for it to do."""
    if pressed.action == STRANGER:
        return _describe_stranger(pressed)
    asked = _find(pressed)
    if done := _done_before(asked, pressed, now):
        return done
    text = pressed.action.note
    if pressed.action == DONE:
        text = f"{text} {_then(asked)}"
    if pressed.action == SNOOZE_MORNING:
        text = f"It will be sent again on {format_instant(_morning(asked, now), asked.timezone)}."
    return Answer(asked.delivery.title, text, asked.about, pressed.action.label)


def act(pressed: Pressed, now: datetime) -> Answer:
    """Do what a link is for, and tell what was done; once more changes nothing."""
    if pressed.action == STRANGER:
        return _stop(pressed, now)
    by = Actor(source="link", channel_id=pressed.channel_id)
    asked = _find(pressed)
    if pressed.action == DONE:
        if responses.acknowledge(asked.occurrence, now, by):
            return Answer("Done", _then(asked), asked.all_about)
        return _done_before(asked, pressed, now) or _nothing_left()
    return _snooze(asked, pressed, now, by)


@transaction.atomic
def _snooze(asked: Asked, pressed: Pressed, now: datetime, by: Actor) -> Answer:
    # As loop.snooze does: of two presses at once the second sees the first.
    Reminder.objects.select_for_update(no_key=True).get(pk=asked.occurrence.reminder_id)
    asked.occurrence.refresh_from_db()
    if done := _done_before(asked, pressed, now):
        return done
    until = _until(asked, pressed, now)
    if responses.snooze(asked.occurrence, until, now, by):
        return Answer("Snoozed", _again(asked), asked.all_about)
    return _done_before(asked, pressed, now) or _nothing_left()


def _done_before(asked: Asked, pressed: Pressed, now: datetime) -> Answer | None:
    """Tell that somebody was faster; None while the link has something to do."""
    occurrence = asked.occurrence
    last = occurrence.responses.last()
    if occurrence.status == Occurrence.Status.ACKNOWLEDGED:
        since = (
            f"It was marked as done on {format_instant(last.at, asked.timezone)}. " if last else ""
        )
        return Answer("Already done", f"{since}{_then(asked)}", asked.all_about)
    until = occurrence.speaks_again_at
    is_snoozed = occurrence.status == Occurrence.Status.SNOOZED and until and until > now
    # The same press once more, not another wish.
    if is_snoozed and last and pressed.action != DONE and until == _until(asked, pressed, last.at):
        return Answer("Already snoozed", _again(asked), asked.all_about)
    return None


def _then(asked: Asked) -> str:
    """Say what comes after Done: an early message answers for itself only."""
    is_early = asked.occurrence.lead > min(asked.occurrence.reminder.leads)
    return "The next one still comes." if is_early else "Nothing more will be sent about it."


def _again(asked: Asked) -> str:
    when = format_instant(asked.occurrence.speaks_again_at, asked.timezone)
    if asked.occurrence.follow_up_at is None:
        return f"It will be sent again on {when}, or when the reminder is no longer paused."
    return f"It will be sent again on {when}."


def _until(asked: Asked, pressed: Pressed, now: datetime) -> datetime:
    length = SNOOZES.get(pressed.action.name)
    return _morning(asked, now) if length is None else now + length


def _morning(asked: Asked, now: datetime) -> datetime:
    tomorrow = now.astimezone(zone(asked.timezone)).date() + timedelta(days=1)
    return to_utc(datetime.combine(tomorrow, MORNING), asked.timezone, Gap.AFTER)[0]


def _find(pressed: Pressed) -> Asked:
    """Return what a link is about; StaleLink when any of it is no longer there."""
    channel = _channel(pressed)
    delivery = _delivery(pressed)
    kept = Occurrence.objects.filter(reminder__deleted_at=None).select_related("reminder")
    occurrence = kept.filter(pk=occurrence_id(pressed.reference) or 0).first()
    if channel.deleted_at or delivery is None or occurrence is None:
        _nothing_left()
    if not channel.owner.is_active:
        raise StaleLink("The account that this reminder belongs to is switched off.")
    return Asked(channel, delivery, occurrence)


def _channel(pressed: Pressed) -> Channel:
    # It keeps its row for ever, also when it is deleted.
    return Channel.objects.select_related("owner").get(pk=pressed.channel_id)


def _delivery(pressed: Pressed) -> Delivery | None:
    sent = Delivery.objects.filter(reference=pressed.reference, channel=pressed.channel_id)
    return sent.first()


def _nothing_left() -> NoReturn:
    raise StaleLink("This reminder is no longer there, or no longer waits for an answer.")


def _describe_stranger(pressed: Pressed) -> Answer:
    channel, delivery = _channel(pressed), _delivery(pressed)
    if _has_stopped(channel, delivery):
        return _stopped("Already stopped")
    about = [("Message", delivery.title)] if delivery else []
    text = (
        "FOAM sends reminders here because somebody entered this address. If that was not you, "
        "press the button: FOAM will send nothing more here, whatever the reminder."
    )
    about.append(("Sent to", str(channel)))
    return Answer("Not for you?", text, about, "Stop these messages")


def _stop(pressed: Pressed, now: datetime) -> Answer:
    channel = _channel(pressed)
    if _has_stopped(channel, _delivery(pressed)):
        return _stopped("Already stopped")
    enabling.disable_for_recipient(channel, NOT_ME, now)
    return _stopped("Stopped")


def _has_stopped(channel: Channel, delivery: Delivery | None) -> bool:
    """Tell whether nothing goes to this recipient any more: the channel may lead elsewhere now."""
    if channel.disabled_at or channel.deleted_at or not channel.is_verified:
        return True
    verified_at = channel.verified_at
    return bool(delivery and verified_at and verified_at > delivery.created_at)


def _stopped(heading: str) -> Answer:
    text = "FOAM sends nothing more here. Whoever entered this address can see why."
    return Answer(heading, text)
