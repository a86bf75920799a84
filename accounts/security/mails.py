"""Mails to the owner of an account about events that they may not have caused."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.audit.actor import Source, current_actor
from accounts.sign_in import mail

BY: dict[str, str] = {
    Source.ADMIN: "by staff, in the admin",
    Source.COMMAND: "by those who run FOAM, with a command",
    Source.API: "through the API",
    Source.ACCOUNT: "on the pages of your account",
}


def is_told_by_allauth() -> bool:
    """Tell whether allauth itself mails the owner about this change, on its own pages."""
    return current_actor().source in {Source.ACCOUNT, Source.API}


def tell_owner(email: str, subject: str, text: str) -> None:
    """Mail the owner after the commit: what was done, by which face, and what to do about it."""
    if not email:
        return
    by = BY.get(current_actor().source, "")
    at = f"{timezone.now():%-d %B %Y, %H:%M} UTC"
    body = (
        f"{text}\n\nThis was done {by + ', ' if by else ''}on {at}. Did you expect it? Then there "
        "is nothing to do. If not, change your password, look at the recent activity of your "
        f"account, and tell those who run FOAM.\n{settings.FOAM_BASE_URL}/account/\n\n"
        f"FOAM, {settings.FOAM_BASE_URL}"
    )
    transaction.on_commit(lambda: mail.send(email, f"FOAM: {subject}", body), robust=True)
