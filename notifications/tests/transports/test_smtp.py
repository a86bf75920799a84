from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from notifications.tests.mail_server import VERBS, MailServer
from notifications.transports import TransportError
from notifications.transports.mail.mime import Letter
from notifications.transports.mail.smtp import Session

Start = Callable[..., MailServer]
HOW = [{"pipelining": True}, {"pipelining": False}]
EVERY_WAY = [{**how, "in_pieces": in_pieces} for how in HOW for in_pieces in (False, True)]


@pytest.fixture
def start(settings) -> Iterator[Start]:
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST = "127.0.0.1"
    with ExitStack() as servers:

        def started(**how: float) -> MailServer:
            server = servers.enter_context(MailServer(**how))
            settings.EMAIL_PORT = server.port
            return server

        yield started


@pytest.fixture
def impatient(settings) -> None:
    settings.EMAIL_TIMEOUT = 0.3


def letter(number: int, text: str = "Hello") -> Letter:
    content = f"Subject: {number}\r\n\r\n{text}\r\n".encode()
    return Letter("foam@foam.example", name(number), content)


def name(number: int) -> str:
    return f"m{number}@example.com"


def names(*numbers: int) -> list[str]:
    return [name(number) for number in numbers]


def send(count: int) -> list[TransportError | None]:
    return list(Session().send(letter(number) for number in range(1, count + 1)))


def failed(errors: list[TransportError | None]) -> dict[int, TransportError]:
    return {number: error for number, error in enumerate(errors, 1) if error}


# One connection, in step


@pytest.mark.parametrize("how", EVERY_WAY)
def test_each_letter_reaches_its_recipient_with_its_own_text(start, how):
    server = start(**how)
    assert failed(send(10)) == {}
    assert [(taken.recipient, taken.text) for taken in server.wait_for(10)] == [
        (name(n), f"Subject: {n}\r\n\r\nHello".encode()) for n in range(1, 11)
    ]
    assert server.connections == 1
    assert server.violations == []


def test_envelope_goes_out_at_once_where_the_server_allows_it(start):
    server = start(pipelining=True)
    send(3)
    assert server.together == 3


def test_server_without_pipelining_is_told_one_thing_at_a_time(start):
    server = start(pipelining=False)
    send(3)
    assert server.together == 1


@pytest.mark.parametrize("how", HOW)
def test_leave_is_taken_when_all_is_sent(start, how):
    server = start(**how)
    send(2)
    assert server.heard[-1] == "QUIT"


def test_leave_is_not_written_into_a_text(start):
    server = start()
    errors = Session().send(letter(number) for number in (1, 2))
    next(errors)
    errors.close()
    server.wait_until_left()
    # The server may see the end before it has read the last line.
    begun = b"DATA\r\n" if server.heard[-1] == "DATA" else b""
    assert begun + server.cut_off == b"DATA\r\n"


@pytest.mark.parametrize(("how", "count"), [(HOW[0], 2), (HOW[1], 1)])
def test_letter_is_asked_for_only_when_it_can_be_begun(start, how, count):
    start(**how)
    asked: list[int] = []
    errors = Session().send(asked.append(number) or letter(number) for number in range(5))
    next(errors)
    errors.close()
    assert len(asked) == count


@pytest.mark.parametrize(
    "text", [".", "..", ".\r\n.", "\r\n.\r\n", ".a\r\n..b\r\nc.", "a\r\n..\r\n"]
)
def test_dots_arrive_as_they_are(start, text):
    server = start()
    assert list(Session().send(iter([letter(1, text), letter(2)]))) == [None, None]
    first, second = server.wait_for(2)
    assert first.text == f"Subject: 1\r\n\r\n{text}".encode()
    assert second.text == b"Subject: 2\r\n\r\nHello"


# Whose answer it is


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_refusal_is_that_of_the_letter_that_was_refused(start, how, verb, number):
    server = start(**how)
    server.script(verb, number, "550 5.7.1 not that one")
    errors = failed(send(5))
    assert list(errors) == [number]
    assert errors[number].detail == "answered 550: 5.7.1 not that one"
    assert server.taken == names(*({1, 2, 3, 4, 5} - {number}))
    assert server.violations == []


@pytest.mark.parametrize("how", HOW)
def test_every_other_letter_refused_at_another_place(start, how):
    server = start(**how)
    server.script("MAIL", 2, "451 first")
    # Without pipelining nothing is said after a refusal.
    server.script("RCPT", 4 if how["pipelining"] else 3, "452 second")
    server.script(".", 4, "453 third")
    errors = failed(send(7))
    assert {n: error.detail for n, error in errors.items()} == {
        2: "answered 451: first",
        4: "answered 452: second",
        6: "answered 453: third",
    }
    assert server.taken == names(1, 3, 5, 7)


@pytest.mark.parametrize("how", HOW)
def test_reply_in_the_four_hundreds_may_work_later(start, how):
    start(**how).script("RCPT", 1, "450 4.7.1 greylisted")
    [error] = send(1)
    assert (error.permanent, error.uncertain) == (False, False)


@pytest.mark.parametrize("code", [503, 530])
def test_refusal_that_is_about_us_may_work_later(start, code):
    start().script("RCPT", 1, f"{code} not like this")
    [error] = send(1)
    assert not error.permanent


