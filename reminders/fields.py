"""Wall-clock time: what a clock on the wall shows, with no zone. Naive datetimes."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from accounts.instants import parse_time


class WallClockFormField(forms.DateTimeField):
    """Django's own reads a naive time as one in the current zone; this leaves it naive."""

    def prepare_value(self, value: Any) -> Any:
        return value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, datetime) or value in self.empty_values:
            return value or None
        if not str(value).isascii():
            # strptime reads the digits of every script.
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
    description = "A date and time on the wall, without a zone"

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
