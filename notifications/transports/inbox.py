"""The in-app inbox: stores each message as a row, which the user reads in FOAM."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.core.exceptions import ValidationError

from notifications.sql import bulk_cursor
from notifications.transports.base import DirectSender, Message, Sender, SendOutcome, Transport

# FOR SHARE waits for an inbox that is being deleted, and then stores nothing in it.
INSERT_MESSAGES = """
INSERT INTO notifications_inboxmessage (channel_id, message_id, reference, title, body, due_at,
    received_at)
SELECT c.id, m.id, m.reference, m.title, m.body, m.due_at, statement_timestamp()
FROM unnest(%(channels)b::bigint[], %(ids)b::text[], %(references)b::text[], %(titles)b::text[],
    %(bodies)b::text[], %(dues)b::timestamptz[])
    AS m(channel_id, id, reference, title, body, due_at)
JOIN notifications_channel c ON c.id = m.channel_id
WHERE c.deleted_at IS NULL
FOR SHARE OF c
ON CONFLICT (message_id) DO NOTHING
"""


class InboxTransport(Transport):
    label = "In-app inbox"

    def clean(
        self, address: str, secret: str, *, may_reach_private: bool = True
    ) -> tuple[str, str]:
        if address:
            raise ValidationError({"address": "The inbox has no address: leave this empty."})
        if secret:
            raise ValidationError({"secret": "The inbox has no secret: leave this empty."})
        return "", ""

    def in_time(self, seconds: float) -> Transport:
        return self

    def sender(self) -> Sender:
        return DirectSender(self)

    def send_many(
        self, messages: Sequence[Message], deadline: float
    ) -> Iterator[SendOutcome | None]:
        started = time.monotonic()
        with bulk_cursor() as cursor:
            cursor.execute(
                INSERT_MESSAGES,
                {
                    "channels": [message.channel_id for message in messages],
                    "ids": [message.id for message in messages],
                    "references": [message.reference for message in messages],
                    "titles": [message.title for message in messages],
                    "bodies": [message.body for message in messages],
                    "dues": [message.due_at for message in messages],
                },
            )
        latency = timedelta(seconds=time.monotonic() - started)
        for message in messages:
            yield SendOutcome(message, latency, "stored")
