"""The admin pages of channels, deliveries and inbox messages."""

from notifications.admin.base import (
    OfUsers,
    WrittenByFoam,
    cached_per_request,
    failure_of,
    labelled_with_owner,
    owner_link,
    read_failures,
)
from notifications.admin.channel import ChannelAdmin
from notifications.admin.delivery import DELIVERY_COLOURS, DeliveryAdmin
from notifications.admin.inbox import InboxMessageAdmin

__all__ = [
    "DELIVERY_COLOURS",
    "ChannelAdmin",
    "DeliveryAdmin",
    "InboxMessageAdmin",
    "OfUsers",
    "WrittenByFoam",
    "cached_per_request",
    "failure_of",
    "labelled_with_owner",
    "owner_link",
    "read_failures",
]
