"""Durations in models and forms: what they allow, and how they are typed and shown."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible

from accounts.durations import HINT, DurationError, form_parts, iso_duration


@deconstructible
class DurationRange:
    """Refuses durations out of a range, and says the range as durations are written."""

    def __init__(self, least: timedelta, most: timedelta) -> None:
        self.least = least
        self.most = most

    def __call__(self, value: timedelta) -> None:
        if not self.least <= value <= self.most:
            raise ValidationError(str(self), code="range")

    def __str__(self) -> str:
        return f"Give a duration from {iso_duration(self.least)} to {iso_duration(self.most)}."

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DurationRange):
            return NotImplemented
        return (self.least, self.most) == (other.least, other.most)

    __hash__ = None  # type: ignore[assignment]


class DurationFormField(forms.DurationField):
    """A duration as ISO 8601 writes it; `1 12:00:00`, as Django does, is read too."""

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
