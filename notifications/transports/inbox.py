"""The in-app inbox: a row that the user reads in FOAM itself. Needs no setting up."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.core.exceptions import ValidationError

from notifications.models import InboxMessage
from notifications.transports.base import DirectSender, Message, Outcome, Sender, Transport


class InboxTransport(Transport):
    label = "In-app inbox"

    def clean(self, address: str, secret: str) -> tuple[str, str]:
        if address:
            raise ValidationError({"address": "The inbox has no address: leave this empty."})
        if secret:
            raise ValidationError({"secret": "The inbox has no secret: leave this empty."})
        return "", ""

    def in_time(self, seconds: float) -> Transport:
        return self

    def sender(self) -> Sender:
        return DirectSender(self)

    def send_many(self, messages: Sequence[Message], deadline: float) -> Iterator[Outcome | None]:
        started = time.monotonic()
        InboxMessage.objects.bulk_create(
            [
                InboxMessage(
                    channel_id=message.channel_id,
                    message_id=message.id,
                    reference=message.reference,
                    title=message.title,
                    body=message.body,
                    due_at=message.due_at,
                )
                for message in messages
            ],
            ignore_conflicts=True,
        )
        latency = timedelta(seconds=time.monotonic() - started)
        for message in messages:
            yield Outcome(message, latency, "stored")
