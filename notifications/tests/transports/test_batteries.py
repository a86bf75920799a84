"""Thousands of hostile letters and addresses, where a table of some would leave doubts."""

import random
import time
from contextlib import suppress

import pytest
from django.core.exceptions import ValidationError

from notifications.tests.receivers import SmtpReceiver
from notifications.tests.transports.test_email import message, send, use
from notifications.transports.apprise import AppriseTransport
from notifications.transports.apprise_worker.services import MODULES
from notifications.transports.email import EmailTransport

LETTERS = 1000
SERVED_WITHIN = 20
# Ends of lines of all kinds, ends of a letter, headers, encoded words, parts of them and of MIME.
PIECES = [
    "\r\n", "\n", "\r", "\n\n", "\r\n\r\n", "\n\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028",
    ".", "..", "\r\n.\r\n", "\n.\n", "\r.\r", "\r\n.\n", "\n.\r\n", "\r\n..\r\n", "\0", "\r\0\n",
    "Bcc: eve@example.com", "To: eve@example.com", "Subject: hi", "Content-Type: text/html",
    "MAIL FROM:<eve@example.com>", "RCPT TO:<eve@example.com>", "DATA", "QUIT", "RSET", "250 OK",
    "=?utf-8?q?=0D=0ABcc:_eve@example.com?=", "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=",
    "=?utf-8?q?", "?=", "=0D=0A", "=\r\n", "=", "--", "--===", "boundary=", "<", ">", "@", ",",
    "a" * 76, "b" * 998, "é" * 80, "🎉" * 40, " " * 90, "\t", " ", "\u202e", "\ufeff", "\ud7ff",
    "From eve@example.com", "begin 644 x", "$(id)", "%0d%0aBcc:", "\\r\\n", "'", '"', "{title}",
]  # fmt: skip


@pytest.mark.parametrize("pipelining", [False, True])
def test_letters_of_any_pieces_arrive_alone_at_their_address(settings, pipelining):
    chance = random.Random(1)
    texts = [
        ("".join(chance.choices(PIECES, k=chance.randint(1, 6)))[:200],
         "".join(chance.choices(PIECES, k=chance.randint(1, 20))))
        for _ in range(LETTERS)
    ]  # fmt: skip
    with SmtpReceiver(pipelining=pipelining) as receiver:
        use(settings, receiver)
        transport = EmailTransport()
        began = time.monotonic()
        outcomes = send(
            transport,
            *(message(n, title=title, body=body) for n, (title, body) in enumerate(texts)),
        )
        assert [outcome.error for outcome in outcomes] == [None] * LETTERS
        assert time.monotonic() - began < SERVED_WITHIN
        mails = receiver.wait_for(LETTERS)
    assert len(mails) == LETTERS
    headers = {tuple(mail.message.keys()) for mail in mails}
    assert len(headers) == 1
    for mail in mails:
        assert (mail.sender, mail.recipients) == ("foam@foam.example", ["ada@example.com"])
        assert mail.message["Bcc"] is None
        assert [part.get_content_type() for part in mail.message.iter_parts()] == [
            "text/plain",
            "text/html",
        ]


# What a regular expression of a plug-in might go back over.
PATTERNS = [
    "a" * 1900, "a/" * 950, "/" * 1900, "@" * 1900, ":" * 1900, "a@" * 950, "a:" * 950, "?" * 1900,
    "a.a" * 600, "." * 1900, "-" * 1900, "a-" * 950, "+" * 1900, "%" * 1900, "%41" * 600,
    "#" * 1900, "1" * 1900, "1a" * 900, "a,a" * 600, "a=b&" * 450, "?" + "a=b&" * 400,
    "a" * 1800 + "!", "_" * 1900, "é" * 900, "a/" * 900 + "?x=" + "a" * 50,
]  # fmt: skip


def test_addresses_of_all_services_are_judged_at_once():
    transport = AppriseTransport()
    slowest = (0.0, "")
    try:
        for service in sorted(MODULES):
            for pattern in PATTERNS:
                url = f"{service}://{pattern}"
                began = time.monotonic()
                with suppress(ValidationError):
                    transport.clean(url, "")
                slowest = max(slowest, (time.monotonic() - began, url[:60]))
    finally:
        transport.close()
    assert slowest[0] < 2, slowest
