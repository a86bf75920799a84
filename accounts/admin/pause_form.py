"""What the admin asks when something is to be paused: until when, and why."""

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
    """A day and a time, as the browser lets one choose them."""

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
        asked = super().clean() or {}
        try:
            if asked.get("until"):
                asked["until"] = to_utc(asked["until"])
            check_until(asked.get("until"), timezone.now())
        except OutOfRange as error:
            self.add_error("until", str(error))
        except ValidationError as error:
            self.add_error(None, error)
        return asked


class UntilAndReasonForm(UntilForm):
    reason = forms.CharField(
        required=False,
        max_length=Pause._meta.get_field("reason").max_length,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Shown where FOAM explains why something did not fire.",
    )
