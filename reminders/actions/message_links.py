"""The signed links in a reminder's messages: done, snooze, and not me.

`notifications.links` shows their page. The page shows the message that contained the link, as it
was sent, and no other text of the owner's.
"""

from datetime import datetime, time, timedelta
from typing import NamedTuple, NoReturn

from django.db import transaction

from accounts.timezones import format_instant, zone
from notifications.channels import enabling
from notifications.links.signed_links import Action, Pressed
from notifications.links.views import Answer, StaleLink
from notifications.models import Channel, Delivery
from reminders.actions import responses
from reminders.models import Occurrence, Reminder
from reminders.models.occurrence import occurrence_id
from reminders.recurrence import Gap, to_utc

# The end of a snooze until tomorrow morning, in the owner's time zone.
MORNING = time(8)
NOT_ME = "The recipient said: not me."

DONE_ACTION = Action("done", "Done", 0, "This marks it as done.")
SNOOZE_10M = Action("snooze_10m", "Snooze 10 min", 1, "It will be sent again in 10 minutes.")
SNOOZE_1H = Action("snooze_1h", "Snooze 1 h", 2, "It will be sent again in an hour.")
SNOOZE_MORNING = Action("snooze_morning", "Tomorrow morning", 3, "It will be sent again at 08:00.")
STRANGER = Action(
    "not_me", "Not me", 4, "Did somebody else give your address? Then nothing more will be sent."
)
ACTIONS = (DONE_ACTION, SNOOZE_10M, SNOOZE_1H, SNOOZE_MORNING, STRANGER)
SNOOZES: dict[str, timedelta] = {
    SNOOZE_10M.name: timedelta(minutes=10),
    SNOOZE_1H.name: timedelta(hours=1),
}


class LinkContext(NamedTuple):
    """The channel, the delivery and the occurrence of a link."""

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
    """Return the page of a link before it is pressed: its effect, or that there is none left."""
    if pressed.action == STRANGER:
        return _describe_stranger(pressed)
    link = _find(pressed)
    if answer := _earlier_answer(link, pressed, now):
        return answer
    text = pressed.action.note
    if pressed.action == DONE_ACTION:
        text = f"{text} {_then(link)}"
    if pressed.action == SNOOZE_MORNING:
        text = f"It will be sent again on {format_instant(_morning(link, now), link.timezone)}."
    return Answer(link.delivery.title, text, link.about, pressed.action.label)


def act(pressed: Pressed, now: datetime) -> Answer:
    """Execute a link and return its result; a second press changes nothing."""
    if pressed.action == STRANGER:
        return _stop(pressed, now)
    link = _find(pressed)
    if pressed.action == DONE_ACTION:
        if responses.acknowledge(link.occurrence, now):
            return Answer("Done", _then(link), link.all_about)
        return _earlier_answer(link, pressed, now) or _nothing_left()
    return _snooze(link, pressed, now)


@transaction.atomic
def _snooze(link: LinkContext, pressed: Pressed, now: datetime) -> Answer:
    # The same lock as in responses.snooze: of two presses at once the second sees the first.
    Reminder.objects.locked().get(pk=link.occurrence.reminder_id)
    link.occurrence.refresh_from_db()
    if answer := _earlier_answer(link, pressed, now):
        return answer
    until = _until(link, pressed, now)
    if responses.snooze(link.occurrence, until, now):
        return Answer("Snoozed", _again(link), link.all_about)
    return _earlier_answer(link, pressed, now) or _nothing_left()


def _earlier_answer(link: LinkContext, pressed: Pressed, now: datetime) -> Answer | None:
    """Return the page for an occurrence with an earlier answer; None if the link has an effect."""
    occurrence = link.occurrence
    last = occurrence.responses.last()
    if occurrence.status == Occurrence.Status.ACKNOWLEDGED:
        since = (
            f"It was marked as done on {format_instant(last.at, link.timezone)}. " if last else ""
        )
        return Answer("Already done", f"{since}{_then(link)}", link.all_about)
    until = occurrence.speaks_again_at
    is_snoozed = occurrence.status == Occurrence.Status.SNOOZED and until and until > now
    # The same link pressed twice. Another snooze has another `until`, and takes effect.
    if (
        is_snoozed
        and last
        and pressed.action != DONE_ACTION
        and until == _until(link, pressed, last.at)
    ):
        return Answer("Already snoozed", _again(link), link.all_about)
    return None


def _then(link: LinkContext) -> str:
    """Return what follows after Done: later leads of the same due instant are still sent."""
    is_early = link.occurrence.lead > min(link.occurrence.reminder.leads)
    return "The next one still comes." if is_early else "Nothing more will be sent about it."


def _again(link: LinkContext) -> str:
    when = format_instant(link.occurrence.speaks_again_at, link.timezone)
    if link.occurrence.follow_up_at is None:
        return f"It will be sent again on {when}, or when the reminder is no longer paused."
    return f"It will be sent again on {when}."


def _until(link: LinkContext, pressed: Pressed, now: datetime) -> datetime:
    length = SNOOZES.get(pressed.action.name)
    return _morning(link, now) if length is None else now + length


def _morning(link: LinkContext, now: datetime) -> datetime:
    tomorrow = now.astimezone(zone(link.timezone)).date() + timedelta(days=1)
    return to_utc(datetime.combine(tomorrow, MORNING), link.timezone, Gap.AFTER)[0]


def _find(pressed: Pressed) -> LinkContext:
    """Return the rows of a link; raise StaleLink if one of them no longer exists."""
    channel = _channel(pressed)
    delivery = _delivery(pressed)
    rows = Occurrence.objects.filter(reminder__deleted_at=None).select_related("reminder")
    occurrence = rows.filter(pk=occurrence_id(pressed.reference) or 0).first()
    if channel.deleted_at or delivery is None or occurrence is None:
        _nothing_left()
    if not channel.owner.is_active:
        raise StaleLink("The account that this reminder belongs to is switched off.")
    return LinkContext(channel, delivery, occurrence)


def _channel(pressed: Pressed) -> Channel:
    # The row of a deleted channel is never removed.
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
    """Whether the channel sends nothing more to this recipient.

    A later `verified_at` means that its owner has changed the address meanwhile.
    """
    if channel.disabled_at or channel.deleted_at or not channel.is_verified:
        return True
    verified_at = channel.verified_at
    return bool(delivery and verified_at and verified_at > delivery.created_at)


def _stopped(heading: str) -> Answer:
    text = "FOAM sends nothing more here. Whoever entered this address can see why."
    return Answer(heading, text)
