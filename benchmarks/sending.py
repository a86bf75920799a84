"""What one message costs the process that sends it, beside requests.post and smtplib."""

import signal
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage

from django.conf import settings
from django.utils import timezone

from benchmarks.baselines import posting, wire
from benchmarks.bench import Bench, Spent, spent
from benchmarks.report import Cell, Part, Spread, Table, at_least, ratios
from notifications.models import Channel
from notifications.transports import Message, Transport, transport
from notifications.transports.email import SMTP_BACKEND
from reminders.models import Reminder
from tools.local_stack.data_dir import PROJECT
from tools.local_stack.processes import die_with_parent
from tools.testbed import seed
from tools.testbed.burst_load import channels, receivers

WEBHOOK, POST = "FOAM, webhook", f"{posting.LIBRARY}, post"
WIRE = "the floor, written before, over open sockets"
EMAIL, SMTPLIB = "FOAM, e-mail", "smtplib, a connection each"
# Of the slower ones fewer will do, for a rate.
FEWER = 10


def measure(bench: Bench) -> Part:
    count = bench.scale.messages
    found: dict[str, list[Spent]] = {name: [] for name in (WEBHOOK, WIRE, POST, EMAIL, SMTPLIB)}
    seed.empty()
    with receivers() as receiver, sink() as port:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{port}"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.EMAIL_BACKEND = SMTP_BACKEND
        hooks = list(Channel.objects.filter(pk__in=channels(receiver)))
        start = datetime(2026, 1, 1, 9)  # noqa: DTZ001, wall-clock times have no zone
        reminder = seed.planned(seed.someone(), start, "UTC", "FREQ=DAILY", timezone.now())
        by_hook = messages(reminder, hooks, count)
        by_mail = messages(reminder, [None], count)
        octets = [wire.written(receiver.urls[0], number) for number in range(count)]
        contenders: dict[str, tuple[int, Callable[[int], object]]] = {
            WEBHOOK: (count, lambda n: send(transport("webhook"), by_hook[:n])),
            WIRE: (count, lambda n: wire.post(receiver.urls, octets[:n])),
            POST: (count // FEWER, lambda n: post(receiver.urls, reminder, n)),
            EMAIL: (count, lambda n: send(transport("email"), by_mail[:n])),
            SMTPLIB: (count // FEWER, lambda n: mail(port, reminder, n)),
        }
        for _, call in contenders.values():
            call(8)  # connections and imports, which come once
        taken(port)
        for _ in bench.rounds():
            for name, (number, call) in contenders.items():
                found[name].append(spent(bench.rig, lambda: call(number)))  # noqa: B023
                mails = number if name in (EMAIL, SMTPLIB) else 0
                assert taken(port) == mails, "the mail server did not take every message"
    return report({name: number for name, (number, _) in contenders.items()}, found)


@contextmanager
def sink() -> Iterator[int]:
    """Run a mail server that takes everything, in a process of its own; yield its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.mail_sink"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    ) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def taken(port: int) -> int:
    """Return how many messages the mail server has taken since it was last asked."""
    with smtplib.SMTP("127.0.0.1", port) as server:
        return int(server.noop()[1])


def messages(reminder: Reminder, to: Sequence[Channel | None], count: int) -> list[Message]:
    """Return what the outbox hands to a transport."""
    now = timezone.now()
    made = []
    # As they are at rest: the transport opens them.
    seal = Channel._meta.get_field("secret").get_prep_value
    sealed = [seal(channel.secret) if channel else "" for channel in to]
    for number in range(count):
        channel = to[number % len(to)]
        made.append(
            Message(
                delivery_id=number + 1,
                attempt=1,
                id=f"foam_{number + 1}_0",
                channel_id=channel.pk if channel else 1,
                address=channel.address if channel else "ada@example.com",
                title=reminder.title,
                body=reminder.body,
                due_at=now,
                data={"type": "reminder.due", "reminder_id": 1, "timezone": "UTC"},
                sealed_secret=sealed[number % len(to)],
            )
        )
    return made


def send(via: Transport, waiting: list[Message]) -> None:
    """Send as a round of the outbox does, without its rows."""
    sender = via.sender()
    while waiting or len(sender):
        room = sender.room()
        if waiting and room:
            batch, waiting = waiting[:room], waiting[room:]
            sender.add(batch)
        for outcome in sender.poll(0.05):
            assert outcome.error is None, outcome.error
        waiting += sender.put_back(everything=False)
    sender.close()


def post(urls: Sequence[str], reminder: Reminder, count: int) -> None:
    for number in range(count):
        posting.post(f"{urls[number % len(urls)]}/hook", reminder)


def mail(port: int, reminder: Reminder, count: int) -> None:
    for number in range(count):
        letter = EmailMessage()
        letter["Subject"] = reminder.title
        letter["From"] = settings.DEFAULT_FROM_EMAIL
        letter["To"] = "ada@example.com"
        letter["Message-ID"] = f"<baseline_{number}@example.com>"
        letter.set_content(f"{reminder.title}\n\n{reminder.body}")
        with smtplib.SMTP("127.0.0.1", port) as server:
            server.send_message(letter)


def report(counts: dict[str, int], found: dict[str, list[Spent]]) -> Part:
    cpu = {n: [1e6 * each.cpu / counts[n] for each in runs] for n, runs in found.items()}
    rate = {n: [counts[n] / each.wall for each in runs] for n, runs in found.items()}
    rows: list[list[Cell]] = []
    for *ours, theirs in ((WEBHOOK, WIRE, POST), (EMAIL, SMTPLIB)):
        for name in (*ours, theirs):
            cheaper, faster = ratios(cpu[theirs], cpu[name]), ratios(rate[name], rate[theirs])
            row: list[Cell] = [name, counts[name], cheaper, faster]
            rows.append([*row, Spread.of(cpu[name]), Spread.of(rate[name])])
    of_post, of_smtplib = ratios(cpu[POST], cpu[WEBHOOK]), ratios(rate[EMAIL], rate[SMTPLIB])
    return Part(
        "sending",
        "The cost of a message",
        goals=[
            at_least("a webhook at a fiftieth of requests.post's CPU", 50, of_post),
            at_least("e-mail 5 x smtplib with a connection each", 5, of_smtplib),
        ],
        tables=[
            Table(
                "One process, receivers that answer at once",
                ["", "N", "times less CPU", "times faster", "CPU, us each", "a second"],
                rows,
            )
        ],
        notes=[
            "FOAM's webhooks are signed, and go out over connections that stay open. The "
            "transports are used as the outbox uses them, without its rows. The floor is what is "
            "left without a library, a signature or an answer that is read: as few system calls "
            "as it takes, from Python.",
        ],
    )
