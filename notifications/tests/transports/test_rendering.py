from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.links import signed_links
from notifications.links.signed_links import Action, links
from notifications.transports import Message
from notifications.transports.mail.mime import Texts
from notifications.transports.mail.rendering import render_texts

DUE = datetime(2026, 11, 23, 17, tzinfo=UTC)
ACTIONS = [
    Action("done", "Done", 0),
    Action("hour", "Snooze 1 h", 1),
    Action("not_me", "Not me", 2),
]
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
VOID = {"meta", "br"}


class Page(HTMLParser):
    """What a reader of the HTML has before them: its text, its links and what it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "br":
            self.text += "\n"
        if tag == "a":
            self.links.append((dict(attrs)["href"], ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "title"}.intersection(self.open):
            self.text += data.replace("\n", "").replace("\xa0", " ")
        if "a" in self.open:
            address, label = self.links[-1]
            self.links[-1] = address, label + data


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setattr(signed_links, "_registered", {})
    signed_links.register("test", ACTIONS)


def written(title="Stand-up", body="", reference="other:1", **data) -> Texts:
    message = Message(1, 1, "foam_1_1", 3, "", title, body, DUE, data, reference=reference)
    return render_texts(message, links(message))


def page(*args, **fields) -> Page:
    return Page(written(*args, **fields).html)


def test_both_texts_say_what_is_due_and_when():
    plain, html = written("Stand-up", "Bring it.", due_text="Monday", schedule_text="weekly")
    assert plain == "Stand-up\n\nBring it.\n\nDue: Monday\nSchedule: weekly"
    assert Page(html).text == "Stand-upBring it.Due: MondaySchedule: weeklySent by FOAM."


@pytest.mark.parametrize("kind", ["channel.test", "digest"])
def test_what_reminds_of_nothing_was_not_due(kind):
    told = render_texts(Message(1, 1, "foam_1_1", 1, "", "Title", "", DUE, {"type": kind}), [])
    assert "Due" not in told.plain + told.html


def test_both_texts_have_the_links_that_answer():
    plain, html = written(reference="test:7")
    urls = [link.url for link in links(Message(1, 1, "", 3, "", "", "", DUE, reference="test:7"))]
    assert plain.splitlines()[-3:] == [
        f"{action.label}: {url}" for action, url in zip(ACTIONS, urls, strict=True)
    ]
    labels = [(url, action.label) for action, url in zip(ACTIONS, urls, strict=True)]
    assert Page(html).links == labels


def test_page_says_that_it_suits_light_and_dark():
    html = written().html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme:dark)" in html


def test_page_loads_nothing():
    html = written(body="https://example.com/pixel.gif", reference="test:7").html
    assert not {"img", "link", "script", "iframe", "object"}.intersection(Page(html).tags)
    assert "url(" not in html
    assert "@import" not in html


@given(title=ANY, body=ANY)
def test_whatever_people_write_is_text(title, body):
    shown = page(title, body, reference="test:7")
    plain = set(page("", "https://example.com/", reference="test:7").tags) | {"br", "div"}
    assert set(shown.tags) <= plain
    assert shown.open == []


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "</title><script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "&lt;b&gt; &amp; &#60;",
        "javascript:alert(1)",
        "data:text/html,<b>",
    ],
)
def test_markup_is_shown_as_it_was_written(hostile):
    shown = page(hostile, hostile)
    assert shown.text == f"{hostile}{hostile}Due: Monday 23 November 2026, 17:00 UTC " + (
        "(2026-11-23T17:00:00Z)Sent by FOAM."
    )
    assert shown.links == []


@pytest.mark.parametrize(
    ("body", "link"),
    [
        ("see https://example.com/a?b=1&c=2.", "https://example.com/a?b=1&c=2"),
        ("(http://example.com)", "http://example.com"),
        ("(https://example.com/a_(b)), or", "https://example.com/a_(b)"),
        ("<https://example.com/>", "https://example.com/"),
        ("https://example.com/\"onclick='x'", "https://example.com/"),
        ("https://example.com/\u202etxt.exe", "https://example.com/"),
    ],
)
def test_web_address_is_a_link_to_what_it_says(body, link):
    assert page(body=body).links == [(link, link)]


@pytest.mark.parametrize("body", ["https://", "http://.", "://x", "ftp://example.com", "xhttps:/"])
def test_what_is_no_web_address_is_no_link(body):
    assert page(body=body).links == []


def test_lines_and_blanks_stay_as_they_are():
    shown = page(body="one\r\n  two\r\rthree")
    assert shown.text.startswith("Stand-upone\n  two\n\nthreeDue")


@pytest.mark.parametrize("words", ["שלום", "\u202eevil", "\u2067open"])
def test_each_text_finds_its_own_direction_and_keeps_it_to_itself(words):
    html = written(words, f"{words}\nHello").html
    assert f';overflow-wrap:anywhere">{words}</h1>' in html
    assert f">{words}<br>\nHello</div>" in html
    assert '<h1 class="text" dir="auto"' in html
    assert '<div class="text" dir="auto"' in html


def test_invisible_characters_cannot_become_others():
    """HTML reads &#128; as a euro sign."""
    html = written("a\x80b", "a\x80\x0bb").html
    assert html.encode("ascii", "xmlcharrefreplace").isascii()
    assert "\x80" not in html
