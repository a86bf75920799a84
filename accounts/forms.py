from django import forms
from django.core.exceptions import ValidationError

from accounts.digits import PlainDigits


class StoringForm(PlainDigits, forms.ModelForm):
    """A form that saves through the function that every face calls: its refusals are form errors.

    The admin checks and saves in one transaction; storing is the last check.
    """

    def store(self) -> None:
        raise NotImplementedError

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            self.store()
        except ValidationError as error:
            self._update_errors(error)  # type: ignore[attr-defined]
