"""Mail about an account, which in development goes to the log."""

import logging
from collections.abc import Sequence
from smtplib import SMTPException
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

log = logging.getLogger(__name__)


def is_set_up() -> bool:
    """Whether a sent code can be read: by mail, or in development in the terminal."""
    return bool(settings.EMAIL_URL) or not settings.PRODUCTION


def tell(user: Any, subject: str, text: str) -> None:
    """Send a mail to the verified address of an account, or log that it could not be sent."""
    address = EmailAddress.objects.filter(user=user, verified=True).order_by("-primary").first()
    if address is None or not is_set_up():
        return
    send(address.email, subject, text)


def send(email: str, subject: str, text: str) -> None:
    """Send a mail about an account to an address, or log that it could not be sent."""
    if not is_set_up():
        return
    message = EmailMessage(
        " ".join(subject.split()),
        text,
        to=[email],
        headers={"Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except (OSError, SMTPException) as error:
        log.error("a mail to an account could not be sent: %s", type(error).__name__)


class LogBackend(BaseEmailBackend):
    """Logs each mail as a warning, for development without a mail server."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            lines = [f"To: {', '.join(message.to)}", f"Subject: {message.subject}"]
            # Without blank lines, at which the terminal ends a log entry.
            text = "\n  ".join([*lines, *filter(None, str(message.body).splitlines())])
            log.warning("a mail that is not sent, as there is no EMAIL_URL:\n  %s", text)
        return len(email_messages)
