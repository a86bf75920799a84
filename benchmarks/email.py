"""The e-mail transport beside smtplib, with a mail server that only says yes. See README.md.

python -m benchmarks.email [--quick] [--json]
"""

import argparse
import json
import math
import smtplib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial
from time import perf_counter, process_time

from django.conf import settings
from django.core import mail

from benchmarks.recurrence import Goal, Spread
from notifications.transports.base import SEND_BATCH_SIZE, Message
from notifications.transports.email import SMTP_BACKEND, EmailTransport, write_letter
from notifications.transports.mail.mime import Letter, Letterhead

HOST = "127.0.0.1"
SENDER = "FOAM <foam@foam.example>"
DUE_AT = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
LEAST = 5
EACH = "smtplib, a connection for each"
ONE = "smtplib, one connection"
DJANGO = "Django, one connection"
FOAM = "FOAM"
FLOOR = "prepared octets, nothing checked"
WRITING = "FOAM, writing alone"


@dataclass
class Row:
    """Messages a second and microseconds of CPU for each; ratios are those of each round."""

    name: str
    rate: Spread
    ratio: Spread
    cpu: Spread
    cpu_ratio: Spread


def messages(count: int) -> list[Message]:
    """One in five has words that are not ASCII."""
    return [
        Message(
            delivery_id=number,
            attempt=1,
            id=f"foam_{number}_1",
            channel_id=1,
            address=f"user{number}@example.com",
            title="Kaffee für Zoë ☕" if number % 5 == 0 else "Stand-up in the kitchen",
            body="Zehn Minuten früher, bitte.\n" * 3
            if number % 5 == 0
            else "Bring what you need for the demo.\n" * 3,
            due_at=DUE_AT,
            data={"due_text": "Monday at 18:00 (Europe/Berlin)", "schedule_text": "every Monday"},
        )
        for number in range(1, count + 1)
    ]


def plain(message: Message) -> EmailMessage:
    """The same e-mail in the way of Python's documentation."""
    written = EmailMessage()
    written["Subject"] = message.title
    written["From"] = SENDER
    written["To"] = message.address
    written["Message-ID"] = f"<{message.id}@foam.example>"
    written["Auto-Submitted"] = "auto-generated"
    written.set_content(text(message))
    return written


def text(message: Message) -> str:
    due, schedule = message.data["due_text"], message.data["schedule_text"]
    return f"{message.title}\n\n{message.body}\nDue: {due}\nSchedule: {schedule}"


def connected() -> smtplib.SMTP:
    return smtplib.SMTP(HOST, settings.EMAIL_PORT, local_hostname="localhost")


def a_connection_for_each(batch: list[Message]) -> None:
    for message in batch:
        with connected() as smtp:
            smtp.send_message(plain(message))


def one_connection(batch: list[Message]) -> None:
    with connected() as smtp:
        for message in batch:
            smtp.send_message(plain(message))


def django(batch: list[Message]) -> None:
    with mail.get_connection() as connection:
        for message in batch:
            to, id = [message.address], {"Message-ID": f"<{message.id}@foam.example>"}
            written = mail.EmailMessage(message.title, text(message), SENDER, to, headers=id)
            connection.send_messages([written])


def foam(batch: list[Message]) -> None:
    """In batches as the outbox has them, each over a connection of its own."""
    for start in range(0, len(batch), SEND_BATCH_SIZE):
        for outcome in EmailTransport().send_many(batch[start : start + SEND_BATCH_SIZE], math.inf):
            assert outcome
            assert not outcome.error


def written(batch: list[Message]) -> list[Letter]:
    head = Letterhead(SENDER, "foam.example")
    return [write_letter(head, message) for message in batch]


def floor(letters: list[Letter]) -> None:
    """One write and one read for each letter, as if no answer could be anything but yes."""
    envelope = "MAIL FROM:<{}>\r\nRCPT TO:<{}>\r\nDATA\r\n"
    begin = [envelope.format(each.sender, each.recipient).encode() for each in letters]
    texts = [each.content + b".\r\n" for each in letters]
    groups = [begin[0], *(map(bytes.__add__, texts, [*begin[1:], b"QUIT\r\n"]))]
    with socket.create_connection((HOST, settings.EMAIL_PORT)) as wire:
        wire.recv(4096)
        wire.sendall(b"EHLO localhost\r\n")
        wire.recv(4096)
        for group in groups:
            wire.sendall(group)
            while not wire.recv(4096).endswith((b"354 go on\r\n", b"221 bye\r\n")):
                pass


