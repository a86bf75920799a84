"""SMTP with pipelining (RFC 2920): one connection, one round trip per letter.

A letter's envelope (MAIL, RCPT, DATA) goes out in one write with the text of the letter before it.
The server answers the commands in order, and every answer is read before the next text is sent, so
that an answer cannot be assigned to the wrong letter. A server without pipelining gets the same
commands one at a time. Only the answer to its text says whether a letter was accepted: without that
answer the letter may have been accepted, and is not sent again here.
"""

import smtplib
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

from notifications.transports.base import Fault, TransportError
from notifications.transports.mail.mime import Letter, one_line
from notifications.transports.mail.smtp_replies import SmtpReply, fault_of
from notifications.transports.mail.smtp_wire import SmtpWire, TlsWire

CRLF = b"\r\n"
# The server closes the connection: it has ignored the last command, which may be repeated.
CLOSING = 421
ACCEPTED = 250
# The answers after which the transaction continues. The answer to RSET does not matter.
EXPECTED = {"MAIL": {250}, "RCPT": {250, 251}, "DATA": {354}}
# A letter is given up after this many times EMAIL_TIMEOUT, even if answers keep trickling in.
TIMEOUT_FACTOR = 2
# Name or password are wrong (RFC 4954, 6).
WRONG_PASSWORD = 535

FAILURES = (smtplib.SMTPException, OSError)


class Session:
    """Sends letters to the mail server, and replaces a lost connection.

    After `USELESS` new connections in a row without success the server is considered down: the
    other letters fail at once, instead of waiting for one timeout each.
    """

    USELESS = 2

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = timeout or TIMEOUT_FACTOR * settings.EMAIL_TIMEOUT
        self._letters: Iterator[Letter] = iter(())
        self._ahead: Letter | None = None
        self._connection: SmtpConnection | None = None
        self._is_fresh = True
        self._useless = 0
        self._last_failure = TransportError("")
        self._give_up_at = 0.0

    def send(self, letters: Iterator[Letter]) -> Generator[TransportError | None]:
        """Yield for each letter None when the server has accepted it, or the error.

        `letters` is advanced only when the next letter can be started.
        """
        self._letters = letters
        try:
            while letter := self._next_letter():
                self._ahead = None
                yield self._result_of(letter)
        finally:
            self._close()

    def _next_letter(self) -> Letter | None:
        if self._ahead is None:
            self._ahead = next(self._letters, None)
        return self._ahead

    def _result_of(self, letter: Letter) -> TransportError | None:
        if self._useless >= self.USELESS:
            return self._last_failure
        self._give_up_at = time.monotonic() + self._timeout
        try:
            return self._deliver(letter)
        except TransportError as failure:
            return failure

    def _deliver(self, letter: Letter) -> TransportError | None:
        try:
            return self._try(letter)
        except _ConnectionDropped:
            # Many servers limit the number of messages of a connection.
            return self._try(letter)

    def _try(self, letter: Letter) -> TransportError | None:
        connection = self._connection or self._open()
        connection.wire.give_up_at = self._give_up_at
        try:
            refusal = connection.deliver(letter, self._next_letter)
        except FAILURES as error:
            self._handle_broken(connection, error)
        if connection.is_broken:
            self._close()
        self._is_fresh = False
        self._useless = 0
        return _refusal_error(refusal) if refusal else None

    def _open(self) -> "SmtpConnection":
        backend = _Backend(self._give_up_at)
        try:
            wire = backend.wire()
        except FAILURES as error:
            with suppress(*FAILURES):
                backend.close()
            self._fail(_connect_error(error))
        self._is_fresh = True
        self._connection = SmtpConnection(wire)
        return self._connection

    def _handle_broken(self, connection: "SmtpConnection", error: Exception) -> NoReturn:
        """Close a broken connection; _ConnectionDropped if it had worked and did not time out."""
        is_uncertain = connection.awaits_verdict and not isinstance(error, _ClosingReply)
        is_used_up = not self._is_fresh and not _is_timeout(error)
        self._close()
        detail = f"The mail server broke the connection: {_error_text(error)}"
        failure = TransportError(detail, uncertain=is_uncertain, fault=Fault.PASSING)
        if not is_used_up:
            self._fail(failure)
        if is_uncertain:
            raise failure
        raise _ConnectionDropped

    def _fail(self, failure: TransportError) -> NoReturn:
        """Raise the failure of a new connection, which the other letters may share."""
        # A refused login is not repeated, as servers ban a client that guesses.
        self._useless = self.USELESS if failure.login else self._useless + 1
        self._last_failure = TransportError(failure.detail, fault=failure.fault)
        raise failure

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


