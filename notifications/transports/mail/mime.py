"""An e-mail as the octets that go over the wire (RFC 5322), put together from prepared parts.

All of it is ASCII in lines of at most 998 octets, so that it passes any server as it is.
"""

import binascii
import re
import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr
from typing import NamedTuple

from django.core.mail.message import sanitize_address
from django.utils.encoding import punycode

# RFC 5322, 2.1.1, without CRLF.
LONGEST_LINE = 998
# An encoded word with this many octets of text leaves room for `Subject: ` in 76 (RFC 2047, 2).
WORD = 39
# Where a line of words that is too long goes on in the next one, which begins with the blank.
FOLD = re.compile(r"(?!.{1,66}$)(\S.{0,64})(?= \S)")
PLAIN_TEXT = b"\t\r\n" + bytes(range(0x20, 0x7F))
PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
PRINTABLE = re.compile(r"[ -~]+")
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Letter:
    """What SMTP needs to know: from whom, to whom, and the text with its headers."""

    sender: str
    recipient: str
    content: bytes


class Texts(NamedTuple):
    """A letter's two texts, which say the same."""

    plain: str
    html: str


class Letterhead:
    """What the letters of a batch have in common, prepared once."""

    def __init__(self, sender: str, host: str, return_path: str = "") -> None:
        """Without a `return_path` bounces go to the sender."""
        writer = sanitize_address(sender, "utf-8")
        self._sender = return_path or _envelope_address(writer)
        self._host = punycode(host)
        # Nobody who writes a text can know it beforehand, and so end a part with it.
        boundary = f"=_{secrets.token_hex(12)}"
        self._headers = (
            f"From: {writer}\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
        )
        self._plain, self._html = (
            f"--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
            "Content-Transfer-Encoding: "
            for kind in ("plain", "html")
        )
        self._end = f"--{boundary}--\r\n".encode()

    def write(
        self,
        id: str,
        recipient: str,
        title: str,
        texts: Texts,
        at: datetime,
        *,
        unsubscribe: str = "",
    ) -> Letter:
        """Return the letter of this id; ValueError when the recipient is no address.

        `unsubscribe` is where a POST turns the recipient's letters off (RFC 8058).
        """
        to = _address(recipient)
        turn_off = "".join(f"{k}: {v}\r\n" for k, v in unsubscribe_headers(unsubscribe).items())
        head = (
            f"{self._headers}Date: {format_datetime(at)}\r\nMessage-ID: <{id}@{self._host}>\r\n"
            f"To: {to}\r\nSubject: {_subject(title)}\r\n{turn_off}\r\n{self._plain}"
        )
        content = (
            head.encode("ascii")
            + _encoded_text(texts.plain)
            + self._html.encode("ascii")
            # What is not ASCII goes as character references.
            + _encoded_text(texts.html.encode("ascii", "xmlcharrefreplace").decode())
            + self._end
        )
        return Letter(self._sender, _envelope_address(to), content)


def unsubscribe_headers(url: str) -> dict[str, str]:
    """Return the headers by which a mail program offers to turn letters off; a POST needs https."""
    if not url or not PRINTABLE.fullmatch(url):
        return {}
    headers = {"List-Unsubscribe": f"<{url}>"}
    if url.startswith("https://"):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def one_line(text: str) -> str:
    return " ".join(CONTROLS.sub(" ", text).split())


def _address(address: str) -> str:
    """Return the address as a header has it; most need nothing done."""
    if PLAIN_ADDRESS.fullmatch(address):
        return address
    try:
        return sanitize_address(address, "utf-8")
    except (AttributeError, TypeError) as error:
        # Python's own parser stumbles over some of what is no address.
        raise ValueError("Invalid address") from error


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


def _encoded_text(text: str) -> bytes:
    """Return the name of a transfer encoding (RFC 2045), a blank line and the text in it.

    Each line is ended by CRLF; the last one's belongs to the boundary that follows.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    octets = f"{text}\r\n".encode()
    is_plain = not octets.translate(None, delete=PLAIN_TEXT)
    if is_plain and max(map(len, octets.split(b"\r\n"))) <= LONGEST_LINE:
        return b"7bit\r\n\r\n" + octets
    return b"quoted-printable\r\n\r\n" + binascii.b2a_qp(octets)
