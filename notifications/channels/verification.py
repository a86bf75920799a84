"""A channel is verified before it is used: who owns it shows that they can read what arrives there.

A webhook answers a challenge; elsewhere a message brings a code, and a link that does the same.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from notifications.channels import direct_send
from notifications.channels.direct_send import Words
from notifications.links import verification_codes
from notifications.links.signed_links import BadLink, ExpiredLink, Pressed
from notifications.links.views import Answer
from notifications.models import Channel, ChannelChange, Delivery, Verification
from notifications.models.channel_change import note
from notifications.outbox import outbox
from notifications.outbox.outbox import Post

TYPE = "channel.verify"
TITLE = "Confirm that FOAM may send you reminders"
LIFETIME = timedelta(minutes=30)
# At once, after 5 s and after 5 min: a mail server that greylists lets the last one in.
ATTEMPTS = 3
CHALLENGE_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request for verification led to; `detail` says it in a sentence."""

    is_verified: bool
    detail: str
    delivery_id: int | None = None


def request(channel: Channel, now: datetime) -> Asked:
    """Challenge a channel's receiver, or send a code; probe.TooMany, probe.Unusable."""
    if channel.is_verified:
        return Asked(True, "This channel is verified.")
    if channel.transport.answers_challenges:
        return _challenge(channel, now)
    return _send_code(channel, now)


def verify(channel: Channel, code: str, now: datetime) -> None:
    """Verify a channel with the code that was sent there; ValidationError({"code": why})."""
    with transaction.atomic():
        why = _why_not(channel, "".join(code.split()), now)
    # Not within: a wrong code is one of few tries, and stays counted.
    if why:
        raise ValidationError({"code": why})
    channel.refresh_from_db()


def confirm(pressed: Pressed, now: datetime) -> Channel:
    """Verify the channel whose link was pressed; again is harmless. BadLink, ExpiredLink."""
    with transaction.atomic():
        channel = _locked(pressed.channel_id)
        verification = Verification.objects.filter(channel=channel).first()
        if channel.deleted_at or not pressed.reference.startswith(verification_codes.PREFIX):
            raise BadLink("This channel is not there any more.")
        if not channel.is_verified:
            if verification is None or pressed.reference != _reference(verification):
                raise ExpiredLink("This link was replaced by a newer one.")
            if now >= verification.expires_at:
                raise ExpiredLink("This link has expired: ask for a new one.")
            _mark(channel, now)
    # As it is now: it is told by a label that says whether it is verified.
    channel.refresh_from_db()
    return channel


def describe(pressed: Pressed, now: datetime) -> Answer:
    """Tell whoever has the link of a code what they would confirm; changes nothing."""
    channel = Channel.objects.select_related("owner").get(pk=pressed.channel_id)
    if channel.is_verified and not channel.deleted_at:
        return _confirmed("Already confirmed", channel)
    text = (
        f"{channel.owner.get_username()} wants to get reminders here. If you did not expect this, "
        "close this page: nothing will be sent."
    )
    return Answer("Get reminders here?", text, [("Sent to", str(channel))], pressed.action.label)


def act(pressed: Pressed, now: datetime) -> Answer:
    """Confirm by the link of a code, and tell so."""
    return _confirmed("Confirmed", confirm(pressed, now))


def _confirmed(heading: str, channel: Channel) -> Answer:
    text = "FOAM sends reminders here from now on."
    return Answer(heading, text, [("Sent to", str(channel))])


def _challenge(channel: Channel, now: datetime) -> Asked:
    data = {"type": TYPE, "challenge": secrets.token_urlsafe(32)}
    words = Words("Verification", "Answer with the challenge to receive reminders here.", data)
    sent = direct_send.send(channel, direct_send.CHALLENGE, words, now, CHALLENGE_PATIENCE)
    with transaction.atomic():
        current = _locked(channel.pk)
        # To what it was asked of, and to nothing that it was changed to meanwhile.
        if sent.delivery.status == "sent" and current.destination == sent.destination:
            _mark(current, now)
    channel.refresh_from_db()
    pk, why = sent.delivery.pk, sent.attempt.detail if sent.attempt else "it is not known"
    if channel.is_verified:
        return Asked(True, "The receiver answered the challenge.", pk)
    return Asked(False, f"The receiver did not answer the challenge: {why}.", pk)


def _send_code(channel: Channel, now: datetime) -> Asked:
    with transaction.atomic():
        channel = direct_send.allowed(channel, now)
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
        outbox.post([post], now, max_attempts=ATTEMPTS, to_unverified=True)
        pk = Delivery.objects.values_list("pk", flat=True).get(reference=reference)
    minutes = int(LIFETIME.total_seconds()) // 60
    return Asked(False, f"A code is on its way there, and good for {minutes} minutes.", pk)


def _body(channel: Channel, now: datetime) -> str:
    return (
        f"{channel.owner.get_username()} wants to get reminders here, from FOAM at "
        f"{settings.FOAM_BASE_URL}.\n\n"
        f"The code is {verification_codes.PLACE}. It is good until {now + LIFETIME:%H:%M} UTC.\n\n"
        "If you did not expect this, do nothing: no reminders will come."
    )


def _why_not(channel: Channel, code: str, now: datetime) -> str:
    """Verify if the code is right; else count a try, and say what is wrong."""
    channel = _locked(channel.pk)
    if channel.is_verified:
        return ""
    found = Verification.objects.filter(channel=channel, expires_at__gt=now).first()
    if found is None:
        return "There is no code to compare with, or it has expired: ask for a new one."
    left = Verification.MAX_TRIES - found.tries
    if not left:
        return "Too many wrong codes: ask for a new one."
    if verification_codes.matches(_reference(found), code):
        _mark(channel, now)
        return ""
    Verification.objects.filter(channel=channel).update(tries=F("tries") + 1)
    tries = "1 try is" if left == 2 else f"{left - 1} tries are"
    return f"This is not the code of the last message: {tries} left."


def _reference(verification: Verification) -> str:
    return f"{verification_codes.PREFIX}{verification.channel_id}:{verification.nonce}"


def _locked(channel_id: int) -> Channel:
    """Return the channel, which nobody leads elsewhere until the transaction ends."""
    return Channel.objects.select_for_update(no_key=True).get(pk=channel_id)


def _mark(channel: Channel, now: datetime) -> None:
    Channel.objects.filter(pk=channel.pk).update(verified_at=now)
    note(channel.pk, ChannelChange.Verb.VERIFIED, now)
    Verification.objects.filter(channel=channel).delete()
