"""Forms of allauth with FOAM's rules: a change of password, and the code that enrols an app."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm
from allauth.account.internal import flows
from allauth.headless.account.inputs import ChangePasswordInput
from allauth.mfa.adapter import get_adapter as get_factor_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import TOTP
from django import forms
from django.contrib.auth.hashers import make_password

from accounts.sign_in.adapters import KEEP, TOKENS_FIELD

END = "end"
CHOICES = [
    (END, "End my API tokens and calendar addresses"),
    (KEEP, "Keep my API tokens and calendar addresses"),
]


class PasswordForm(ChangePasswordForm):
    """Asks for the old and the new password, and whether tokens end with the old one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[TOKENS_FIELD] = forms.ChoiceField(
            label="Programs and calendars",
            choices=CHOICES,
            initial=END,
            required=False,
            widget=forms.RadioSelect,
            help_text="Other sessions end in any case.",
        )

    def clean_oldpassword(self) -> str:
        return checked_password(self.user, self.cleaned_data.get("oldpassword", ""))


def checked_password(user: Any, password: str) -> str:
    """Return the password if it is that of the user. A wrong one counts as a failed sign-in."""
    adapter = get_adapter()
    if not adapter.reauthenticate(user, password):
        raise adapter.validation_error("enter_current_password")
    return password


def _clean_current_password(form: Any) -> str:
    password: str = form.cleaned_data["current_password"]
    return checked_password(form.user, password) if password else password


_clean_code = ActivateTOTPForm.clean_code


def _clean_code_once(form: Any) -> str:
    """Check the code that enrols an app, and mark it as used, so that it signs in no more."""
    code = _clean_code(form)
    totp = TOTP(Authenticator(user=form.user, type=Authenticator.Type.TOTP))
    if not totp._mark_code_used(code):
        raise get_factor_adapter().validation_error("incorrect_code")
    return code


_prevent_enumeration = flows.signup.prevent_enumeration


def _prevent_enumeration_by_time(*args: Any, **kwargs: Any) -> Any:
    """Answer a sign-up with a known address after the time that hashing a password takes."""
    make_password("an address that has an account")
    return _prevent_enumeration(*args, **kwargs)


def install() -> None:
    """Put these rules into allauth's forms of pages and programs, where it has no setting."""
    ChangePasswordInput.clean_current_password = _clean_current_password
    ActivateTOTPForm.clean_code = _clean_code_once
    flows.signup.prevent_enumeration = _prevent_enumeration_by_time
