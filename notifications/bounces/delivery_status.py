"""Parses bounces: delivery status notifications (RFC 3464), and texts of qmail, Exim and others.

The input was written by strangers: its length and its number of parts are limited, and a mail that
cannot be parsed is no bounce. Pure.
"""

import re
from collections.abc import Iterator
from email import policy
from email.message import Message
from email.parser import BytesParser, HeaderParser
from typing import Any, NamedTuple

from notifications.transports.base import Fault
from notifications.transports.mail.mime import one_line
from notifications.transports.mail.smtp_replies import SmtpReply, fault_of

# A returned message stands near the beginning, so the rest of a longer mail is not read.
MAX_MAIL_BYTES = 2 * 1024 * 1024
MOST_PARTS = 100
MOST_TEXT, MOST_WORDS = 256 * 1024, 16 * 1024
LONGEST_DETAIL = 400

STATUS = "delivery-status"
HEADERS = ("text/rfc822-headers", "message/rfc822-headers")
# Phrases before the quoted message, by which a bounce without a status part is recognised.
MARKS = re.compile(
    r"this is the qmail-send program|message was created automatically by mail delivery software"
    r"|undeliver|delivery (?:has |to .{1,200} )?fail|did not reach|could not be delivered"
    r"|permanent fatal errors|returned mail|delivery status notification"
    r"|mail delivery (?:system|fail)|wasn.?t delivered|couldn.?t be delivered|delivery incomplete",
    re.IGNORECASE,
)
DELAYED = re.compile(
    r"warning message only|has been delayed|delivery is delayed|not yet been delivered"
    r"|will (?:be )?(?:retried|retry|keep trying)|do not need to resend",
    re.IGNORECASE,
)
# The beginning of the quoted message.
COPY = re.compile(
    r"below this line|----- ?original message|this is a copy of|\nreceived:|\nmessage-id:",
    re.IGNORECASE,
)
DAEMON = re.compile(r"mailer-daemon|postmaster|mail delivery|<>|microsoftexchange", re.IGNORECASE)
# The first reply in a text: 550 5.1.1 …, or an enhanced status code alone.
REPLY = re.compile(
    r"\b([45]\d\d)[ -]+(?=#?\d\.\d{1,3}\.\d{1,3}\b|\D)(.{3,300})"
    r"|\(?#?([45]\.\d{1,3}\.\d{1,3})\b(.{0,300})"
)
MESSAGE_ID = re.compile(r"^[> \t]{0,20}message-id:(.{1,300})", re.IGNORECASE | re.MULTILINE)


class Bounce(NamedTuple):
    """The result of parsing a bounce; `text` contains the Message-ID of the returned message."""

    text: str
    action: str
    fault: Fault
    detail: str

    @property
    def is_failure(self) -> bool:
        return self.action == "failed"


def read(octets: bytes) -> Bounce | None:
    """Return the bounce in a mail; None if the mail is no bounce."""
    try:
        mail = BytesParser(policy=policy.compat32).parsebytes(octets[:MAX_MAIL_BYTES])
        parts = list(_parts(mail))
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        # Python's parser raises these for some malformed mails.
        return None
    quoted = "\n".join(_quoted(part) for part in parts)[:MOST_TEXT]
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            return _of_status(part, quoted)
    is_report = mail.get_content_type() == "multipart/report"
    if is_report and str(mail.get_param("report-type", "delivery-status")).lower() != STATUS:
        # A read receipt or a complaint.
        return None
    return _of_text(mail, parts, quoted)


def _parts(mail: Message) -> Iterator[Message]:
    """Yield the parts of a mail, but not the parts of a returned message."""
    waiting, count = [mail], 0
    while waiting and count < MOST_PARTS:
        part, count = waiting.pop(0), count + 1
        yield part
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting = [*part.get_payload(), *waiting]


