"""Descriptions of the field types of the API: durations, leads, wall-clock times and times of day.

drf-spectacular registers each class by itself when this module is imported.
"""

from typing import Any, ClassVar

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers


class IsoDurationSchema(OpenApiSerializerFieldExtension):
    target_class = "accounts.api.base.IsoDuration"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        pattern = _duration_pattern()
        return {"type": "string", "pattern": pattern, "examples": ["PT5M", "P1DT12H"]}


class LeadSchema(OpenApiSerializerFieldExtension):
    target_class = "reminders.api.fields.LeadDuration"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        pattern = _duration_pattern(time_sign="-?")
        return {"type": "string", "pattern": pattern, "examples": ["PT15M", "P1D", "PT24H"]}


def _duration_pattern(time_sign: str = "") -> str:
    """Return the pattern of durations: at least one number, each with its unit."""
    weeks, days = "[0-9]{1,9}W", "[0-9]{1,9}D"
    hours, minutes, seconds = (f"{time_sign}[0-9]{{1,9}}{unit}" for unit in "HMS")
    time = f"T({hours}({minutes})?({seconds})?|{minutes}({seconds})?|{seconds})"
    return f"^P({weeks}({days})?({time})?|{days}({time})?|{time})$"


class WallClockSchema(OpenApiSerializerFieldExtension):
    target_class = "reminders.api.fields.WallClockTime"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        # A pattern, as the format `date-time` needs an offset.
        offset = "" if direction == "response" else "([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?"
        pattern = f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}{offset}$"
        return {"type": "string", "pattern": pattern, "examples": ["2026-11-23T18:00:00"]}


class TimeSchema(OpenApiSerializerFieldExtension):
    target_class = serializers.TimeField
    match_subclasses: ClassVar = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        # A pattern, as the format `time` needs an offset.
        pattern = "^[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?$"
        return {"type": "string", "pattern": pattern, "examples": ["22:00:00"]}