@contextmanager
def sink() -> Iterator[None]:
    """Have the mail server run in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.mail_sink"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            settings.configure(
                EMAIL_BACKEND=SMTP_BACKEND,
                EMAIL_HOST=HOST,
                EMAIL_PORT=int(process.stdout.readline()),
                EMAIL_TIMEOUT=10,
                DEFAULT_FROM_EMAIL=SENDER,
                SECRET_KEY="of the benchmark",  # noqa: S106  of a process that ends with it
                FOAM_RETURN_PATH="",
                FOAM_EHLO_NAME="",
                FOAM_BASE_URL="https://foam.example",
                FOAM_LEASE_SECONDS=120,
            )
            yield
        finally:
            process.terminate()


def taken() -> int:
    with connected() as smtp:
        return int(smtp.noop()[1])


def timed(run: Callable[[], object], count: int, *, is_sent: bool) -> tuple[float, float]:
    """Return messages a second and microseconds of our CPU for each."""
    cpu, began = process_time(), perf_counter()
    run()
    seconds, spent = perf_counter() - began, process_time() - cpu
    assert not is_sent or taken() == count, "the server did not take every message"
    return count / seconds, spent / count * 1e6


def measure(quick: bool) -> dict[str, object]:
    rounds, few, many = (2, 100, 500) if quick else (7, 500, 2_000)
    found: dict[str, list[tuple[float, float]]] = {}
    with sink():
        for _ in range(rounds):
            small, large = messages(few), messages(many)
            letters = written(large)
            taken()
            runs: list[tuple[str, Callable[[], object], int]] = [
                (EACH, partial(a_connection_for_each, small), few),
                (ONE, partial(one_connection, small), few),
                (DJANGO, partial(django, small), few),
                (FOAM, partial(foam, large), many),
                (FLOOR, partial(floor, letters), many),
                (WRITING, partial(written, large), many),
            ]
            for name, run, count in runs:
                is_sent = name != WRITING
                found.setdefault(name, []).append(timed(run, count, is_sent=is_sent))
    rows = [row(name, figures, found[EACH]) for name, figures in found.items()]
    reached = goals({row.name: row for row in rows})
    return {
        "rows": [asdict(row) for row in rows],
        "goals": [asdict(goal) for goal in reached],
        "text": report(rows, reached),
    }


def row(name: str, figures: list[tuple[float, float]], base: list[tuple[float, float]]) -> Row:
    rates, cpus = (list(values) for values in zip(*figures, strict=True))
    base_rates, base_cpus = (list(values) for values in zip(*base, strict=True))
    ratios = [rate / slow for rate, slow in zip(rates, base_rates, strict=True)]
    saved = [slow / cpu for cpu, slow in zip(cpus, base_cpus, strict=True)]
    return Row(name, *map(Spread.of, (rates, ratios, cpus, saved)))


def goals(rows: dict[str, Row]) -> list[Goal]:
    foam = rows[FOAM]
    return [
        Goal(f"{LEAST} x {EACH}", f"{foam.ratio.text()} x", foam.ratio.middle >= LEAST),
        Goal(
            f"a {LEAST}th of its CPU", f"1/{foam.cpu_ratio.text()}", foam.cpu_ratio.middle >= LEAST
        ),
    ]


def report(rows: list[Row], reached: list[Goal]) -> str:
    lines = [
        f"{'median (least-most)':34}{'times as fast':>20}{'times less CPU':>20}"
        f"{'a second':>26}{'CPU us each':>26}"
    ]
    for row in rows:
        ratios = f"{row.ratio.text():>20}{row.cpu_ratio.text():>20}"
        lines.append(f"{row.name:34}{ratios}{row.rate.text(',.0f'):>26}{row.cpu.text():>26}")
    lines += ["", *(f"{'met' if g.met else 'NOT MET':8}{g.name}: {g.measured}" for g in reached)]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the e-mail transport.")
    parser.add_argument("--quick", action="store_true", help="two rounds of few messages")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    measured = measure(options.quick)
    words = measured.pop("text")
    print(json.dumps(measured) if options.json else words)


if __name__ == "__main__":
    main()