def test_text_of_a_refused_letter_is_not_sent_though_the_server_would_take_it(start):
    server = start()
    server.script("RCPT", 2, "550 no such user")
    server.script("DATA", 2, "354 go on")
    assert list(failed(send(3))) == [2]
    assert server.taken == names(1, 3)
    assert server.texts == [name(1), "nobody", name(3)]
    assert server.violations == []


@pytest.mark.parametrize("reply", [MailServer.CLOSE, "421 bye", "250 out of step"])
def test_refusal_counts_though_the_connection_breaks_after_it(start, reply):
    server = start()
    server.script("RCPT", 2, "550 no such user")
    server.script("DATA", 2, reply)
    errors = failed(send(3))
    assert list(errors) == [2]
    assert errors[2].permanent
    assert [(taken.recipient, taken.connection) for taken in server.wait_for(2)] == [
        (name(1), 1),
        (name(3), 2),
    ]


@pytest.mark.parametrize(
    ("verb", "reply"),
    [("MAIL", "354 go on"), ("DATA", "250 taken"), ("RCPT", "hello"), ("DATA", "220 ready")],
)
def test_server_that_is_out_of_step_is_asked_anew_over_another_connection(start, verb, reply):
    server = start()
    server.script(verb, 2, reply)
    assert failed(send(3)) == {}
    assert [(taken.recipient, taken.connection) for taken in server.wait_for(3)] == [
        (name(1), 1),
        (name(2), 2),
        (name(3), 2),
    ]


def test_answer_without_end_is_not_read_to_its_end(start):
    server = start()
    server.script("MAIL", 1, "250-and\r\n" * 10_000 + "250 so on")
    assert "an answer without end" in failed(send(2))[1].detail
    assert server.taken == names(2)


# A connection that is lost


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", [MailServer.CLOSE, "421 4.3.2 that was enough"])
def test_what_was_taken_before_the_connection_closed_is_not_sent_again(start, how, verb, reply):
    server = start(**how)
    server.script(verb, 4, reply)
    assert failed(send(10)) == {}
    assert server.taken == names(*range(1, 11))
    assert [taken.connection for taken in server.wait_for(10)] == [1] * 3 + [2] * 7


@pytest.mark.parametrize("how", HOW)
def test_text_that_is_answered_with_a_good_bye_goes_again(start, how):
    server = start(**how)
    server.script(".", 2, "421 4.3.2 closing down")
    assert failed(send(3)) == {}
    assert server.taken == names(1, 2, 3)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_text_that_was_not_answered_may_have_been_taken_and_goes_only_once(start, how, number):
    server = start(**how)
    server.script(".", number, server.CLOSE)
    errors = failed(send(3))
    assert [(n, error.uncertain, error.permanent) for n, error in errors.items()] == [
        (number, True, False)
    ]
    assert server.texts == names(1, 2, 3)
    assert server.taken == names(*({1, 2, 3} - {number}))


def test_text_whose_answer_makes_no_sense_may_have_been_taken(start):
    server = start()
    server.script(".", 2, "354 go on")
    errors = failed(send(3))
    assert [(n, error.uncertain) for n, error in errors.items()] == [(2, True)]
    assert server.texts == names(1, 2, 3)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("verb", VERBS)
def test_server_that_hangs_costs_one_letter_and_is_asked_anew(start, how, verb, impatient):
    server = start(**how)
    server.script(verb, 2, server.HANG)
    errors = failed(send(3))
    assert [(n, error.uncertain) for n, error in errors.items()] == [(2, verb == ".")]
    assert errors[2].detail == "The mail server broke the connection: no answer within 0.3 s"
    assert server.taken == names(1, 3)


def test_server_that_hangs_twice_in_a_row_is_not_waited_for_again(start, impatient):
    server = start()
    for number in (1, 2):
        server.script("MAIL", number, server.HANG)
    errors = failed(send(5))
    assert list(errors) == [1, 2, 3, 4, 5]
    assert server.connections == 2


def test_server_whose_answers_trickle_in_is_not_waited_for_to_the_last(start, impatient):
    start(pipelining=False, pause=0.25)
    [error] = send(1)
    assert error.detail == "The mail server broke the connection: no answer within 0.3 s"


# Whatever a server does

ODD = ["421 bye", "450 later", "550 never", "250 fine", "354 go on", "251 odd", "hm", "999 ?"]
DEEDS = st.sampled_from([*ODD, MailServer.CLOSE])
PLACES = st.tuples(st.sampled_from([*VERBS, "RSET"]), st.integers(1, 8))


@pytest.mark.parametrize("how", HOW)
@given(script=st.dictionaries(PLACES, DEEDS, max_size=8))
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_a_server_does_sent_is_what_it_has_taken_and_no_more(settings, start, how, script):
    with MailServer(**how) as server:
        settings.EMAIL_PORT = server.port
        for place, deed in script.items():
            server.script(*place, deed)
        errors = send(6)
    assert len(errors) == 6
    for number, error in enumerate(errors, 1):
        assert server.taken.count(name(number)) == (error is None)
        is_unanswered = name(number) in server.unanswered
        assert bool(error and error.uncertain) == is_unanswered
    assert server.violations == []
