"""Tables of channels and of messages on their way there."""

from notifications.models.attempt import Attempt
from notifications.models.channel import Channel
from notifications.models.channel_change import ChannelChange
from notifications.models.delivery import Delivery
from notifications.models.flood import Flood
from notifications.models.inbox_message import InboxMessage
from notifications.models.meter import Meter
from notifications.models.tally import DeliveryTally
from notifications.models.verification import Verification

__all__ = [
    "Attempt",
    "Channel",
    "ChannelChange",
    "Delivery",
    "DeliveryTally",
    "Flood",
    "InboxMessage",
    "Meter",
    "Verification",
]
