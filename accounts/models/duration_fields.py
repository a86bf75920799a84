"""Durations in models and forms: a validator of their range, and a form field."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible

from accounts.durations import HINT, DurationError, form_parts, iso_duration


@deconstructible
class DurationRange:
    """Validates that a duration is in a range; the error text gives the range in ISO 8601."""

    def __init__(self, least: timedelta, most: timedelta) -> None:
        self.least = least
        self.most = most

    def __call__(self, value: timedelta) -> None:
        if not self.least <= value <= self.most:
            raise ValidationError(str(self), code="range")

    def __str__(self) -> str:
        return f"Give a duration from {iso_duration(self.least)} to {iso_duration(self.most)}."

    def __eq__(self, value: object) -> bool:
        if not isinstance(value, DurationRange):
            return NotImplemented
        return (self.least, self.most) == (value.least, value.most)

    __hash__ = None  # type: ignore[assignment]


class DurationFormField(forms.DurationField):
    """Takes a duration in ISO 8601, or in Django's notation `1 12:00:00`."""

    def prepare_value(self, value: Any) -> Any:
        return iso_duration(value) if isinstance(value, timedelta) else value

    def to_python(self, value: Any) -> timedelta | None:
        if value in self.empty_values:
            return None
        if isinstance(value, timedelta):
            return value
        text = str(value).strip()
        try:
            return timedelta(*form_parts(text))
        except (DurationError, OverflowError):
            raise ValidationError(HINT, code="invalid") from None
