"""Bounces: delivery status notifications (RFC 3464), and older shapes of qmail, Exim and others.

What is read was written by strangers: it is cut, its parts are counted, and whatever cannot be
read is no bounce. Pure.
"""

import re
from collections.abc import Iterator
from email import policy
from email.message import Message
from email.parser import BytesParser, HeaderParser
from typing import Any, NamedTuple

from notifications.transports.base import Fault
from notifications.transports.mail.mime import one_line
from notifications.transports.mail.smtp_replies import Reply, fault_of

# A returned message stands near the beginning: what comes later is not read.
LIMIT = 2 * 1024 * 1024
MOST_PARTS = 100
MOST_TEXT, MOST_WORDS = 256 * 1024, 16 * 1024
LONGEST_DETAIL = 400

STATUS = "delivery-status"
HEADERS = ("text/rfc822-headers", "message/rfc822-headers")
# How a bounce that is only text begins, or what it says before it quotes.
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
# Where a bounce begins to quote what it returns.
COPY = re.compile(
    r"below this line|----- ?original message|this is a copy of|\nreceived:|\nmessage-id:",
    re.IGNORECASE,
)
DAEMON = re.compile(r"mailer-daemon|postmaster|mail delivery|<>|microsoftexchange", re.IGNORECASE)
# The first line of a text that tells a reply: 550 5.1.1 …, or an enhanced code alone.
REPLY = re.compile(
    r"\b([45]\d\d)[ -]+(?=#?\d\.\d{1,3}\.\d{1,3}\b|\D)(.{3,300})"
    r"|\(?#?([45]\.\d{1,3}\.\d{1,3})\b(.{0,300})"
)
MESSAGE_ID = re.compile(r"^[> \t]{0,20}message-id:(.{1,300})", re.IGNORECASE | re.MULTILINE)


class Bounce(NamedTuple):
    """What a bounce says of one message; `text` is where that one's Message-ID is quoted."""

    text: str
    action: str
    fault: Fault
    detail: str

    @property
    def is_failure(self) -> bool:
        return self.action == "failed"


def read(octets: bytes) -> Bounce | None:
    """Return what a mail says of one that FOAM sent; None when it is no bounce."""
    try:
        mail = BytesParser(policy=policy.compat32).parsebytes(octets[:LIMIT])
        parts = list(_parts(mail))
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        # Python's parser stumbles over some of what is no mail.
        return None
    quoted = "\n".join(_quoted(part) for part in parts)[:MOST_TEXT]
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            return _of_status(part, quoted)
    is_report = mail.get_content_type() == "multipart/report"
    if is_report and str(mail.get_param("report-type", "delivery-status")).lower() != STATUS:
        # A receipt, or a complaint.
        return None
    return _of_text(mail, parts, quoted)


def _parts(mail: Message) -> Iterator[Message]:
    """Yield the parts of a mail, without those of the message that it returns."""
    waiting, count = [mail], 0
    while waiting and count < MOST_PARTS:
        part, count = waiting.pop(0), count + 1
        yield part
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting = [*part.get_payload(), *waiting]


def _quoted(part: Message) -> str:
    """Return the Message-ID of the message that a part returns, or quotes in its text."""
    kind = part.get_content_type()
    if kind == "message/rfc822" and part.is_multipart():
        returned: Any = part.get_payload(0)
        return str(returned.get("Message-ID", ""))
    if kind in HEADERS or kind == "message/rfc822":
        return str(HeaderParser().parsestr(_text(part).lstrip()).get("Message-ID", ""))
    if part.get_content_maintype() == "text":
        return "\n".join(found[1] for found in MESSAGE_ID.finditer(_text(part)))
    return ""


def _text(part: Message) -> str:
    """Return the text of a part, whatever it says of its encoding."""
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
    """Read the fields of a delivery status: of the first recipient that has an action."""
    payload = part.get_payload()
    blocks = payload if isinstance(payload, list) else [HeaderParser().parsestr(_text(part))]
    for block in blocks[:MOST_PARTS]:
        action = str(block.get("Action", "")).strip().lower()  # type: ignore[union-attr]
        if action:
            status = str(block.get("Status", "")).split("(")[0].strip()  # type: ignore[union-attr]
            diagnostic = str(block.get("Diagnostic-Code", ""))  # type: ignore[union-attr]
            fault, detail = _judged(status, one_line(diagnostic))
            return Bounce(quoted, action, fault, detail)
    return None


def _judged(status: str, diagnostic: str) -> tuple[Fault, str]:
    """Return whose fault a failure is, and what the server said."""
    text = diagnostic.partition(";")[2].strip() if ";" in diagnostic[:20] else diagnostic
    found = re.match(r"([45]\d\d)[ -]*(.*)", text)
    code, text = (int(found[1]), found[2]) if found else (0, text)
    # Of both codes the one that tells more: 5.0.0 tells nothing.
    if not re.match(r"[45]\.\d{1,3}\.\d{1,3}\b", text) and not status.endswith(".0.0"):
        text = f"{status} {text}".strip()
    if not code:
        code = 450 if status.startswith("4") else 550
    detail = f"answered {code}: {text}" if found else text or status or "no reason was given"
    return fault_of(Reply("text", code, text)), detail[:LONGEST_DETAIL]


def _of_text(mail: Message, parts: list[Message], quoted: str) -> Bounce | None:
    """Read a bounce that tells its matter in words; an automatic answer is none."""
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
    found = REPLY.search(own)
    if found is None:
        text = next((m for line in own.splitlines() if (m := line.strip()) and MARKS.search(m)), "")
        lines = one_line(own)[:2000]
        return Bounce(quoted, "failed", fault_of(Reply("text", 550, lines)), text[:LONGEST_DETAIL])
    if found[1]:
        fault, detail = _judged("", one_line(f"{found[1]} {found[2]}"))
    else:
        fault, detail = _judged(found[3], one_line(found[4]))
    return Bounce(quoted, "failed", fault, detail)
