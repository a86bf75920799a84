"""Channels and messages in Django admin, a module for each noun."""

from notifications.admin.base import (
    OfUsers,
    WrittenByFoam,
    failure_of,
    labelled_with_owner,
    note_failures,
    once,
    owner_link,
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
    "failure_of",
    "labelled_with_owner",
    "note_failures",
    "once",
    "owner_link",
]
