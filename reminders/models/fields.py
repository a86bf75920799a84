"""Fields of reminders: local times without a zone, leads, and their choices and limits."""

import re
import struct
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import psycopg
from django import forms
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from psycopg.adapt import Dumper
from psycopg.pq import Format

from accounts.durations import HINT, DurationError, form_parts
from accounts.instants import parse_time
from accounts.models.duration_fields import DurationRange
from reminders.recurrence import ON_TIME, Lead

# Limits of the wait for an answer, before a nag or the escalation.
MIN_WAIT, MAX_WAIT = timedelta(minutes=1), timedelta(days=30)
# More than the longest lead: an occurrence that is later than this is of no use.
MAX_GRACE = timedelta(days=366)


def wait_validators() -> list[Any]:
    return [DurationRange(MIN_WAIT, MAX_WAIT)]


def no_lead() -> Lead:
    return ON_TIME


def no_leads() -> list[Lead]:
    return [ON_TIME]


def choices(enum: Any) -> list[tuple[str, str]]:
    return [(member.value, member.value) for member in enum]


class WallClockFormField(forms.DateTimeField):
    """A local time. Django's own field would convert it to the current time zone."""

    def prepare_value(self, value: Any) -> Any:
        return value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, datetime) or value in self.empty_values:
            return value or None
        if not str(value).isascii():
            # strptime would accept digits of any script.
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        for format in self.input_formats or ():
            try:
                return self.strptime(str(value).strip(), format)
            except ValueError:
                continue
        parsed = _parse(str(value).strip())
        if parsed is None:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return parsed


class WallClockField(models.Field):
    description = "A local date and time, without a zone"

    def db_type(self, connection: Any) -> str:
        return "timestamp without time zone"

    def to_python(self, value: Any) -> datetime | None:
        if value is None or isinstance(value, datetime):
            return value
        parsed = _parse(str(value))
        if parsed is None:
            raise ValidationError("Enter a time such as 2026-11-23T18:00:00.", code="invalid")
        return parsed

    def get_prep_value(self, value: Any) -> Any:
        return self.to_python(super().get_prep_value(value))

    def value_to_string(self, obj: models.Model) -> str:
        value: Any = self.value_from_object(obj)
        return value.isoformat() if value else ""

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": WallClockFormField, **kwargs})


def _parse(text: str) -> datetime | None:
    try:
        parsed = parse_time(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo is None else None


class LeadFormField(forms.CharField):
    """A lead in ISO 8601: P1D is the same local time on the day before, PT24H is 24 hours."""

    def prepare_value(self, value: Any) -> Any:
        return str(Lead.of(value)) if isinstance(value, Lead | timedelta) else value

    def to_python(self, value: Any) -> Any:
        return read_lead(value) if value not in self.empty_values else None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class LeadField(models.Field):
    """A lead, stored as a PostgreSQL interval, which keeps days and time apart.

    It is selected as text: psycopg would convert each day to 24 hours.
    """

    description = "A lead: days of the calendar, and time"

    def db_type(self, connection: Any) -> str:
        return "interval"

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        return f"{sql}::text", params

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Lead | None:
        return None if value is None else lead_of_interval(value)

    def to_python(self, value: Any) -> Lead | None:
        return None if value is None else read_lead(value)

    def get_prep_value(self, value: Any) -> Any:
        return self.to_python(super().get_prep_value(value))

    def value_to_string(self, obj: models.Model) -> str:
        value: Any = self.value_from_object(obj)
        return "" if value is None else str(Lead.of(value))

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": LeadFormField, **kwargs})


class LeadsField(ArrayField):
    """A list of leads, selected as text too."""

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        return f"{sql}::text[]", params


def read_lead(value: Any) -> Lead:
    """Parse a lead, also in the form that Django wrote into stored changes.

    Raises ValidationError.
    """
    if isinstance(value, Lead | timedelta):
        return Lead.of(value)
    text = str(value).strip()
    try:
        return Lead(*form_parts(text))
    except DurationError:
        raise ValidationError(HINT, code="invalid") from None


_INTERVAL = re.compile(
    r"(?:(?P<days>-?[0-9]+) days?)? ?(?P<time>(?P<sign>[-+]?)([0-9]+):([0-9]{2}):([0-9]{2}))?"
)
_ITEM = re.compile(r'[^{},"]+')


@lru_cache(maxsize=4096)
def lead_of_interval(text: str) -> Lead:
    """Parse an interval as PostgreSQL writes it: `1 day 02:00:00`."""
    match = _INTERVAL.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is no lead: it has days, and time in whole seconds")
    hours, minutes, seconds = (int(number or 0) for number in match.groups()[3:])
    time = hours * 3600 + minutes * 60 + seconds
    if not time and not int(match["days"] or 0):
        # Nearly all reminders have this lead: one object for it compares fast.
        return ON_TIME
    return Lead(int(match["days"] or 0), -time if match["sign"] == "-" else time)


@lru_cache(maxsize=4096)
def leads_of_intervals(text: str) -> tuple[Lead, ...]:
    """Parse an array of intervals as PostgreSQL writes it: `{00:00:00,"1 day"}`."""
    return tuple(map(lead_of_interval, _ITEM.findall(text)))


class LeadDumper(Dumper):
    """Write a lead as a PostgreSQL interval, in text format."""

    oid = psycopg.adapters.types["interval"].oid

    def dump(self, obj: Lead) -> bytes:
        return f"P{obj.days}DT{obj.seconds}S".encode()


class LeadBinaryDumper(LeadDumper):
    """Write a lead in the binary format: microseconds, days, months."""

    format = Format.BINARY
    pack = struct.Struct("!qii").pack

    def dump(self, obj: Lead) -> bytes:
        return self.pack(obj.seconds * 1_000_000, obj.days, 0)


# The dumper that is registered last is used for queries that request no format.
psycopg.adapters.register_dumper(Lead, LeadBinaryDumper)
psycopg.adapters.register_dumper(Lead, LeadDumper)
