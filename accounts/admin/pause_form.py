"""Forms of the admin's pause actions: end and reason."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.digits import PlainDigits
from accounts.instants import OutOfRange, to_utc
from accounts.models import Pause
from accounts.models.pause import check_until


class MomentInput(UnfoldAdminTextInputWidget):
    """The browser's input of a day and a time."""

    input_type = "datetime-local"


class UntilForm(PlainDigits, forms.Form):
    until = forms.DateTimeField(
        required=False,
        widget=MomentInput(),
        help_text="Leave empty to pause until you end it. At most two years.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = timezone.get_current_timezone_name()
        self.fields["until"].label = f"Until (time zone {zone})"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        try:
            if data.get("until"):
                data["until"] = to_utc(data["until"])
            check_until(data.get("until"), timezone.now())
        except OutOfRange as error:
            self.add_error("until", str(error))
        except ValidationError as error:
            self.add_error(None, error)
        return data


class UntilAndReasonForm(UntilForm):
    reason = forms.CharField(
        required=False,
        max_length=Pause._meta.get_field("reason").max_length,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Shown when FOAM explains why a reminder did not fire.",
    )
