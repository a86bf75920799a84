from typing import Any

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        # Models can be imported from here on.
        from allauth.mfa.signals import authenticator_added  # noqa: PLC0415

        authenticator_added.connect(note_second_factor, dispatch_uid="accounts")


def note_second_factor(request: Any, authenticator: Any, **kwargs: Any) -> None:
    """Who has just set up a second factor has shown it in this session."""
    from allauth.account.internal.flows.login import record_authentication  # noqa: PLC0415

    about = {"id": authenticator.pk, "type": authenticator.type}
    record_authentication(request, authenticator.user, "mfa", **about)
