"""The page of a link in a message: GET describes the action, POST performs it.

The token is the whole permission. There is no cookie and no CSRF token, so that a mail program can
POST by itself (RFC 8058). A tag of 96 bits cannot be guessed, so there is no limit of tries.
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
    # The URL of the page is the permission, so it must not reach another site.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}


class Answer(NamedTuple):
    """The content of a page: with a `button` a question, without one a statement.

    `about` are pairs of a label and a value, such as the due instant.
    """

    heading: str
    text: str
    about: Sequence[tuple[str, str]] = ()
    button: str = ""
    is_good: bool = True


class StaleLink(Exception):
    """The subject of a link no longer exists; the text is for people."""


Handler = Callable[[Pressed, datetime], Answer]

_handlers: dict[str, tuple[Handler, Handler]] = {}


def register(prefix: str, describe: Handler, act: Handler) -> None:
    """Register the handlers of all causes whose reference begins with `prefix` and a colon.

    `describe` returns the question and changes nothing; `act` performs the action and returns the
    result. Acting twice must do no harm. Both may raise StaleLink.
    """
    _handlers[prefix] = describe, act


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the action of a link; on POST perform it and show the result."""
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
    except StaleLink as error:
        text = f"{error} Nothing was changed."
        return HTTPStatus.GONE, Answer("There is nothing left to do", text, is_good=False)
