"""Finds the fault that an SMTP reply reports: recipient, message, FOAM, or a passing one. Pure.

The enhanced status code (RFC 3463, RFC 5248) decides, if there is one. Without it, only a text that
names an unknown mailbox is about the recipient: servers also report rules about senders, relays and
content with 550, 553 and 554, and at RCPT (`smtpd_delay_reject` of Postfix).
"""

import re
from typing import NamedTuple

from notifications.transports.base import Fault

# Subject and detail of an enhanced status code; None stands for every detail of the subject.
STATUS: dict[tuple[int, int | None], Fault] = {
    # Addresses. 1.0 is too vague, and 1.4 and 1.5 are no refusals.
    (1, 1): Fault.RECEIVER,  # no such mailbox
    (1, 2): Fault.RECEIVER,  # no such domain
    (1, 3): Fault.RECEIVER,  # no address at all
    (1, 6): Fault.RECEIVER,  # moved, without a forwarding address
    (1, 7): Fault.FOAM,  # the sender's address
    (1, 8): Fault.FOAM,  # the sender's domain
    (1, 9): Fault.FOAM,
    (1, 10): Fault.RECEIVER,  # null MX
    # Mailboxes
    (2, 1): Fault.RECEIVER,  # switched off
    (2, 2): Fault.PASSING,  # full
    (2, 3): Fault.MESSAGE,  # longer than this mailbox takes
    (2, 4): Fault.PASSING,
    # Mail systems
    (3, 4): Fault.MESSAGE,  # longer than this server takes
    (3, 5): Fault.FOAM,  # loops back to itself
    (3, None): Fault.PASSING,
    (4, None): Fault.PASSING,  # network and routing
    (5, 3): Fault.PASSING,  # too many recipients
    (5, None): Fault.FOAM,  # the protocol
    (6, 0): Fault.SPAM,
    (6, None): Fault.MESSAGE,  # media and conversion
    (7, None): Fault.FOAM,  # policy and security
}
# Codes with one meaning, independent of the text: RFC 5321, RFC 4954, RFC 7504.
CODES: dict[int, Fault] = {
    **dict.fromkeys((500, 502, 503, 504, 530, 534, 535, 538, 555), Fault.FOAM),
    521: Fault.PASSING,
    556: Fault.RECEIVER,
}

# At the beginning, perhaps after the address; or marked, as by qmail and Exchange: (#5.1.1).
ENHANCED = re.compile(
    r"(?:\A\s*(?:<[^>]*>:?\s*)?|[#(\[]\s*#?)([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)"
)
WAIT = re.compile(
    r"gr[ea]y.?list|try (?:again|it again|later)|retry|come back|temporar|too (?:quick|fast|many)"
    r"|at a rate|rate.?limit|throttl|defer",
    re.IGNORECASE,
)
SENDER = re.compile(
    r"\bsender\b|\bfrom address|mail from|return.?path|envelope.?from|relay|rcpthosts|not permitted"
    r"|authenticat|log ?in\b|helo|ehlo|reverse dns|\bptr\b|\bspf\b|\bdkim\b|\bdmarc\b"
    r"|black.?list|block.?list|\b[dr]n?sbl\b|blocked|banned|reputation|denied|access|policy"
    r"|prohibited|no permission|not allowed|not authori[sz]ed",
    re.IGNORECASE,
)
SPAM = re.compile(
    r"\bspam|unsolicited|\bjunk\b|\bbulk\b|virus|malware|phish|\bcontent|\bur[il]bl\b",
    re.IGNORECASE,
)
FULL = re.compile(r"\bfull\b|quota|storage|insufficient|no space|over ?limit", re.IGNORECASE)
TOO_LARGE = re.compile(
    r"too (?:large|big|long)|message (?:size|length)|size (?:limit|exceed)|exceeds? .{0,40}\bsize",
    re.IGNORECASE,
)
_PLACE = r"(?:user|recipient|mailbox|account|address|person|addressee|mail ?drop|alias)"
UNKNOWN = re.compile(
    rf"no such (?:\w+ )?{_PLACE}|no {_PLACE} (?:here|by that name|with that name|found)"
    rf"|(?:unknown|invalid|not a (?:valid|known)) (?:\w+ )?{_PLACE}"
    rf"|{_PLACE}\b.{{0,80}}?\b(?:unknown|not (?:be )?(?:found|known|exist|listed)|disabled"
    r"|(?:does|do|did) not exist|doesn.?t exist|no longer (?:exists|valid|in use|available))"
    r"|unrouteable address|no mailbox|null mx",
    re.IGNORECASE,
)
# A reply in the detail of an attempt.
QUOTED = re.compile(r"(?:\Aanswered|log in:|away:) ([45]\d\d): ?(.*)", re.DOTALL)
# Tried in this order, before UNKNOWN.
TEXTS = (
    (WAIT, Fault.PASSING),
    (TOO_LARGE, Fault.MESSAGE),
    (FULL, Fault.PASSING),
    (SPAM, Fault.SPAM),
    (SENDER, Fault.FOAM),
)
UNKNOWN_IN = (501, 550, 551, 553, 554)
FULL_OR_LARGE = 552
TEMPORARY, PERMANENT = 4, 500
POLICY = 7


