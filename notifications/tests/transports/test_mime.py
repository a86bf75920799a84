import re
from base64 import b64decode
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifications.transports.mail.mime import Letterhead, Texts, one_line

AT = datetime(2026, 11, 23, 17, 0, 5, tzinfo=UTC)
# Also what is not assigned and what cannot be seen, but no half of a surrogate pair.
ANY = st.characters(exclude_categories=["Cs"])
WORDS = st.sampled_from(
    [
        *(".", "..", "\r\n.\r\n", "\n.\n", "\r.\r", " ", "\t", "\n", "\r", "\r\n", "--"),
        *("=", "=20", "=\r\n", "=?utf-8?q?hi?=", "\r\nBcc: eve@example.com\r\n", "\n\nFrom eve"),
        *(
            "Zoë",
            "🎉👩\u200d👧",
            "שלום",
            "\u202e",
            "\ufeff",
            "\x00",
            "\x0b",
            "\x7f",
            "\x85",
            "\u2028",
        ),
        *("x" * 997, "ü" * 500, "word " * 30),
    ]
)
TEXTS = st.lists(WORDS | st.text(ANY, max_size=80)).map("".join)
NOTHING = Texts("", "")
HEADERS = [
    "From",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Date",
    "Message-ID",
    "To",
    "Subject",
]


@pytest.fixture(scope="module")
def head() -> Letterhead:
    return Letterhead("FOAM <foam@foam.example>", "foam.example")


def read(content: bytes, policy=SMTP) -> EmailMessage:
    return BytesParser(EmailMessage, policy=policy).parsebytes(content)


def written(
    head: Letterhead,
    title: str = "Stand-up",
    text: str = "Now",
    html: str = "<p>Now</p>",
    unsubscribe: str = "",
) -> bytes:
    to, texts = "ada@example.com", Texts(text, html)
    return head.write("foam_1_1", to, title, texts, AT, unsubscribe=unsubscribe).content


def parts(letter: EmailMessage) -> tuple[EmailMessage, EmailMessage]:
    plain, html = letter.iter_parts()
    return plain, html


def lines_of(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


# Any words


@given(title=TEXTS, text=TEXTS)
@example(title="=?utf-8?q?hi?=", text=".")
@example(title="a" * 2000, text="a" * 2000)
@example(title="", text="")
@pytest.mark.parametrize("policy", [SMTP, default])
def test_any_words_are_read_back_as_they_were(head, policy, title, text):
    title = one_line(title)
    letter = read(written(head, title, text), policy)
    plain, html = parts(letter)
    assert letter["Subject"] == title
    assert lines_of(plain.get_content()) == lines_of(text)
    assert html.get_content() == "<p>Now</p>"
    assert letter.keys() == HEADERS
    assert letter.defects + plain.defects + html.defects == []


@given(title=TEXTS, text=TEXTS)
def test_letter_passes_any_server(head, title, text):
    content = written(head, title, text, text)
    lines = content.split(b"\r\n")
    assert content.isascii()
    assert b"\x00" not in content
    assert content.endswith(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\r" in line or b"\n" in line for line in lines)


@given(title=TEXTS)
def test_title_adds_no_header_whatever_it_holds(head, title):
    letter = read(written(head, title))
    assert letter.keys() == HEADERS
    assert parts(letter)[0].get_content() == "Now"


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("Stand-up", "Subject: Stand-up"),
        ("Zoë", "Subject: =?utf-8?b?Wm/Dqw==?="),
        ("word " * 14 + "end", "Subject: " + "word " * 12 + "word\r\n word end"),
    ],
)
def test_title_is_readable_as_it_stands_where_it_can_be(head, title, line):
    assert f"\r\n{line}\r\n".encode() in written(head, title)


@given(title=st.text(st.characters(min_codepoint=128, exclude_categories=["Cs"]), min_size=20))
def test_no_character_of_a_title_is_cut_in_two(head, title):
    words = re.findall(rb"=\?utf-8\?b\?(.*?)\?=", written(head, title))
    assert "".join(b64decode(word).decode() for word in words) == title


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Now", "7bit"),
        ("x" * 998, "7bit"),
        ("x" * 999, "quoted-printable"),
        ("Zoë", "quoted-printable"),
        ("\x1b[1m", "quoted-printable"),
    ],
)
def test_text_is_encoded_only_where_it_must_be(head, text, encoding):
    plain, _ = parts(read(written(head, text=text)))
    assert plain["Content-Transfer-Encoding"] == encoding


