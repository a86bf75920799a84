"""An e-mail as the octets that go over the wire (RFC 5322), put together from prepared parts.

All of it is ASCII in lines of at most 998 octets, so that it passes any server as it is.
"""

import binascii
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr

from django.core.mail.message import sanitize_address
from django.utils.encoding import punycode

# RFC 5322, 2.1.1, without CRLF.
LONGEST_LINE = 998
# An encoded word with this many octets of text leaves room for `Subject: ` in 76 (RFC 2047, 2).
WORD = 39
# Where a line of words that is too long goes on in the next one, which begins with the blank.
FOLD = re.compile(r"(?!.{1,66}$)(\S.{0,64})(?= \S)")
PLAIN_TEXT = re.compile(r"[\t\r\n -~]*")
PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
PRINTABLE = re.compile(r"[ -~]+")
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Letter:
    """What SMTP needs to know: from whom, to whom, and the text with its headers."""

    sender: str
    recipient: str
    content: bytes


class Letterhead:
    """What the letters of a batch have in common, prepared once."""

    def __init__(self, sender: str, host: str) -> None:
        writer = sanitize_address(sender, "utf-8")
        self._sender = _envelope_address(writer)
        self._host = punycode(host)
        self._headers = (
            f"From: {writer}\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
        )

    def write(self, id: str, recipient: str, title: str, text: str, at: datetime) -> Letter:
        """Return the letter of this id; ValueError when the recipient is no address."""
        to = _address(recipient)
        encoding, body = _encoded_text(text)
        headers = (
            f"{self._headers}Content-Transfer-Encoding: {encoding}\r\n"
            f"Date: {format_datetime(at)}\r\nMessage-ID: <{id}@{self._host}>\r\n"
            f"To: {to}\r\nSubject: {_subject(title)}\r\n\r\n"
        )
        return Letter(self._sender, _envelope_address(to), headers.encode("ascii") + body)


def one_line(text: str) -> str:
    return " ".join(CONTROLS.sub(" ", text).split())


def _address(address: str) -> str:
    """Return the address as a header has it; most need nothing done."""
    if PLAIN_ADDRESS.fullmatch(address):
        return address
    return sanitize_address(address, "utf-8")


def _envelope_address(address: str) -> str:
    plain = address if PLAIN_ADDRESS.fullmatch(address) else parseaddr(address)[1]
    if not PRINTABLE.fullmatch(plain):
        raise ValueError("An address has characters that SMTP does not.")
    return plain


def _subject(title: str) -> str:
    """Return a header's value that reads as `title`, whatever is in it (RFC 2047)."""
    if title.isascii() and title.isprintable() and "=?" not in title:
        folded = FOLD.sub("\\1\r\n", title)
        if max(map(len, folded.split("\r\n"))) < LONGEST_LINE - len("Subject: "):
            return folded
    return "\r\n ".join(_encoded_words(title.encode()))


def _encoded_words(text: bytes) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + WORD
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1  # no character is cut in two
        yield f"=?utf-8?b?{b64encode(text[start:end]).decode()}?="
        start = end


def _encoded_text(text: str) -> tuple[str, bytes]:
    """Return the transfer encoding (RFC 2045) and the text in it, each line ended by CRLF."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n") + "\r\n"
    if PLAIN_TEXT.fullmatch(text) and max(map(len, text.split("\r\n"))) <= LONGEST_LINE:
        return "7bit", text.encode("ascii")
    return "quoted-printable", binascii.b2a_qp(text.encode())
