"""SMTP with pipelining (RFC 2920): one connection, one round trip per letter.

A letter's envelope (MAIL, RCPT, DATA) goes out in one write with the text of the letter before it.
The server answers each command in order; every answer is read before the next text is sent, so
that none can be taken for another letter's. A server without pipelining gets the same commands
one at a time. Whether a letter is taken is known from one answer only, the one to its text: a
letter whose text has gone out and whose answer never came may have been taken, and is not sent
again here.
"""

import smtplib
import ssl
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from socket import socket
from typing import Any, NoReturn

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

from notifications.transports.base import Fault, TransportError
from notifications.transports.mail.mime import Letter, one_line
from notifications.transports.mail.smtp_replies import Reply, fault_of

CRLF = b"\r\n"
# The server takes its leave: what it was just told it has not taken, and may be told again.
BYE = 421
TAKEN = 250
# What lets a command's transaction go on. RSET only tidies up: its answer does not matter.
GOOD = {"MAIL": {250}, "RCPT": {250, 251}, "DATA": {354}}
# A letter is given up after this many times EMAIL_TIMEOUT, however slowly answers trickle in.
PATIENCE = 2
LONGEST_REPLY = 64 * 1024
# Ways to log in, the best first: the password itself only over TLS, where that can be chosen.
MECHANISMS = {
    True: ("PLAIN", "LOGIN", "CRAM-MD5"),
    False: ("CRAM-MD5", "PLAIN", "LOGIN"),
}
# What the server says of a mechanism that it does not take (RFC 4954, 4 and 6).
NOT_OFFERED = {500, 501, 502, 504, 534, 538}
# Name or password are wrong (RFC 4954, 6): another mechanism would only be another bad login.
WRONG_PASSWORD = 535

FAILURES = (smtplib.SMTPException, OSError)


class Session:
    """Letters on their way to the mail server, over a connection that is replaced when it is lost.

    When two fresh connections in a row are of no use the server is taken to be down: the rest of
    the letters fail at once instead of waiting for one timeout after another.
    """

    USELESS = 2

    def __init__(self, patience: float | None = None) -> None:
        self._patience = patience or PATIENCE * settings.EMAIL_TIMEOUT
        self._letters: Iterator[Letter] = iter(())
        self._ahead: Letter | None = None
        self._connection: Connection | None = None
        self._is_fresh = True
        self._useless = 0
        self._last_failure = TransportError("")
        self._give_up_at = 0.0

    def send(self, letters: Iterator[Letter]) -> Generator[TransportError | None]:
        """Yield, for each letter in turn, None once the server has taken it, or why it has not.

        A letter is asked for at the moment at which it can be begun.
        """
        self._letters = letters
        try:
            while letter := self._following():
                self._ahead = None
                yield self._outcome(letter)
        finally:
            self._close()

    def _following(self) -> Letter | None:
        if self._ahead is None:
            self._ahead = next(self._letters, None)
        return self._ahead

    def _outcome(self, letter: Letter) -> TransportError | None:
        if self._useless >= self.USELESS:
            return self._last_failure
        self._give_up_at = time.monotonic() + self._patience
        try:
            return self._deliver(letter)
        except TransportError as failure:
            return failure

    def _deliver(self, letter: Letter) -> TransportError | None:
        try:
            return self._try(letter)
        except _Dropped:
            # Many servers take so many messages on a connection and no more.
            return self._try(letter)

    def _try(self, letter: Letter) -> TransportError | None:
        connection = self._connection or self._open()
        connection.wire.give_up_at = self._give_up_at
        try:
            refusal = connection.deliver(letter, self._following)
        except FAILURES as error:
            self._broken(connection, error)
        if connection.is_broken:
            self._close()
        self._is_fresh = False
        self._useless = 0
        return _refused(refusal) if refusal else None

    def _open(self) -> "Connection":
        backend = _Backend(self._give_up_at)
        try:
            wire = backend.wire()
        except FAILURES as error:
            with suppress(*FAILURES):
                backend.close()
            self._fail(_not_opened(error))
        self._is_fresh = True
        self._connection = Connection(wire)
        return self._connection

    def _broken(self, connection: "Connection", error: Exception) -> NoReturn:
        """Give up this connection; one that had worked and did not keep us waiting is replaced."""
        is_uncertain = connection.awaits_verdict and not isinstance(error, _Bye)
        is_used_up = not self._is_fresh and not _is_timeout(error)
        self._close()
        detail = f"The mail server broke the connection: {_words(error)}"
        failure = TransportError(detail, uncertain=is_uncertain, fault=Fault.PASSING)
        if not is_used_up:
            self._fail(failure)
        if is_uncertain:
            raise failure
        raise _Dropped

    def _fail(self, failure: TransportError) -> NoReturn:
        """Raise a failure of a fresh connection; what follows may have to share its reason."""
        # A login that is refused is not tried again: servers ban who guesses.
        self._useless = self.USELESS if failure.login else self._useless + 1
        self._last_failure = TransportError(failure.detail, fault=failure.fault)
        raise failure

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


