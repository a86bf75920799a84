"""Verification: a channel's owner proves that they receive its messages before it is used.

A webhook answers a challenge. Other kinds get a message with a code and a link; either verifies.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from notifications.channels import direct_send
from notifications.channels.direct_send import DirectMessage
from notifications.links import verification_codes
from notifications.links.signed_links import BadLink, ExpiredLink, Pressed
from notifications.links.views import Answer
from notifications.models import Channel, ChannelChange, Delivery, Verification
from notifications.models.channel_change import record_change
from notifications.outbox.post import Post, post_messages

TYPE = "channel.verify"
TITLE = "Confirm that FOAM may send you reminders"
LIFETIME = timedelta(minutes=30)
# At once, after 5 s and after 5 min: a mail server that greylists accepts the last one.
ATTEMPTS = 3
CHALLENGE_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class VerificationStatus:
    """The result of a request for verification; `detail` is a sentence for people."""

    is_verified: bool
    detail: str
    delivery_id: int | None = None


def request(channel: Channel, now: datetime) -> VerificationStatus:
    """Challenge a channel's receiver, or send it a code; HourlyLimitReached, UnusableChannel."""
    if channel.is_verified:
        return VerificationStatus(True, "This channel is verified.")
    if channel.transport.answers_challenges:
        return _challenge(channel, now)
    return _send_code(channel, now)


def verify(channel: Channel, code: str, now: datetime) -> None:
    """Verify a channel with the code that was sent to it; ValidationError({"code": reason})."""
    with transaction.atomic():
        reason = _verify_code(channel, "".join(code.split()), now)
    # Raised after the commit: a wrong code is one of few tries, and must stay counted.
    if reason:
        raise ValidationError({"code": reason})
    channel.refresh_from_db()


def confirm(pressed: Pressed, now: datetime) -> Channel:
    """Verify the channel whose link was pressed; repeating is harmless. BadLink, ExpiredLink."""
    with transaction.atomic():
        channel = _lock_channel(pressed.channel_id)
        verification = Verification.objects.filter(channel=channel).first()
        if channel.deleted_at or not pressed.reference.startswith(verification_codes.PREFIX):
            raise BadLink("This channel is not there any more.")
        if not channel.is_verified:
            if verification is None or pressed.reference != _reference(verification):
                raise ExpiredLink("This link was replaced by a newer one.")
            if now >= verification.expires_at:
                raise ExpiredLink("This link has expired: ask for a new one.")
            _mark_verified(channel, now)
    # The channel's label says whether it is verified.
    channel.refresh_from_db()
    return channel


def describe(pressed: Pressed, now: datetime) -> Answer:
    """Return the page that asks the recipient to confirm; it changes nothing."""
    channel = Channel.objects.select_related("owner").get(pk=pressed.channel_id)
    if channel.is_verified and not channel.deleted_at:
        return _confirmed("Already confirmed", channel)
    text = (
        f"{channel.owner.get_username()} wants to get reminders here. If you did not expect this, "
        "close this page: nothing will be sent."
    )
    return Answer("Get reminders here?", text, [("Sent to", str(channel))], pressed.action.label)


def act(pressed: Pressed, now: datetime) -> Answer:
    """Verify the channel by the link, and return the page that says so."""
    return _confirmed("Confirmed", confirm(pressed, now))


def _confirmed(heading: str, channel: Channel) -> Answer:
    text = "FOAM sends reminders here from now on."
    return Answer(heading, text, [("Sent to", str(channel))])


def _challenge(channel: Channel, now: datetime) -> VerificationStatus:
    data = {"type": TYPE, "challenge": secrets.token_urlsafe(32)}
    message = DirectMessage(
        "Verification", "Answer with the challenge to receive reminders here.", data
    )
    sent = direct_send.send(channel, direct_send.CHALLENGE, message, now, CHALLENGE_TIMEOUT_SECONDS)
    with transaction.atomic():
        current = _lock_channel(channel.pk)
        # Only the destination that was challenged is verified, not one set meanwhile.
        if sent.delivery.status == "sent" and current.destination == sent.destination:
            _mark_verified(current, now)
    channel.refresh_from_db()
    pk = sent.delivery.pk
    reason = sent.attempt.detail if sent.attempt else "it is not known"
    if channel.is_verified:
        return VerificationStatus(True, "The receiver answered the challenge.", pk)
    return VerificationStatus(False, f"The receiver did not answer the challenge: {reason}.", pk)


def _send_code(channel: Channel, now: datetime) -> VerificationStatus:
    with transaction.atomic():
        channel = direct_send.lock_if_allowed(channel, now)
        verification, _ = Verification.objects.update_or_create(
            channel=channel,
            defaults={"nonce": secrets.token_hex(8), "expires_at": now + LIFETIME, "tries": 0},
        )
        earlier = Delivery.objects.filter(
            channel=channel, reference__startswith=f"{verification_codes.PREFIX}{channel.pk}:"
        )
        earlier.cancel("A newer code was asked for.", now)
        reference = _reference(verification)
        data = {"type": TYPE}
        post = Post(channel.pk, reference, TITLE, _body(channel, now), now, data, urgent=True)
        post_messages([post], now, max_attempts=ATTEMPTS, to_unverified=True)
        pk = Delivery.objects.values_list("pk", flat=True).get(reference=reference)
    minutes = int(LIFETIME.total_seconds()) // 60
    return VerificationStatus(
        False, f"A code is on its way there, and good for {minutes} minutes.", pk
    )


def _body(channel: Channel, now: datetime) -> str:
    return (
        f"{channel.owner.get_username()} wants to get reminders here, from FOAM at "
        f"{settings.FOAM_BASE_URL}.\n\n"
        f"The code is {verification_codes.PLACEHOLDER}. "
        f"It is good until {now + LIFETIME:%H:%M} UTC.\n\n"
        "If you did not expect this, do nothing: no reminders will come."
    )


def _verify_code(channel: Channel, code: str, now: datetime) -> str:
    """Verify the channel if the code is right; else count a try and return the reason."""
    channel = _lock_channel(channel.pk)
    if channel.is_verified:
        return ""
    verification = Verification.objects.filter(channel=channel, expires_at__gt=now).first()
    if verification is None:
        return "There is no code to compare with, or it has expired: ask for a new one."
    tries_left = Verification.MAX_TRIES - verification.tries
    if not tries_left:
        return "Too many wrong codes: ask for a new one."
    if verification_codes.matches(_reference(verification), code):
        _mark_verified(channel, now)
        return ""
    Verification.objects.filter(channel=channel).update(tries=F("tries") + 1)
    text = "1 try is" if tries_left == 2 else f"{tries_left - 1} tries are"
    return f"This is not the code of the last message: {text} left."


def _reference(verification: Verification) -> str:
    return f"{verification_codes.PREFIX}{verification.channel_id}:{verification.nonce}"


def _lock_channel(channel_id: int) -> Channel:
    """Lock and return the channel: its destination cannot change until the transaction ends."""
    return Channel.objects.select_for_update(no_key=True).get(pk=channel_id)


def _mark_verified(channel: Channel, now: datetime) -> None:
    Channel.objects.filter(pk=channel.pk).update(verified_at=now)
    record_change(channel.pk, ChannelChange.Verb.VERIFIED, now)
    Verification.objects.filter(channel=channel).delete()
