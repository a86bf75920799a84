"""E-mail over the SMTP server that the operator names in EMAIL_URL."""

import re
import smtplib
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta
from typing import Any, NoReturn
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.validators import validate_email

from notifications.transports.base import (
    Message,
    Outcome,
    Transport,
    TransportError,
    internal_error,
)

# RFC 5321, 4.5.3.1.3, less the angle brackets.
LONGEST_ADDRESS = 254
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
# The server takes its leave: what it was just told it has not taken, and may be told again.
BYE = 421


class EmailTransport(Transport):
    """Sends plain text, one message after another over one connection."""

    label = "E-mail"

    def unavailable(self) -> str:
        return "" if settings.EMAIL_URL else "E-mail is not set up on this server: set EMAIL_URL."

    def clean(self, address: str, secret: str) -> tuple[str, str]:
        if secret:
            raise ValidationError({"secret": "E-mail has no secret: leave this empty."})
        try:
            return _clean_address(address.strip()), ""
        except (ValidationError, UnicodeError):
            why = "Enter an e-mail address, such as ada@example.com."
            raise ValidationError({"address": why}) from None

    def send_many(self, messages: Sequence[Message], deadline: float) -> Iterator[Outcome | None]:
        session = Session()
        try:
            for message in messages:
                if time.monotonic() >= deadline:
                    return
                yield _attempt(session, message)
        finally:
            session.close()


def _attempt(session: "Session", message: Message) -> Outcome:
    began = time.monotonic()
    error = None
    try:
        session.send(compose(message))
    except TransportError as failure:
        error = failure
    except Exception as bug:
        error = internal_error(bug, message.delivery_id)
    latency = timedelta(seconds=time.monotonic() - began)
    return Outcome(message, latency, "" if error else "accepted by the mail server", error)


class Session:
    """One connection to the mail server, opened when needed and again when the server drops it.

    When two fresh connections in a row are of no use the server is taken to be down: the rest of
    the batch fails at once instead of waiting for one timeout after another.
    """

    USELESS = 2

    def __init__(self) -> None:
        self._backend: Any = None
        self._is_fresh = True
        self._useless = 0
        self._last_failure = ""

    def send(self, email: EmailMessage) -> None:
        """Hand one message to the server; raise TransportError when it does not take it."""
        if self._useless >= self.USELESS:
            raise TransportError(self._last_failure)
        try:
            self._send(email)
        except _Dropped:
            # Many servers take so many messages on a connection and no more.
            self._send(email)

    def _send(self, email: EmailMessage) -> None:
        try:
            if self._backend is None:
                self._open()
            self._backend.send_messages([email])
        except smtplib.SMTPException as error:
            self._refused(error)
        except OSError as error:
            self._broken(error)
        self._works()

    def _open(self) -> None:
        self._backend = get_connection()
        try:
            self._backend.open()
        except smtplib.SMTPAuthenticationError as error:
            self._fail(f"The mail server does not let us log in: {_reply(error)}")
        except smtplib.SMTPResponseException as error:
            self._fail(f"The mail server turned us away: {_reply(error)}")
        except (smtplib.SMTPException, OSError) as error:
            self._fail(f"The mail server cannot be reached: {_words(error)}")
        self._is_fresh = True

    def _refused(self, error: smtplib.SMTPException) -> NoReturn:
        """Tell what a reply means; only one about this recipient or this text is final."""
        code, text = _code(error)
        if code in {0, BYE}:
            self._broken(error)
        self._works()
        is_ours = isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError)
        raise TransportError(f"answered {code}: {text}", permanent=is_ours and code >= 500)

    def _broken(self, error: Exception) -> NoReturn:
        """Give up this connection; one that had worked and did not keep us waiting is replaced."""
        if not self._is_fresh and not _is_timeout(error):
            self.close()
            raise _Dropped
        self._fail(f"The mail server broke the connection: {_words(error)}")

    def _works(self) -> None:
        self._is_fresh = False
        self._useless = 0

    def _fail(self, detail: str) -> NoReturn:
        self.close()
        self._useless += 1
        self._last_failure = detail
        raise TransportError(detail)

    def close(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.fail_silently = True
            backend.close()


class _Dropped(Exception):
    """A connection that had worked is gone."""


def _code(error: smtplib.SMTPException) -> tuple[int, str]:
    """Return the server's reply; code 0 when there is none."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return code, _text(text)
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code, _text(error.smtp_error)
    return 0, _words(error)


def _reply(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code}: {_text(error.smtp_error)}"


def _text(reply: bytes | str) -> str:
    return one_line(reply.decode(errors="replace") if isinstance(reply, bytes) else reply)


def _words(error: Exception) -> str:
    if _is_timeout(error):
        return f"no answer within {settings.EMAIL_TIMEOUT} s"
    return one_line(str(getattr(error, "strerror", None) or error)) or type(error).__name__


def _is_timeout(error: Exception) -> bool:
    """Look behind smtplib's SMTPServerDisconnected, too."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def one_line(text: str) -> str:
    return " ".join(CONTROLS.sub(" ", text).split())


def compose(message: Message) -> EmailMessage:
    """Write the e-mail. Its Message-ID is the same at each attempt, so a receiver can drop one."""
    title = one_line(message.title)
    return EmailMessage(
        subject=title,
        body="\n\n".join(part for part in (title, message.body.strip(), _when(message)) if part),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[message.address],
        headers={
            "Message-ID": f"<{message.id}@{urlsplit(settings.FOAM_BASE_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )


def _when(message: Message) -> str:
    due_at = message.due_at.astimezone(UTC)
    in_words = f"{due_at:%A} {due_at.day} {due_at:%B %Y, %H:%M} UTC ({due_at:%Y-%m-%dT%H:%M:%SZ})"
    due = message.data.get("due_text") or in_words
    schedule = message.data.get("schedule_text")
    return f"Due: {due}\nSchedule: {schedule}" if schedule else f"Due: {due}"


def _clean_address(address: str) -> str:
    validate_email(address)
    local, _, domain = address.rpartition("@")
    cleaned = f"{local}@{domain.encode('idna').decode('ascii').lower()}"
    if len(cleaned) > LONGEST_ADDRESS or domain.startswith("["):
        raise ValidationError("Too long, or an address literal.")
    return cleaned
