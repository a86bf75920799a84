"""E-mail over the SMTP server that the operator names in EMAIL_URL."""

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
from notifications.transports.base import Message, Outcome, Transport, internal_error
from notifications.transports.mail import login
from notifications.transports.mail.mime import Letter, Letterhead, one_line, unsubscribe_headers
from notifications.transports.mail.rendering import not_me, texts
from notifications.transports.mail.smtp import Session

SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


class EmailTransport(Transport):
    """Sends plain text and HTML, all messages of a batch over one connection."""

    label = "E-mail"

    def __init__(self, patience: float | None = None) -> None:
        """With `patience` a letter is given up after so many seconds."""
        self._patience = patience

    def unavailable(self) -> str:
        return "" if settings.EMAIL_URL else "E-mail is not set up on this server: set EMAIL_URL."

    def paused(self, now: datetime) -> str:
        return login.pause_reason(now) if settings.EMAIL_HOST_USER else ""

    def clean(self, address: str, secret: str) -> tuple[str, str]:
        if secret:
            raise ValidationError({"secret": "E-mail has no secret: leave this empty."})
        try:
            return clean_email(address.strip(" ")), ""
        except BadAddress as error:
            raise ValidationError({"address": str(error)}) from None

    def in_time(self, seconds: float) -> Transport:
        return EmailTransport(seconds)

    def send_many(self, messages: Sequence[Message], deadline: float) -> Iterator[Outcome | None]:
        if settings.EMAIL_BACKEND != SMTP_BACKEND:
            yield from super().send_many(messages, deadline)
            return
        under_way: deque[Message] = deque()
        spoilt: list[Outcome] = []
        letters = _letters(messages, deadline, under_way, spoilt)
        began = time.monotonic()
        with closing(Session(self._patience).send(letters)) as errors:
            for error in errors:
                yield from spoilt
                spoilt.clear()
                latency = timedelta(seconds=time.monotonic() - began)
                answer = "" if error else "accepted by the mail server"
                yield Outcome(under_way.popleft(), latency, answer, error)
                began = time.monotonic()
        yield from spoilt

    def send(self, message: Message) -> str:
        """Hand a message to one of Django's backends that are not SMTP: a file, the terminal."""
        answers = links(message)
        plain, html = texts(message, answers)
        mail = EmailMultiAlternatives(
            subject=one_line(message.title),
            body=plain,
            from_email=settings.DEFAULT_FROM_EMAIL,
            to=[message.address],
            headers={
                "Message-ID": f"<{sign(message.id)}@{_host()}>",
                "Auto-Submitted": "auto-generated",
                **unsubscribe_headers(_unsubscribe(answers)),
            },
        )
        mail.attach_alternative(html, "text/html")
        mail.send()
        return f"handed to {settings.EMAIL_BACKEND}"


def _letters(
    messages: Sequence[Message],
    deadline: float,
    under_way: deque[Message],
    spoilt: list[Outcome],
) -> Iterator[Letter]:
    """Write one letter after another; a message that cannot be written costs only itself."""
    head = Letterhead(settings.DEFAULT_FROM_EMAIL, _host(), settings.FOAM_RETURN_PATH)
    for message in messages:
        if time.monotonic() >= deadline:
            return
        try:
            letter = write(head, message)
        except Exception as bug:
            error = internal_error(bug, message.delivery_id)
            spoilt.append(Outcome(message, timedelta(0), error=error))
        else:
            under_way.append(message)
            yield letter


def write(head: Letterhead, message: Message) -> Letter:
    answers = links(message)
    return head.write(
        sign(message.id),
        message.address,
        one_line(message.title),
        texts(message, answers),
        datetime.now(UTC),
        unsubscribe=_unsubscribe(answers),
    )


def _unsubscribe(answers: Sequence[Link]) -> str:
    link = not_me(answers)
    return link.url if link else ""


def _host() -> str:
    return urlsplit(settings.FOAM_BASE_URL).hostname or "localhost"
