"""Fields of the API for wall-clock times, leads and channels."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, cast

from rest_framework import serializers
from rest_framework.relations import MANY_RELATION_KWARGS

from accounts.api.base import IsoDuration
from accounts.durations import DurationError
from accounts.instants import OUT_OF_RANGE, OutOfRange, parse_time
from notifications.api.serializers import own_channels
from reminders.recurrence import Lead


class WallClockTime(serializers.DateTimeField):
    """A wall-clock time, or an instant that is converted to the reminder's zone."""

    input_kind = "wall"
    default_error_messages: ClassVar = {
        "invalid": "Give a date and time, such as 2026-11-23T18:00:00.",
        "out_of_range": OUT_OF_RANGE,
    }

    def to_internal_value(self, value: Any) -> datetime:
        if isinstance(value, datetime):
            return value.replace(microsecond=0)
        try:
            return parse_time(value).replace(microsecond=0)
        except OutOfRange:
            self.fail("out_of_range")
        except ValueError:
            self.fail("invalid")

    def to_representation(self, value: Any) -> Any:
        return value.isoformat()


class LeadDuration(IsoDuration):
    """A lead: P1D is the same time on the day before, PT24H is 24 hours earlier."""

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str):
            self.fail("invalid")
        try:
            return Lead.read(value)
        except DurationError:
            self.fail("invalid")

    def to_representation(self, value: Any) -> str:
        return str(Lead.of(value))


class OwnChannelList(serializers.ManyRelatedField):
    """A list of the user's own channels, read in one query."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, list):
            by_id = cast("dict[str, Any]", self.context).setdefault("channels", {})
            if unread := valid_ids(pk for pk in data if type(pk) is int and pk not in by_id):
                by_id.update(own_channels(self.context.get("request")).in_bulk(unread))
        return super().to_internal_value(data)


class OwnChannel(serializers.PrimaryKeyRelatedField):
    """A channel of the user. Takes those in the context's `channels` without a query."""

    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> OwnChannelList:
        options = {name: value for name, value in kwargs.items() if name in MANY_RELATION_KWARGS}
        return OwnChannelList(child_relation=cls(), **options)

    def get_queryset(self) -> Any:
        return own_channels(self.context.get("request"))

    def to_internal_value(self, data: Any) -> Any:
        by_id = self.context.get("channels", {})
        if type(data) is int and data in by_id:
            return by_id[data]
        return super().to_internal_value(data)


def valid_ids(ids: Iterable[int]) -> list[int]:
    """Drop numbers out of the range of bigint, for which PostgreSQL would raise an error."""
    return [pk for pk in ids if 0 < pk < 2**63]
