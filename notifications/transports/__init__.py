"""One module per kind of channel. A new kind is one file, one line here, and one test file."""

from functools import cache

from django.utils.module_loading import import_string

from notifications.transports.base import Fault, Message, SendOutcome, Transport, TransportError

__all__ = [
    "TRANSPORTS",
    "Fault",
    "Message",
    "SendOutcome",
    "Transport",
    "TransportError",
    "transport",
]

# In the order in which a round polls them: kinds that cannot hang come first.
TRANSPORTS = {
    "inbox": "notifications.transports.inbox.InboxTransport",
    "webhook": "notifications.transports.webhook.WebhookTransport",
    "email": "notifications.transports.email.EmailTransport",
    "apprise": "notifications.transports.apprise.AppriseTransport",
    "null": "notifications.transports.null.NullTransport",
}


@cache
def transport(kind: str) -> Transport:
    """Return the transport for channels of this kind; KeyError when there is none."""
    return import_string(TRANSPORTS[kind])()
