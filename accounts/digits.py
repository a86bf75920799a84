"""Refusal of digits other than 0 to 9, which Python accepts in dates, times and numbers."""

from typing import Any

from django import forms

DIGITS = "Write dates, times, durations and numbers with the digits 0 to 9."
IN_DIGITS = (
    forms.DateField,
    forms.DateTimeField,
    forms.SplitDateTimeField,
    forms.TimeField,
    forms.DurationField,
    forms.IntegerField,
)


class PlainDigits(forms.BaseForm):
    """Refuses digits of other scripts in dates, times, durations and numbers."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for name, field in self.fields.items():
            prefixed = self.add_prefix(name)
            typed = field.widget.value_from_datadict(self.data, self.files, prefixed)
            if isinstance(field, IN_DIGITS) and not str(typed or "").isascii():
                self.add_error(name, DIGITS)
        return cleaned
