"""Replies of a mail server: which end a delivery, and where their cause lies."""

import pytest

from notifications.tests.mail_server import MailServer
from notifications.transports import Fault
from notifications.transports.mail.mime import Letter
from notifications.transports.mail.smtp import Session
from notifications.transports.mail.smtp_replies import SmtpReply, fault_of

RECEIVER, MESSAGE, FOAM = Fault.RECEIVER, Fault.MESSAGE, Fault.FOAM
SPAM, PASSING = Fault.SPAM, Fault.PASSING

NO_SUCH_RECIPIENT = [
    "550 5.1.1 <ada@example.com>: Recipient address rejected: User unknown in local table",
    "550-5.1.1 The email account that you tried to reach does not exist.\r\n550 5.1.1 gsmtp",
    "550 5.1.2 Host or domain name not found",
    "501 5.1.3 Bad recipient address syntax",
    "550 5.1.6 Mailbox has moved",
    "556 5.1.10 Recipient address has null MX",
    "550 5.2.1 The email account that you tried to reach is disabled",
    "554 5.1.1 Benutzer unbekannt",
    "550 5.1.1 用户不存在",
    "550 sorry, no mailbox here by that name. (#5.1.1)",
    "550 #5.1.1 no such address",
    "550 No such user",
    "550 Unknown user",
    "550 <ada@example.com>... User unknown",
    "553 Invalid recipient ada@example.com",
    "550 Unrouteable address",
    "550 ada@example.com: mailbox does not exist",
    "556 domain does not accept mail",
]
THIS_TEXT = [
    "552 5.3.4 message size exceeds the limit",
    "552 5.2.3 message too large for this mailbox",
    "552 Message size exceeds fixed maximum message size",
    "554 5.6.1 Media not supported",
]
RULES_ABOUT_FOAM = [
    "554 5.7.1 <foam@foam.example>: Sender address rejected: Access denied",
    "553 5.7.1 Sender address rejected: not owned by user foam",
    "550 5.7.1 no permission to send as this sender",
    "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
    "550 5.1.0 <foam@foam.example>: Sender address rejected: User unknown in virtual mailbox table",
    "550 5.1.8 Sender address rejected: Domain not found",
    "550 5.1.7 bad sender",
    "554 5.7.1 <ada@example.com>: Relay access denied",
    "550 relaying denied",
    "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    "530 5.7.0 Authentication required",
    "535 5.7.8 Bad credentials",
    "550 5.7.26 This mail is unauthenticated",
    "550 5.3.5 mail loops back to myself",
    "503 5.5.1 not like this",
    "550 5.5.4 bad parameters",
    "550-Verification failed for <foam@foam.example>\r\n550-No such user here\r\n"
    "550 Sender verify failed",
    "551 we do not relay",
    "454 4.7.1 <ada@example.com>: Relay access denied",
    "550 Zugriff verweigert",
    "550 Requested action not taken",
]
JUDGED_AS_SPAM = [
    "554 5.7.1 rejected as spam",
    "550 Message rejected because of unacceptable content",
    "554 Message contains a virus",
    "550-5.7.1 Our system has detected that this message is\r\n550 5.7.1 likely unsolicited mail",
]
PASSES = [
    "552 5.2.2 mailbox full",
    "552 Mailbox is full",
    "550 Quota exceeded for this mailbox",
    "550 greylisted, try later",
    "550 5.1.1 Greylisting in action, please come back later",
    "554 5.4.0 try again later",
    "550 5.4.1 Recipient address rejected",
    "550 5.4.6 routing loop",
    "550 5.3.2 system not accepting messages",
    "550-5.2.1 The user you are trying to contact is receiving mail at a rate that\r\n"
    "550-5.2.1 prevents additional messages\r\n550 5.2.1 from being delivered",
    "450 4.2.0 greylisted",
    "450 4.7.1 greylisted, access denied for 300 s",
    "450 4.1.1 <ada@example.com>: User unknown in local recipient table",
    "550 4.2.2 over quota",
    "451 local error",
    "452 4.3.1 Insufficient system storage",
]
TABLE = [
    *((reply, RECEIVER) for reply in NO_SUCH_RECIPIENT),
    *((reply, MESSAGE) for reply in THIS_TEXT),
    *((reply, FOAM) for reply in RULES_ABOUT_FOAM),
    *((reply, SPAM) for reply in JUDGED_AS_SPAM),
    *((reply, PASSING) for reply in PASSES),
]
LETTER = Letter("foam@foam.example", "ada@example.com", b"Subject: x\r\n\r\nHello\r\n")


@pytest.fixture(scope="module", params=[True, False], ids=["pipelining", "in turn"])
def server(request):
    with MailServer(pipelining=request.param) as server:
        yield server


@pytest.fixture
def refuse(server, settings):
    """Return a function that has the next command of a kind answered so, and sends a letter."""
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port

    def refuse(stage, reply):
        server.script(stage, server.heard.count(stage) + 1, reply)
        [error] = Session().send(iter([LETTER]))
        return error

    return refuse


@pytest.mark.parametrize("stage", ["RCPT", "DATA", "."])
@pytest.mark.parametrize(("reply", "fault"), TABLE, ids=lambda value: str(value)[:60])
def test_reply_ends_a_delivery_only_for_its_recipient_or_its_text(refuse, stage, reply, fault):
    error = refuse(stage, reply)
    assert (error.fault, error.permanent) == (fault, fault in (RECEIVER, MESSAGE))


@pytest.mark.parametrize("reply", NO_SUCH_RECIPIENT + THIS_TEXT + RULES_ABOUT_FOAM)
def test_refusal_of_the_sender_ends_no_delivery(refuse, reply):
    error = refuse("MAIL", reply)
    assert (error.fault, error.permanent) == (FOAM, False)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("5.1.1 unknown", (5, 1, 1)),
        ("<ada@example.com>: 5.1.1 unknown", (5, 1, 1)),
        ("sorry (#5.7.1)", (5, 7, 1)),
        ("[5.2.2] full", (5, 2, 2)),
        ("blocked: 5.1.1.7 is on a list", None),
        ("client host 5.1.1.20 refused", None),
        ("unknown since version 5.1.1", None),
        ("nein", None),
    ],
)
def test_enhanced_status_code_is_read_where_servers_put_it(text, status):
    assert SmtpReply("RCPT", 550, text).status == status


def test_code_of_the_class_that_passes_wins_over_a_permanent_status():
    assert fault_of(SmtpReply("RCPT", 450, "5.1.1 unverified address")) is PASSING
