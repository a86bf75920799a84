"""E-mail over the SMTP server in EMAIL_URL."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives

from accounts.email_addresses import BadAddress, clean_email
from notifications.links.message_ids import sign
from notifications.links.signed_links import Link, links
from notifications.transports.base import Message, SendOutcome, Transport, internal_error
from notifications.transports.mail import login
from notifications.transports.mail.mime import Letter, Letterhead, one_line, unsubscribe_headers
from notifications.transports.mail.rendering import find_not_me, render_texts
from notifications.transports.mail.smtp import Session

SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


class EmailTransport(Transport):
    """Sends plain text and HTML, all messages of a batch over one connection."""

    label = "E-mail"

    def __init__(self, timeout: float | None = None) -> None:
        """With `timeout`, give up each letter after this number of seconds."""
        self._timeout = timeout

    def unavailable(self) -> str:
        return "" if settings.EMAIL_URL else "E-mail is not set up on this server: set EMAIL_URL."

    def paused(self, now: datetime) -> str:
        return login.pause_reason(now) if settings.EMAIL_HOST_USER else ""

    def clean(
        self, address: str, secret: str, *, may_reach_private: bool = True
    ) -> tuple[str, str]:
        if secret:
            raise ValidationError({"secret": "E-mail has no secret: leave this empty."})
        try:
            return clean_email(address.strip(" ")), ""
        except BadAddress as error:
            raise ValidationError({"address": str(error)}) from None

    def in_time(self, seconds: float) -> Transport:
        return EmailTransport(seconds)

    def send_many(
        self, messages: Sequence[Message], deadline: float
    ) -> Iterator[SendOutcome | None]:
        if settings.EMAIL_BACKEND != SMTP_BACKEND:
            yield from super().send_many(messages, deadline)
            return
        under_way: deque[Message] = deque()
        failed: list[SendOutcome] = []
        letters = _letters(messages, deadline, under_way, failed)
        began = time.monotonic()
        with closing(Session(self._timeout).send(letters)) as errors:
            for error in errors:
                yield from failed
                failed.clear()
                latency = timedelta(seconds=time.monotonic() - began)
                answer = "" if error else "accepted by the mail server"
                yield SendOutcome(under_way.popleft(), latency, answer, error)
                began = time.monotonic()
        yield from failed

    def send(self, message: Message) -> str:
        """Send a message by a Django backend other than SMTP: a file or the terminal."""
        message_links = links(message)
        plain, html = render_texts(message, message_links)
        mail = EmailMultiAlternatives(
            subject=one_line(message.title),
            body=plain,
            from_email=settings.DEFAULT_FROM_EMAIL,
            to=[message.address],
            headers={
                "Message-ID": f"<{sign(message.id)}@{_host()}>",
                "Auto-Submitted": "auto-generated",
                **unsubscribe_headers(_unsubscribe_url(message_links)),
            },
        )
        mail.attach_alternative(html, "text/html")
        mail.send()
        return f"handed to {settings.EMAIL_BACKEND}"


def _letters(
    messages: Sequence[Message],
    deadline: float,
    under_way: deque[Message],
    failed: list[SendOutcome],
) -> Iterator[Letter]:
    """Yield the letter of each message; a message that cannot be written fails alone."""
    head = Letterhead(settings.DEFAULT_FROM_EMAIL, _host(), settings.FOAM_RETURN_PATH)
    for message in messages:
        if time.monotonic() >= deadline:
            return
        try:
            letter = write_letter(head, message)
        except Exception as bug:
            error = internal_error(bug, message.delivery_id)
            failed.append(SendOutcome(message, timedelta(0), error=error))
        else:
            under_way.append(message)
            yield letter


def write_letter(head: Letterhead, message: Message) -> Letter:
    message_links = links(message)
    return head.write(
        sign(message.id),
        message.address,
        one_line(message.title),
        render_texts(message, message_links),
        datetime.now(UTC),
        unsubscribe=_unsubscribe_url(message_links),
    )


def _unsubscribe_url(message_links: Sequence[Link]) -> str:
    link = find_not_me(message_links)
    return link.url if link else ""


def _host() -> str:
    return urlsplit(settings.FOAM_BASE_URL).hostname or "localhost"
