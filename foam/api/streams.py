"""Streamed answers: an early failure gets an error answer, a later one is logged and counted."""

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from foam import logs
from foam.monitoring import request_metrics

log = logging.getLogger(__name__)
Answer = Callable[[HttpRequest], HttpResponseBase]


def begin_stream(get_response: Answer) -> Answer:
    """Produce the first part of a streamed answer before its status is sent.

    This is the innermost middleware, so that an error of the first query is answered as any other.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if is_written_while_sent(response) and request.method != "HEAD":
            parts = iter(response)
            response.streaming_content = chain(  # type: ignore[attr-defined]
                [next(parts, b"")], parts
            )
        return response

    return middleware


def watch_stream(response: Any, view: str, request_id: str) -> None:
    """Log and count a streamed answer that breaks off. The client sees that its end is missing."""
    if is_written_while_sent(response):
        response.streaming_content = _watched(response.streaming_content, view, request_id)


def is_written_while_sent(response: Any) -> bool:
    """Whether a generator produces the response, rather than a file that the server copies."""
    return bool(response.streaming) and getattr(response, "file_to_stream", None) is None


def _watched(parts: Iterable[bytes], view: str, request_id: str) -> Iterator[bytes]:
    try:
        yield from parts
    except Exception:
        with logs.request(request_id):
            log.exception("answer broke off view=%s", view)
        request_metrics.count_break(view)
        raise
