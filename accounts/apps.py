from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin_apps
from django.core.exceptions import ValidationError
from django.core.mail.utils import DNS_NAME

from accounts import email_addresses


class AdminConfig(admin_apps.AdminConfig):
    default_site = "accounts.sign_in.admin_site.AdminSite"
    # The other configuration in this module is that of the app.
    default = False


class AccountsConfig(AppConfig):
    name = "accounts"
    default = True

    def ready(self) -> None:
        # Models can be imported from here on.
        from allauth.account.fields import EmailField  # noqa: PLC0415
        from allauth.mfa.signals import authenticator_added  # noqa: PLC0415

        # Before allauth makes an address lower case, which turns the Kelvin sign into a k.
        EmailField.default_validators = [*EmailField.default_validators, refuse_lookalikes]
        authenticator_added.connect(note_second_factor, dispatch_uid="accounts")
        if settings.FOAM_EHLO_NAME:
            # The name for EHLO of mails about accounts. Django has no setting for it.
            DNS_NAME._fqdn = settings.FOAM_EHLO_NAME


def refuse_lookalikes(email: str) -> None:
    """Refuse an address with lookalike letters, which would normalise to another user's address."""
    if email_addresses.has_lookalikes(email):
        raise ValidationError(email_addresses.NOT_ASCII)


def note_second_factor(request: Any, authenticator: Any, **kwargs: Any) -> None:
    """Record that this session has shown the second factor that it just set up."""
    from allauth.account.internal.flows.login import record_authentication  # noqa: PLC0415

    details = {"id": authenticator.pk, "type": authenticator.type}
    record_authentication(request, authenticator.user, "mfa", **details)
