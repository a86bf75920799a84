"""Mailboxes with bounces: IMAP, Maildir and mbox. Each mail is handled once."""

import imaplib
import mailbox
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from notifications.bounces.delivery_status import MAX_MAIL_BYTES

TIMEOUT_SECONDS = 30.0
IMAP_PORT, IMAPS_PORT = 143, 993
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class UnreadableMailbox(Exception):
    """The mailbox cannot be read; the text is the reason."""


def of_imap(url: str) -> Iterator[bytes]:
    """Yield the unseen mails of an IMAP folder, marking each as seen after it was handled."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if (
        parts.scheme not in ("imaps", "imap")
        or not parts.hostname
        or not parts.username
        or port == 0
    ):
        raise UnreadableMailbox(
            "Give imaps://user:password@imap.example.org/INBOX as FOAM_BOUNCE_MAILBOX."
        )
    folder = unquote(parts.path.strip("/")) or "INBOX"
    try:
        with _session(parts.scheme, parts.hostname, port) as session:
            session.login(unquote(parts.username), unquote(parts.password or ""))
            yield from _unseen(session, folder)
    except (OSError, imaplib.IMAP4.error) as error:
        raise UnreadableMailbox(
            f"The mailbox at {parts.hostname} cannot be read: {_error_text(error)}"
        ) from error


@contextmanager
def _session(scheme: str, host: str, port: int | None) -> Iterator[imaplib.IMAP4]:
    context = ssl.create_default_context()
    if scheme == "imaps":
        session: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            host, port or IMAPS_PORT, ssl_context=context, timeout=TIMEOUT_SECONDS
        )
    else:
        session = imaplib.IMAP4(host, port or IMAP_PORT, timeout=TIMEOUT_SECONDS)
        if host not in LOOPBACK:
            # Without TLS the password would cross the network in clear text.
            session.starttls(context)
    try:
        yield session
    finally:
        session.shutdown()


def _unseen(session: imaplib.IMAP4, folder: str) -> Iterator[bytes]:
    quoted = '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
    _data_of(session.select(quoted))
    [numbers] = _data_of(session.uid("SEARCH", "UNSEEN"))
    for number in (numbers or b"").split():
        uid = number.decode("ascii")
        fetched = _data_of(session.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MAX_MAIL_BYTES}>)"))
        octets = next((item[1] for item in fetched if isinstance(item, tuple)), None)
        if octets is not None:
            yield octets
        _data_of(session.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"))


def _data_of(answer: tuple[str, list]) -> list:
    state, data = answer
    if state != "OK":
        raise imaplib.IMAP4.error(str(data[0]) if data else state)
    return data


def _error_text(error: Exception) -> str:
    return (
        " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
        or type(error).__name__
    )


def of_maildir(path: str) -> Iterator[bytes]:
    """Yield the new mails of a Maildir, moving each to `cur` after it was handled."""
    if not (Path(path) / "new").is_dir():
        raise UnreadableMailbox(f"{path} is no Maildir: it has no folder new.")
    with closing(mailbox.Maildir(path, create=False)) as box:
        for key in sorted(box.keys()):
            message = box.get_message(key)
            if message.get_subdir() != "new":
                continue
            yield box.get_bytes(key)[:MAX_MAIL_BYTES]
            message.set_subdir("cur")
            message.add_flag("S")
            box[key] = message


def of_mbox(path: str) -> Iterator[bytes]:
    """Lock an mbox and yield its unread mails, marking each as read after it was handled."""
    if not Path(path).is_file():
        raise UnreadableMailbox(f"{path} is no file.")
    box = mailbox.mbox(path, create=False)
    try:
        box.lock()
    except mailbox.ExternalClashError as error:
        raise UnreadableMailbox(f"{path} is locked by another program: try again.") from error
    with closing(box):
        for key in list(box.keys()):
            message = box.get_message(key)
            if "R" in message.get_flags():
                continue
            yield box.get_bytes(key)[:MAX_MAIL_BYTES]
            message.add_flag("RO")
            box[key] = message