def _quoted(part: Message) -> str:
    """Return the Message-ID of the message that a part contains or quotes."""
    kind = part.get_content_type()
    if kind == "message/rfc822" and part.is_multipart():
        returned: Any = part.get_payload(0)
        return str(returned.get("Message-ID", ""))
    if kind in HEADERS or kind == "message/rfc822":
        return str(HeaderParser().parsestr(_text(part).lstrip()).get("Message-ID", ""))
    if part.get_content_maintype() == "text":
        return "\n".join(match[1] for match in MESSAGE_ID.finditer(_text(part)))
    return ""


def _text(part: Message) -> str:
    """Return the text of a part, even if its charset is unknown."""
    if part.is_multipart():
        return ""
    octets = part.get_payload(decode=True)
    if not isinstance(octets, bytes):
        return ""
    try:
        return octets[:MOST_TEXT].decode(part.get_content_charset("utf-8"), errors="replace")
    except LookupError:
        return octets[:MOST_TEXT].decode("utf-8", errors="replace")


def _of_status(part: Message, quoted: str) -> Bounce | None:
    """Return the bounce of the first recipient with an action in a delivery status."""
    payload = part.get_payload()
    blocks = payload if isinstance(payload, list) else [HeaderParser().parsestr(_text(part))]
    for block in blocks[:MOST_PARTS]:
        action = str(block.get("Action", "")).strip().lower()  # type: ignore[union-attr]
        if action:
            status = str(block.get("Status", "")).split("(")[0].strip()  # type: ignore[union-attr]
            diagnostic = str(block.get("Diagnostic-Code", ""))  # type: ignore[union-attr]
            fault, detail = _fault_and_detail(status, one_line(diagnostic))
            return Bounce(quoted, action, fault, detail)
    return None


def _fault_and_detail(status: str, diagnostic: str) -> tuple[Fault, str]:
    """Return whose fault a failure is, and the server's reply."""
    text = diagnostic.partition(";")[2].strip() if ";" in diagnostic[:20] else diagnostic
    match = re.match(r"([45]\d\d)[ -]*(.*)", text)
    code, text = (int(match[1]), match[2]) if match else (0, text)
    # Prefer the enhanced code in the text; a status of 5.0.0 says nothing.
    if not re.match(r"[45]\.\d{1,3}\.\d{1,3}\b", text) and not status.endswith(".0.0"):
        text = f"{status} {text}".strip()
    if not code:
        code = 450 if status.startswith("4") else 550
    detail = f"answered {code}: {text}" if match else text or status or "no reason was given"
    return fault_of(SmtpReply("text", code, text)), detail[:LONGEST_DETAIL]


def _of_text(mail: Message, parts: list[Message], quoted: str) -> Bounce | None:
    """Return the bounce in a mail that is only text; None for an automatic answer."""
    sender = f"{mail.get('Return-Path', '')} {mail.get('From', '')}"
    is_by_daemon = bool(DAEMON.search(sender))
    is_answer = "auto-replied" in str(mail.get("Auto-Submitted", "")).lower() and not is_by_daemon
    words = str(mail.get("Subject", "")) + "\n"
    words += "\n".join(_text(part) for part in parts if part.get_content_maintype() == "text")
    own = re.split(r"below this line|----- ?original message|this is a copy of", words, flags=re.I)[
        0
    ]
    is_marked = MARKS.search(own) or mail.get("X-Failed-Recipients")
    if is_answer or not is_marked or not (is_by_daemon or not mail.get("From")):
        return None
    if DELAYED.search(own):
        return Bounce(quoted, "delayed", Fault.PASSING, one_line(own)[:LONGEST_DETAIL])
    reply = REPLY.search(own)
    if reply is None:
        text = next((m for line in own.splitlines() if (m := line.strip()) and MARKS.search(m)), "")
        lines = one_line(own)[:2000]
        return Bounce(
            quoted, "failed", fault_of(SmtpReply("text", 550, lines)), text[:LONGEST_DETAIL]
        )
    if reply[1]:
        fault, detail = _fault_and_detail("", one_line(f"{reply[1]} {reply[2]}"))
    else:
        fault, detail = _fault_and_detail(reply[3], one_line(reply[4]))
    return Bounce(quoted, "failed", fault, detail)
