"""The content lines of a calendar: unfolded, decoded, and numbered as they stand in the file."""

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from reminders.exchange.limits import Limits, Unreadable, check_size

# A longer line is cut: no text that is stored, and no list of MAX_DATES, is as long.
MAX_LINE_CHARACTERS = 128 * 1024
_BREAK = re.compile(rb"\r\n|\n|\r")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_QUOTED = re.compile(rb"[^:]{0,500}QUOTED-PRINTABLE[^:]{0,500}:", re.IGNORECASE)
_CHARSET = re.compile(rb"[^:]{0,500};\s*CHARSET\s*=\s*\"?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
_ESCAPE = re.compile(rb"[ \t][0-9A-F]{2}")
_BORDER = re.compile(rb"(BEGIN|END):", re.IGNORECASE)
LEGACY = "cp1252"
# Codecs of text; Python's other codecs take long, or decompress.
_CHARSETS = re.compile(
    r"utf-8|utf-16(-[lb]e)?|ascii|iso8859-\d+|cp\d+|koi8-[rut]|mac-[a-z0-9]+|shift_jis|euc_(jp|kr)"
    r"|iso2022_jp|gb2312|gbk|gb18030|big5|tis-620"
)


class Line(NamedTuple):
    """A content line; `number` is that of its first line in the file, from 1.

    `is_legacy` tells that it is no UTF-8 and was decoded as Windows-1252.
    """

    number: int
    text: str
    is_legacy: bool = False


def decode(octets: bytes, charset: str) -> str:
    """Decode by a charset that a property names. Raises ValueError and LookupError."""
    name = codecs.lookup(charset).name
    if not _CHARSETS.fullmatch(name):
        raise LookupError(f"{charset} is no charset of text")
    return octets.decode(name)


def content_lines(content: bytes, limits: Limits) -> Iterator[Line]:
    """Yield the content lines of a file, blank ones left out. Raises Unreadable."""
    content = _as_bytes_of_utf_8(content)
    check_size(content, limits)
    for number, joined in _unfolded(content):
        yield _decoded(number, joined)


def _as_bytes_of_utf_8(content: bytes) -> bytes:
    if content[:2] in _UTF_16:
        try:
            return content.decode("utf-16").encode()
        except UnicodeError as error:
            raise Unreadable(f"It is no UTF-16, as its first bytes say: {error}.") from None
    return content.removeprefix(codecs.BOM_UTF8)


def _unfolded(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each content line with its number.

    Bytes are joined before they are decoded: some programs fold within a character. A line in
    quoted-printable that ends with `=` continues in the next one, even without a leading blank.
    """
    pieces: list[bytes] = []
    first, is_version_1 = 1, False
    is_quoted: bool | None = None
    for number, piece in enumerate(_BREAK.split(content), 1):
        if pieces and pieces[-1].endswith(b"="):
            if is_quoted is None:
                is_quoted = _QUOTED.match(b"".join(pieces)[:2_000]) is not None
            if is_quoted and not _BORDER.match(piece):
                _join_soft_break(pieces, piece, keep_blank=is_version_1)
                continue
        if piece[:1] in {b" ", b"\t"} and pieces:
            pieces.append(piece[1:])
        elif piece.strip():
            if pieces:
                yield first, b"".join(pieces)
            pieces, first, is_quoted = [piece], number, None
            is_version_1 = is_version_1 or piece.strip().upper() == b"VERSION:1.0"
    if pieces:
        yield first, b"".join(pieces)


def _join_soft_break(pieces: list[bytes], piece: bytes, *, keep_blank: bool) -> None:
    """Append `piece`, which follows a soft line break (`=`).

    vCalendar 1.0 folds at blanks and keeps them; RFC 5545 adds the blank, also within an escape.
    """
    is_folded = piece[:1] in {b" ", b"\t"}
    if is_folded and (not keep_blank or _ESCAPE.match(piece)):
        pieces.append(piece[1:])
        return
    pieces[-1] = pieces[-1][:-1]
    # An empty line ends the text.
    pieces.append(piece)


def _decoded(number: int, joined: bytes) -> Line:
    if b"\0" in joined:
        raise Unreadable(f"Line {number} holds the byte 0: this is no text.")
    if joined.isascii():
        return _line(number, joined.decode("ascii"))
    if declared := _CHARSET.match(joined):
        try:
            return _line(number, decode(joined, declared[1].decode()))
        except (ValueError, LookupError):
            # The charset is wrong: the line is decoded like all others.
            pass
    try:
        return _line(number, joined.decode())
    except UnicodeDecodeError:
        pass
    try:
        # A byte order mark of UTF-16 within a file: two files were joined, and both may be damaged.
        if any(mark in joined for mark in _UTF_16):
            raise ValueError
        return _line(number, joined.decode(LEGACY), is_legacy=True)
    except ValueError:
        raise Unreadable(f"Line {number} is not UTF-8. Save the file as UTF-8.") from None


def _line(number: int, text: str, *, is_legacy: bool = False) -> Line:
    return Line(number, text[:MAX_LINE_CHARACTERS].removeprefix("\ufeff"), is_legacy)
