"""Renders a message as plain text and as HTML for light and dark mode. Pure.

The HTML loads nothing from the network. Users' text is always escaped; the only markup made from it
is a link around a web address, with the address as its text.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from notifications.links.signed_links import Link
from notifications.transports.base import Message
from notifications.transports.mail.mime import Texts, one_line

# The action that ends the e-mails; mail programs offer it beside the sender (RFC 8058).
NOT_ME = "not_me"
# Ends before a blank, a bracket, a quotation mark, or a character that changes the text direction.
ADDRESS = re.compile(
    r"https?://\w[^\s<>\"\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]*", re.I
)
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# Styles are inline, as many mail programs ignore style sheets; the classes are for dark mode.
FONT = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
BUTTON = (
    "display:inline-block;margin:0 8px 8px 0;padding:10px 16px;border:1px solid {border};"
    "border-radius:8px;background:{back};color:{text};font-size:15px;line-height:20px;"
    "font-weight:600;text-decoration:none"
)
FIRST_BUTTON = BUTTON.format(border="#0f766e", back="#0f766e", text="#ffffff")
OTHER_BUTTON = BUTTON.format(border="#c4d3d0", back="#ffffff", text="#115e59")

HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<style>
:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (prefers-color-scheme:dark){
.page{background:#0e1514!important}
.card{background:#17211f!important;border-color:#2a3835!important}
.text{color:#e6efed!important}
.note{color:#9db0ac!important}
.link{color:#5eead4!important}
.rule{border-color:#2a3835!important}
.first{background:#5eead4!important;border-color:#5eead4!important;color:#06201d!important}
.other{background:#17211f!important;border-color:#47605b!important;color:#99f6e4!important}
}
</style>
"""
BODY = f"""</title></head>
<body class="page" style="margin:0;padding:0;background:#f1f6f5;font-family:{FONT}">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
<tr><td class="page" align="center" style="padding:24px 12px;background:#f1f6f5">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"
 style="max-width:560px;text-align:start">
<tr><td class="card" style="padding:28px 24px 20px;background:#ffffff;border:1px solid #dbe6e4;
border-radius:12px">
<h1 class="text" dir="auto" style="margin:0 0 12px;font-size:22px;line-height:30px;
font-weight:700;color:#14211f;overflow-wrap:anywhere">"""
BODY_TEXT = """<div class="text" dir="auto" style="margin:0 0 16px;font-size:16px;line-height:25px;
color:#14211f;overflow-wrap:anywhere;unicode-bidi:plaintext">"""
NOTE = """<p class="note" dir="auto" style="margin:0 0 4px;font-size:14px;line-height:21px;
color:#566865;overflow-wrap:anywhere">"""
ACTIONS = """<div class="rule" style="margin:20px 0 0;padding:20px 0 4px;
border-top:1px solid #dbe6e4">
"""
FOOT = """</td></tr>
<tr><td class="note" align="center" style="padding:16px 12px 0;font-size:13px;line-height:20px;
color:#566865">"""
END = """</td></tr></table></td></tr></table></body></html>
"""


def render_texts(message: Message, links: Sequence[Link]) -> Texts:
    title, body = one_line(message.title), message.body.strip()
    due_lines = _due_lines(message)
    return Texts(_plain(title, body, due_lines, links), _html(title, body, due_lines, links))


def find_not_me(links: Sequence[Link]) -> Link | None:
    return next((link for link in links if link.action.name == NOT_ME), None)


def _due_lines(message: Message) -> list[str]:
    """Return the due time and the schedule of a reminder; nothing for other messages."""
    if not message.data.get("type", "reminder").startswith("reminder"):
        return []
    due = message.data.get("due_text") or _format_due(message.due_at.astimezone(UTC))
    schedule = message.data.get("schedule_text")
    return [f"Due: {due}", f"Schedule: {schedule}"] if schedule else [f"Due: {due}"]


def _format_due(due_at: datetime) -> str:
    return f"{due_at:%A} {due_at.day} {due_at:%B %Y, %H:%M} UTC ({due_at:%Y-%m-%dT%H:%M:%SZ})"


def below_title(message: Message) -> str:
    """Return the plain text of a message below its title, without the links."""
    return _paragraphs(message.body.strip(), "\n".join(_due_lines(message)))


def link_lines(links: Sequence[Link]) -> str:
    return "\n".join(f"{link.action.label}: {link.url}" for link in links)


def _plain(title: str, body: str, due_lines: Sequence[str], links: Sequence[Link]) -> str:
    return _paragraphs(title, body, "\n".join(due_lines), link_lines(links))


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _html(title: str, body: str, due_lines: Sequence[str], links: Sequence[Link]) -> str:
    heading = escape(title)
    text = f"{BODY_TEXT}{_marked_up(body)}</div>\n" if body else ""
    notes = "".join(f"{NOTE}{escape(line)}</p>\n" for line in due_lines)
    return (
        f"{HEAD}<title>{heading}{BODY}{heading}</h1>\n{text}{notes}{_buttons(links)}{FOOT}"
        f"{_foot(links)}{END}"
    )


def _buttons(links: Sequence[Link]) -> str:
    buttons = [link for link in links if link.action.name != NOT_ME]
    if not buttons:
        return ""
    first, *rest_of_buttons = buttons
    rows = [_link(first, "first", FIRST_BUTTON)]
    rows += [_link(link, "other", OTHER_BUTTON) for link in rest_of_buttons]
    return f"{ACTIONS}{''.join(rows)}</div>\n"


def _foot(links: Sequence[Link]) -> str:
    if link := find_not_me(links):
        return f"Sent by FOAM. {_link(link, 'note', 'color:#566865')}"
    return "Sent by FOAM."


def _link(link: Link, kind: str, style: str) -> str:
    href, label = escape(link.url), escape(link.action.label)
    return f'<a class="{kind}" href="{href}" style="{style}">{label}</a>\n'


def _marked_up(body: str) -> str:
    """Return a text as HTML with the same lines and blanks, and with its web addresses linked."""
    body = INVISIBLE.sub("", body.replace("\r\n", "\n").replace("\r", "\n"))
    html = "".join(_with_links(body)) if "://" in body else escape(body)
    return html.replace("  ", "&nbsp; ").replace("\n", "<br>\n")


def _with_links(text: str) -> Iterator[str]:
    end = 0
    for match in ADDRESS.finditer(text):
        address = _without_stop(match[0])
        yield escape(text[end : match.start()])
        href = escape(address)
        yield f'<a class="link" href="{href}" style="color:#0f766e">{href}</a>'
        end = match.start() + len(address)
    yield escape(text[end:])


def _without_stop(address: str) -> str:
    """Remove the punctuation after an address, and a bracket that was opened before it."""
    while address[-1] in ".,;:!?'*_" or (
        address[-1] == ")" and address.count(")") > address.count("(")
    ):
        address = address[:-1]
    return address