class Connection:
    """An open connection. `is_broken`: of no more use. `awaits_verdict`: a text has gone out."""

    def __init__(self, wire: "Wire") -> None:
        self.wire = wire
        self.is_broken = False
        self.awaits_verdict = False
        self._pipelines = wire.has_extn("pipelining")
        self._begun: Letter | None = None
        self._commands: list[bytes] = []
        self._refusal: Reply | None = None

    def deliver(self, letter: Letter, following: Callable[[], Letter | None]) -> Reply | None:
        """Return why the server refused the letter, None when it took it; begin the next one.

        A refusal counts although the connection breaks after it; it is then `is_broken`.
        """
        beginning = b"" if self._begun is letter else self._begin(letter)
        self._refusal = None
        try:
            self._write(beginning)
            is_open = self._ask()
            self._finish(letter, is_open, following)
        except FAILURES:
            self.is_broken = True
            if self._refusal is None:
                raise
        return self._refusal

    def close(self) -> None:
        """Take leave; amid a transaction that would be taken for the text, so not then."""
        if not self.is_broken and self._begun is None:
            with suppress(*FAILURES):
                self.wire.give_up_at = time.monotonic() + settings.EMAIL_TIMEOUT
                self.wire.quit()
        self.wire.close()

    def _begin(self, letter: Letter | None) -> bytes:
        """Return what is to be written now to begin a letter."""
        self._begun = letter
        if letter is None:
            return b""
        # After a refusal the server may still be amid that transaction.
        reset = [b"RSET\r\n"] if self._refusal else []
        mail = f"MAIL FROM:<{letter.sender}>\r\n".encode("ascii")
        rcpt = f"RCPT TO:<{letter.recipient}>\r\n".encode("ascii")
        self._commands = [*reset, mail, rcpt, b"DATA\r\n"]
        return b"".join(self._commands) if self._pipelines else b""

    def _ask(self) -> bool:
        """Read the answer to each command; tell whether the server now waits for a text."""
        is_open = False
        for command in self._commands:
            if not self._pipelines:
                if self._refusal:
                    break
                self._write(command)
            verb = command[:4].decode()
            code, reply = self._reply()
            if verb == "RSET":
                continue
            if code in GOOD[verb]:
                is_open = verb == "DATA"
            else:
                self._refuse(verb, code, reply)
        self._begun = None
        return is_open

    def _finish(
        self, letter: Letter, is_open: bool, following: Callable[[], Letter | None]
    ) -> None:
        """Send the text, or the end of one when the letter is refused all the same."""
        self.awaits_verdict = is_open and self._refusal is None
        text = _dotted(letter.content) if self.awaits_verdict else b".\r\n" if is_open else b""
        self._write(text + (self._begin(following()) if self._pipelines else b""))
        if is_open:
            code, answer = self._reply()
            if code != TAKEN:
                self._refuse("text", code, answer)
            self.awaits_verdict = False

    def _refuse(self, verb: str, code: int, reply: bytes) -> None:
        """Note the first refusal; an answer that is none shows that we are out of step."""
        text = _text(reply)
        if not 400 <= code < 600:
            raise smtplib.SMTPServerDisconnected(f"an answer out of step: {code} {text}".strip())
        self._refusal = self._refusal or Reply(verb, code, text)

    def _write(self, octets: bytes) -> None:
        if octets:
            self.wire.send(octets)

    def _reply(self) -> tuple[int, bytes]:
        code, reply = self.wire.getreply()
        if code == BYE:
            raise _Bye(code, reply)
        return code, reply