class SmtpReply(NamedTuple):
    """A server's refusal: code and text at a `stage` (MAIL, RCPT, DATA or text)."""

    stage: str
    code: int
    text: str

    @property
    def status(self) -> tuple[int, int, int] | None:
        """Return the enhanced status code, if the reply has one."""
        match = ENHANCED.search(self.text)
        return (int(match[1]), int(match[2]), int(match[3])) if match else None

    @property
    def status_text(self) -> str:
        return ".".join(map(str, self.status)) if self.status else ""


def reply_in(detail: str) -> SmtpReply | None:
    """Return the reply quoted in the detail of a failed attempt, if any."""
    match = QUOTED.search(detail)
    return SmtpReply("RCPT", int(match[1]), match[2]) if match else None


def fault_of(reply: SmtpReply) -> Fault:
    """Return the fault that a reply reports; only RECEIVER and MESSAGE end a delivery at once."""
    fault = _by_code(reply)
    if reply.code < PERMANENT or (reply.status and reply.status[0] == TEMPORARY):
        is_rule = SENDER.search(reply.text) and not WAIT.search(reply.text)
        return Fault.FOAM if fault is Fault.FOAM and is_rule else Fault.PASSING
    if fault in (Fault.RECEIVER, Fault.MESSAGE) and reply.stage == "MAIL":
        # At MAIL the server knows neither the recipient nor the text.
        return Fault.FOAM
    return fault


def _by_code(reply: SmtpReply) -> Fault:
    if reply.status is None:
        return CODES.get(reply.code) or _by_text(reply.code, reply.text)
    _, subject, detail = reply.status
    fault = STATUS.get((subject, detail)) or STATUS.get((subject, None))
    if fault is None:
        return _by_text(reply.code, reply.text)
    if fault is Fault.RECEIVER and _is_about_another_matter(reply.text):
        return _by_text(reply.code, reply.text)
    if fault is Fault.FOAM and subject == POLICY and SPAM.search(reply.text):
        return Fault.SPAM
    return fault


def _is_about_another_matter(text: str) -> bool:
    """Tell whether a text contradicts a code about the recipient."""
    return bool(WAIT.search(text) or re.search(r"\bsender (?:address |verif|is )", text, re.I))


def _by_text(code: int, text: str) -> Fault:
    """Return the fault by the text of a reply, if its code says nothing."""
    for pattern, fault in TEXTS:
        if pattern.search(text):
            return fault
    if code in UNKNOWN_IN and UNKNOWN.search(text):
        return Fault.RECEIVER
    return Fault.PASSING if code == FULL_OR_LARGE else Fault.FOAM
