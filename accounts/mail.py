"""Mail about the account: whether it can be sent, and where it goes for developers."""

import logging
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

log = logging.getLogger(__name__)


def is_set_up() -> bool:
    """Tell whether a code that is sent can be read: by mail, or at a developer's terminal."""
    return bool(settings.EMAIL_URL) or not settings.PRODUCTION


class LogBackend(BaseEmailBackend):
    """For development without a mail server: each mail is a warning, which the terminal shows."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            lines = [f"To: {', '.join(message.to)}", f"Subject: {message.subject}"]
            # Without blank lines, at which the terminal takes it for ended.
            text = "\n  ".join([*lines, *filter(None, str(message.body).splitlines())])
            log.warning("a mail that is not sent, as there is no EMAIL_URL:\n  %s", text)
        return len(email_messages)
