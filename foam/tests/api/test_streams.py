"""Answers that are written while they are sent: what a failure in their middle leaves behind."""

import logging

import pytest
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from foam.api.streams import begin_stream, watch_stream
from notifications.metrics import store


def broken():
    yield b"first"
    raise ZeroDivisionError


def test_stream_that_breaks_off_is_logged_and_counted(caplog):
    response = StreamingHttpResponse(broken())
    watch_stream(response, "reminder-export", "request-1")
    with caplog.at_level(logging.ERROR), pytest.raises(ZeroDivisionError):
        list(response)
    assert "answer broke off view=reminder-export" in caplog.text
    name = 'foam_requests_total{view="reminder-export",status="broken"}'
    assert store._buffered[name] == 1


def test_first_part_of_a_stream_fails_before_the_status_goes_out():
    def fail():
        raise ZeroDivisionError
        yield b""

    view = begin_stream(lambda request: StreamingHttpResponse(fail()))
    with pytest.raises(ZeroDivisionError):
        view(RequestFactory().get("/"))


def test_stream_that_begins_well_is_whole():
    view = begin_stream(lambda request: StreamingHttpResponse([b"a", b"b", b"c"]))
    assert b"".join(view(RequestFactory().get("/"))) == b"abc"