def test_boundary_is_different_each_time_so_that_no_text_can_end_a_part():
    boundaries = {
        read(written(Letterhead("foam@foam.example", "foam.example"))).get_boundary()
        for _ in range(3)
    }
    assert len(boundaries) == 3


def test_html_that_is_not_ascii_is_written_as_references(head):
    _, html = parts(read(written(head, html="<p>Zoë 🎉</p>")))
    assert html["Content-Transfer-Encoding"] == "7bit"
    assert html.get_content() == "<p>Zo&#235; &#127881;</p>"


def test_letter_that_can_be_turned_off_says_where(head):
    letter = read(written(head, unsubscribe="https://foam.example/do/x"))
    assert letter["List-Unsubscribe"] == "<https://foam.example/do/x>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_one_click_is_offered_over_https_only(head):
    letter = read(written(head, unsubscribe="http://foam.example/do/x"))
    assert letter["List-Unsubscribe"] == "<http://foam.example/do/x>"
    assert letter["List-Unsubscribe-Post"] is None


def test_address_that_no_header_can_hold_is_left_out(head):
    assert read(written(head, unsubscribe="https://bücher.example/do/x")).keys() == HEADERS


# Who and when


def test_headers_that_are_the_same_for_all_and_those_that_are_not(head):
    boundary = read(written(head)).get_boundary()
    assert written(head).decode().split("\r\n") == [
        "From: FOAM <foam@foam.example>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "Date: Mon, 23 Nov 2026 17:00:05 +0000",
        "Message-ID: <foam_1_1@foam.example>",
        "To: ada@example.com",
        "Subject: Stand-up",
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "Now",
        f"--{boundary}",
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "<p>Now</p>",
        f"--{boundary}--",
        "",
    ]


@pytest.mark.parametrize(
    ("sender", "header", "address"),
    [
        ("foam@foam.example", "foam@foam.example", "foam@foam.example"),
        ("Zoë <zoe@foam.example>", "Zoë <zoe@foam.example>", "zoe@foam.example"),
        ('"FOAM, at work" <f@a.example>', '"FOAM, at work" <f@a.example>', "f@a.example"),
        ("FOAM <foam@bücher.example>", "FOAM <foam@xn--bcher-kva.example>", None),
    ],
)
def test_sender_may_have_any_name(sender, header, address):
    letter = Letterhead(sender, "foam.example").write("1", "ada@example.com", "", NOTHING, AT)
    assert read(letter.content)["From"] == header
    assert letter.sender == (address or "foam@xn--bcher-kva.example")


def test_host_of_the_message_id_is_ascii():
    head = Letterhead("foam@foam.example", "bücher.example")
    assert read(written(head))["Message-ID"] == "<foam_1_1@xn--bcher-kva.example>"


@pytest.mark.parametrize(
    ("address", "recipient"),
    [
        ("ada.l+foam@example.com", "ada.l+foam@example.com"),
        ('"ada l"@example.com', '"ada l"@example.com'),
        ('"a>b"@example.com', '"a>b"@example.com'),
        ("o'neil@example.com", "o'neil@example.com"),
    ],
)
def test_recipient_is_whom_the_letter_is_to(head, address, recipient):
    letter = head.write("1", address, "", NOTHING, AT)
    assert letter.recipient == recipient
    assert read(letter.content)["To"] == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com>\r\nRCPT TO:<eve@example.com",
        '"a\r\nb"@example.com',
        '"a\x01b"@example.com',
        "ada@example.com, eve@example.com",
        " .\r\nBcc: eve@example.com\r\n",
    ],
)
def test_what_is_no_address_is_not_written_to(head, address):
    with pytest.raises(ValueError, match="ddress"):
        head.write("1", address, "", NOTHING, AT)


@given(address=TEXTS | TEXTS.map(lambda text: f'"{text}"@example.com'))
def test_no_address_adds_a_header_or_a_command(head, address):
    try:
        letter = head.write("1", address, "Stand-up", NOTHING, AT)
    except ValueError:
        return
    assert letter.recipient.isascii()
    assert letter.recipient.isprintable()
    assert read(letter.content).keys() == HEADERS
