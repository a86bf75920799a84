"""smtplib's connection with time limits, and a login that tries a wrong password only once."""

import smtplib
import ssl
import time
from socket import socket
from typing import Any

from django.conf import settings

MAX_REPLY_BYTES = 64 * 1024
# Login mechanisms with and without TLS, the best first: CRAM-MD5 hides the password.
MECHANISMS = {
    True: ("PLAIN", "LOGIN", "CRAM-MD5"),
    False: ("CRAM-MD5", "PLAIN", "LOGIN"),
}
# Reply codes of a mechanism that the server does not support (RFC 4954, 4 and 6).
NOT_OFFERED = {500, 501, 502, 504, 534, 538}


class SmtpWire(smtplib.SMTP):
    """smtplib's connection with a time limit for each reply: EMAIL_TIMEOUT, and `give_up_at`."""

    def __init__(self, *args: Any, give_up_at: float, **options: Any) -> None:
        self.give_up_at = give_up_at
        options["local_hostname"] = settings.FOAM_EHLO_NAME or options.get("local_hostname")
        super().__init__(*args, **options)

    def login(self, user: str, password: str, *, initial_response_ok: bool = True) -> Any:
        """Log in by the best mechanism that both sides support.

        smtplib tries the next mechanism with the same wrong password, which servers punish. Here
        the next one is tried only if the server does not support the first after all.
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
            self.sock.settimeout(seconds_left(self._until()))
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock:
            self.file = _LineReader(self.sock)
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


class TlsWire(SmtpWire, smtplib.SMTP_SSL):
    pass


class _LineReader:
    """Reads lines for smtplib, which makes a new reader after STARTTLS, with an empty buffer."""

    def __init__(self, sock: socket) -> None:
        self._socket = sock
        self._unread = b""
        self._until = 0.0
        self._allowed = 0

    def expect(self, until: float) -> None:
        """Set the time limit and the length limit of the next reply."""
        self._until = until
        self._allowed = MAX_REPLY_BYTES

    def readline(self, limit: int) -> bytes:
        while not (end := self._unread.find(b"\n") + 1) and len(self._unread) < limit:
            self._socket.settimeout(seconds_left(self._until))
            octets = self._socket.recv(65536)
            if not octets:
                break
            self._unread += octets
        line = self._unread[: end or limit]
        self._unread = self._unread[len(line) :]
        self._allowed -= len(line)
        if self._allowed < 0:
            raise OSError("an answer without end")
        return line

    def close(self) -> None:
        pass


def seconds_left(until: float) -> float:
    """Return the seconds until an instant of the monotonic clock; TimeoutError if it is over."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
