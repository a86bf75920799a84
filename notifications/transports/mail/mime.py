"""Writes e-mails as octets (RFC 5322), from parts prepared once for a batch.

They are ASCII in lines of at most 998 octets, so that every server passes them on unchanged.
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
MAX_LINE_LENGTH = 998
# With this many octets of text, an encoded word and `Subject: ` fit in 76 characters (RFC 2047, 2).
WORD_OCTETS = 39
# Matches the part of a long line to fold before a blank, with which the next line begins.
FOLD = re.compile(r"(?!.{1,66}$)(\S.{0,64})(?= \S)")
PLAIN_TEXT = b"\t\r\n" + bytes(range(0x20, 0x7F))
PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
PRINTABLE = re.compile(r"[ -~]+")
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Letter:
    """The SMTP envelope of an e-mail, and its content: headers and text."""

    sender: str
    recipient: str
    content: bytes


class Texts(NamedTuple):
    """The plain text and the HTML of a letter, with the same content."""

    plain: str
    html: str


class Letterhead:
    """The common parts of a batch's letters, prepared once."""

    def __init__(self, sender: str, host: str, return_path: str = "") -> None:
        """Without a `return_path` bounces go to the sender."""
        writer = sanitize_address(sender, "utf-8")
        self._sender = return_path or _envelope_address(writer)
        self._host = punycode(host)
        # Random, so that a message's text cannot contain the boundary and end its part.
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
        """Return the letter with this id; ValueError if the recipient is no address.

        A POST to the URL `unsubscribe` ends the recipient's letters (RFC 8058).
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
            # Other characters than ASCII become character references.
            + _encoded_text(texts.html.encode("ascii", "xmlcharrefreplace").decode())
            + self._end
        )
        return Letter(self._sender, _envelope_address(to), content)


def unsubscribe_headers(url: str) -> dict[str, str]:
    """Return the headers for a mail program's unsubscribe button; a POST requires https."""
    if not url or not PRINTABLE.fullmatch(url):
        return {}
    headers = {"List-Unsubscribe": f"<{url}>"}
    if url.startswith("https://"):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def one_line(text: str) -> str:
    return " ".join(CONTROLS.sub(" ", text).split())


def _address(address: str) -> str:
    """Return the address in the form of a header."""
    if PLAIN_ADDRESS.fullmatch(address):
        return address
    try:
        return sanitize_address(address, "utf-8")
    except (AttributeError, TypeError) as error:
        # Python's parser raises these for some invalid addresses.
        raise ValueError("Invalid address") from error


def _envelope_address(address: str) -> str:
    plain = address if PLAIN_ADDRESS.fullmatch(address) else parseaddr(address)[1]
    if not PRINTABLE.fullmatch(plain):
        raise ValueError("An address has characters that SMTP does not.")
    return plain


def _subject(title: str) -> str:
    """Return `title` as the value of a header, folded or in encoded words (RFC 2047)."""
    if title.isascii() and title.isprintable() and "=?" not in title:
        folded = FOLD.sub("\\1\r\n", title)
        if max(map(len, folded.split("\r\n"))) < MAX_LINE_LENGTH - len("Subject: "):
            return folded
    return "\r\n ".join(_encoded_words(title.encode()))


def _encoded_words(text: bytes) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + WORD_OCTETS
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1  # do not split a character
        yield f"=?utf-8?b?{b64encode(text[start:end]).decode()}?="
        start = end


def _encoded_text(text: str) -> bytes:
    """Return the name of a transfer encoding (RFC 2045), a blank line and the encoded text.

    Each line ends with CRLF; the last CRLF belongs to the boundary that follows.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    octets = f"{text}\r\n".encode()
    is_plain = not octets.translate(None, delete=PLAIN_TEXT)
    if is_plain and max(map(len, octets.split(b"\r\n"))) <= MAX_LINE_LENGTH:
        return b"7bit\r\n\r\n" + octets
    return b"quoted-printable\r\n\r\n" + binascii.b2a_qp(octets)