class Wire(smtplib.SMTP):
    """smtplib's connection, with an end to its patience: EMAIL_TIMEOUT for each whole answer."""

    def __init__(self, *args: Any, give_up_at: float, **options: Any) -> None:
        self.give_up_at = give_up_at
        options["local_hostname"] = settings.FOAM_EHLO_NAME or options.get("local_hostname")
        super().__init__(*args, **options)

    def login(self, user: str, password: str, *, initial_response_ok: bool = True) -> Any:
        """Log in by the best mechanism that both sides know, and once.

        smtplib tries one after another with the same wrong password. Here the next one has its
        turn only where the server does not really offer the first.
        """
        self.ehlo_or_helo_if_needed()
        if not self.has_extn("auth"):
            raise smtplib.SMTPNotSupportedError("The mail server offers no login (AUTH).")
        self.user, self.password = user, password
        advertised = self.esmtp_features["auth"].upper().split()
        is_secret = isinstance(self.sock, ssl.SSLSocket)
        mechanisms = [name for name in MECHANISMS[is_secret] if name in advertised]
        for name in mechanisms:
            answer = getattr(self, "auth_" + name.lower().replace("-", "_"))
            try:
                return self.auth(name, answer, initial_response_ok=initial_response_ok)
            except smtplib.SMTPAuthenticationError as error:
                if error.smtp_code not in NOT_OFFERED or name == mechanisms[-1]:
                    raise
        raise smtplib.SMTPException("FOAM and the mail server have no way to log in in common.")

    def send(self, s: Any) -> None:
        if self.sock:
            self.sock.settimeout(_left(self._until()))
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock:
            self.file = _Lines(self.sock)
        if self.file is not None:
            self.file.expect(self._until())
        return super().getreply()

    def quit(self) -> tuple[int, bytes]:
        try:
            return super().quit()
        finally:
            self.close()

    def _until(self) -> float:
        return min(self.give_up_at, time.monotonic() + self.timeout)


class TlsWire(Wire, smtplib.SMTP_SSL):
    pass


class _Lines:
    """What smtplib reads lines from; it makes a new one after STARTTLS, which must know nothing."""

    def __init__(self, sock: socket) -> None:
        self._socket = sock
        self._unread = b""
        self._until = 0.0
        self._allowed = 0

    def expect(self, until: float) -> None:
        """Allow for one answer, until then."""
        self._until = until
        self._allowed = LONGEST_REPLY

    def readline(self, limit: int) -> bytes:
        while not (end := self._unread.find(b"\n") + 1) and len(self._unread) < limit:
            self._socket.settimeout(_left(self._until))
            read = self._socket.recv(65536)
            if not read:
                break
            self._unread += read
        line = self._unread[: end or limit]
        self._unread = self._unread[len(line) :]
        self._allowed -= len(line)
        if self._allowed < 0:
            raise OSError("an answer without end")
        return line

    def close(self) -> None:
        pass


class _Backend(EmailBackend):
    """Opens a connection as Django's settings say, TLS and login included."""

    def __init__(self, give_up_at: float) -> None:
        super().__init__()
        self._give_up_at = give_up_at

    @property
    def connection_class(self) -> Any:
        return partial(TlsWire if self.use_ssl else Wire, give_up_at=self._give_up_at)

    def wire(self) -> Wire:
        self.open()
        wire = self.connection
        assert isinstance(wire, Wire)
        wire.ehlo_or_helo_if_needed()
        return wire


class _Dropped(Exception):
    """A connection that had worked is gone."""


class _Bye(smtplib.SMTPResponseException):
    """The server takes its leave."""


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _dotted(content: bytes) -> bytes:
    """Return the text as it goes over the wire (RFC 5321, 4.5.2), with its end."""
    return (CRLF + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def _refused(reply: Reply) -> TransportError:
    fault = fault_of(reply)
    is_final = fault in (Fault.RECEIVER, Fault.MESSAGE)
    return TransportError(f"answered {reply.code}: {reply.text}", permanent=is_final, fault=fault)


def _not_opened(error: Exception) -> TransportError:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        detail = f"The mail server does not let us log in: {_answer(error)}"
        return TransportError(detail, fault=Fault.FOAM, login=error.smtp_code == WRONG_PASSWORD)
    if isinstance(error, smtplib.SMTPResponseException):
        detail = f"The mail server turned us away: {_answer(error)}"
        return TransportError(detail, fault=Fault.FOAM)
    detail = f"The mail server cannot be reached: {_words(error)}"
    return TransportError(detail, fault=Fault.PASSING)


def _answer(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code}: {_text(error.smtp_error)}"


def _text(reply: bytes | str) -> str:
    return one_line(reply.decode(errors="replace") if isinstance(reply, bytes) else reply)


def _words(error: Exception) -> str:
    if _is_timeout(error):
        return f"no answer within {settings.EMAIL_TIMEOUT} s"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answered {_answer(error)}"
    return one_line(str(getattr(error, "strerror", None) or error)) or type(error).__name__


def _is_timeout(error: Exception) -> bool:
    """Look behind smtplib's SMTPServerDisconnected, too."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
