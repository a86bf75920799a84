"""Verification of a user's e-mail address."""

from typing import Any

from allauth.account.models import EmailAddress


def mark_email_verified(user: Any) -> None:
    """Mark the user's address as verified, for an address set by staff or a command.

    It becomes the user's only address. Other users' unverified claims to it are deleted.
    """
    address = user.email.lower()
    EmailAddress.objects.filter(user=user).exclude(email=address).delete()
    EmailAddress.objects.filter(email=address, verified=False).exclude(user=user).delete()
    EmailAddress.objects.update_or_create(
        user=user, email=address, defaults={"verified": True, "primary": True}
    )
