"""Channels and messages in Django admin, a module for each noun."""

from notifications.admin.channel import ChannelAdmin
from notifications.admin.delivery import DELIVERY_COLOURS, DeliveryAdmin
from notifications.admin.inbox import InboxMessageAdmin
from notifications.admin.rows import (
    OfUsers,
    WrittenByFoam,
    failure_of,
    labelled_with_owner,
    note_failures,
    once,
    owner_link,
)

__all__ = [
    "DELIVERY_COLOURS",
    "ChannelAdmin",
    "DeliveryAdmin",
    "InboxMessageAdmin",
    "OfUsers",
    "WrittenByFoam",
    "failure_of",
    "labelled_with_owner",
    "note_failures",
    "once",
    "owner_link",
]