class SmtpConnection:
    """An open connection. `is_broken`: unusable. `awaits_verdict`: a text was sent."""

    def __init__(self, wire: "SmtpWire") -> None:
        self.wire = wire
        self.is_broken = False
        self.awaits_verdict = False
        self._pipelines = wire.has_extn("pipelining")
        self._started: Letter | None = None
        self._commands: list[bytes] = []
        self._refusal: SmtpReply | None = None

    def deliver(self, letter: Letter, following: Callable[[], Letter | None]) -> SmtpReply | None:
        """Send a letter and begin the next one; return the refusal, or None if it was accepted.

        A refusal counts even if the connection breaks after it; it is then `is_broken`.
        """
        beginning = b"" if self._started is letter else self._begin(letter)
        self._refusal = None
        try:
            self._write(beginning)
            is_open = self._read_answers()
            self._send_text(letter, is_open, following)
        except FAILURES:
            self.is_broken = True
            if self._refusal is None:
                raise
        return self._refusal

    def close(self) -> None:
        """Close the connection, with QUIT unless a transaction is open: there it would be text."""
        if not self.is_broken and self._started is None:
            with suppress(*FAILURES):
                self.wire.give_up_at = time.monotonic() + settings.EMAIL_TIMEOUT
                self.wire.quit()
        self.wire.close()

    def _begin(self, letter: Letter | None) -> bytes:
        """Return the commands to write now to begin a letter; none without pipelining."""
        self._started = letter
        if letter is None:
            return b""
        # After a refusal the server may still have that transaction open.
        reset = [b"RSET\r\n"] if self._refusal else []
        mail = f"MAIL FROM:<{letter.sender}>\r\n".encode("ascii")
        rcpt = f"RCPT TO:<{letter.recipient}>\r\n".encode("ascii")
        self._commands = [*reset, mail, rcpt, b"DATA\r\n"]
        return b"".join(self._commands) if self._pipelines else b""

    def _read_answers(self) -> bool:
        """Read the answer to each command; return whether the server now waits for a text."""
        is_open = False
        for command in self._commands:
            if not self._pipelines:
                if self._refusal:
                    break
                self._write(command)
            verb = command[:4].decode()
            code, reply = self._read_reply()
            if verb == "RSET":
                continue
            if code in EXPECTED[verb]:
                is_open = verb == "DATA"
            else:
                self._refuse(verb, code, reply)
        self._started = None
        return is_open

    def _send_text(
        self, letter: Letter, is_open: bool, following: Callable[[], Letter | None]
    ) -> None:
        """Send the text and read its answer; send an empty text if the letter was refused."""
        self.awaits_verdict = is_open and self._refusal is None
        text = _dotted(letter.content) if self.awaits_verdict else b".\r\n" if is_open else b""
        self._write(text + (self._begin(following()) if self._pipelines else b""))
        if is_open:
            code, answer = self._read_reply()
            if code != ACCEPTED:
                self._refuse("text", code, answer)
            self.awaits_verdict = False

    def _refuse(self, verb: str, code: int, reply: bytes) -> None:
        """Store the first refusal; any other answer shows that the answers are out of step."""
        text = _reply_text(reply)
        if not 400 <= code < 600:
            raise smtplib.SMTPServerDisconnected(f"an answer out of step: {code} {text}".strip())
        self._refusal = self._refusal or SmtpReply(verb, code, text)

    def _write(self, octets: bytes) -> None:
        if octets:
            self.wire.send(octets)

    def _read_reply(self) -> tuple[int, bytes]:
        code, reply = self.wire.getreply()
        if code == CLOSING:
            raise _ClosingReply(code, reply)
        return code, reply


class _Backend(EmailBackend):
    """Opens a connection by Django's settings, with TLS and login."""

    def __init__(self, give_up_at: float) -> None:
        super().__init__()
        self._give_up_at = give_up_at

    @property
    def connection_class(self) -> Any:
        return partial(TlsWire if self.use_ssl else SmtpWire, give_up_at=self._give_up_at)

    def wire(self) -> SmtpWire:
        self.open()
        wire = self.connection
        assert isinstance(wire, SmtpWire)  # noqa: S101  for the type checker
        wire.ehlo_or_helo_if_needed()
        return wire


class _ConnectionDropped(Exception):
    """A connection that had worked was closed."""


class _ClosingReply(smtplib.SMTPResponseException):
    """The server closes the connection (421)."""


def _dotted(content: bytes) -> bytes:
    """Return the text with its dots doubled and its end mark (RFC 5321, 4.5.2)."""
    return (CRLF + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def _refusal_error(reply: SmtpReply) -> TransportError:
    fault = fault_of(reply)
    is_final = fault in (Fault.RECEIVER, Fault.MESSAGE)
    return TransportError(f"answered {reply.code}: {reply.text}", permanent=is_final, fault=fault)


def _connect_error(error: Exception) -> TransportError:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        detail = f"The mail server does not let us log in: {_code_and_text(error)}"
        return TransportError(detail, fault=Fault.FOAM, login=error.smtp_code == WRONG_PASSWORD)
    if isinstance(error, smtplib.SMTPResponseException):
        detail = f"The mail server turned us away: {_code_and_text(error)}"
        return TransportError(detail, fault=Fault.FOAM)
    detail = f"The mail server cannot be reached: {_error_text(error)}"
    return TransportError(detail, fault=Fault.PASSING)


def _code_and_text(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code}: {_reply_text(error.smtp_error)}"


def _reply_text(reply: bytes | str) -> str:
    return one_line(reply.decode(errors="replace") if isinstance(reply, bytes) else reply)


def _error_text(error: Exception) -> str:
    if _is_timeout(error):
        return f"no answer within {settings.EMAIL_TIMEOUT} s"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answered {_code_and_text(error)}"
    return one_line(str(getattr(error, "strerror", None) or error)) or type(error).__name__


def _is_timeout(error: Exception) -> bool:
    """Tell whether an error is a timeout, also behind smtplib's SMTPServerDisconnected."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
