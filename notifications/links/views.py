"""The page behind a link of a message: GET tells what the link will do, POST does it.

The token is the whole permission. There is no cookie and no CSRF token, so that a mail program may
POST by itself (RFC 8058); and as a tag of 96 bits is not guessed, nobody counts the tries.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.audit.actor import Actor, Source, acting_as
from notifications.links.signed_links import BadLink, ExpiredLink, Pressed, read

HEADERS = {
    "Cache-Control": "no-store",
    # The address of the page is the permission: it goes nowhere else.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}


class Answer(NamedTuple):
    """What a page says, in plain words; with a `button` it asks, without one it tells.

    `about` are lines of a name and what it is, such as when something is due.
    """

    heading: str
    text: str
    about: Sequence[tuple[str, str]] = ()
    button: str = ""
    is_good: bool = True


class Gone(Exception):
    """What a link is about is there no more; says so to people."""


Handler = Callable[[Pressed, datetime], Answer]

_handlers: dict[str, tuple[Handler, Handler]] = {}


def register(prefix: str, describe: Handler, act: Handler) -> None:
    """Answer the links of all causes whose reference begins with `prefix` and a colon.

    `describe` changes nothing and tells what `act` will do; `act` does it and tells what was done.
    To act twice does no harm, and is told. Both raise Gone.
    """
    _handlers[prefix] = describe, act


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a link will do; on POST do it, and show what was done."""
    status, answer = respond(token, timezone.now(), acts=request.method == "POST")
    html = render_to_string("notifications/answer.html", {"answer": answer})
    return HttpResponse(html, status=status, headers=HEADERS)


def respond(token: str, now: datetime, acts: bool) -> tuple[HTTPStatus, Answer]:
    try:
        pressed = read(token, now)
        describe, act = _handlers[pressed.reference.partition(":")[0]]
        with acting_as(Actor(Source.LINK.value, channel_id=pressed.channel_id)):
            return HTTPStatus.OK, (act if acts else describe)(pressed, now)
    except ExpiredLink as error:
        text = f"{error} Nothing was changed."
        return HTTPStatus.GONE, Answer("This link has expired", text, is_good=False)
    except BadLink:
        text = "It may have lost a part on its way. Open it once more from the message itself."
        return HTTPStatus.NOT_FOUND, Answer("This link does not work", text, is_good=False)
    except Gone as error:
        text = f"{error} Nothing was changed."
        return HTTPStatus.GONE, Answer("There is nothing left to do", text, is_good=False)
