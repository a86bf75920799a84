"""The CPU time of one message in the sending process, beside requests.post and smtplib."""

import signal
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage

from django.conf import settings
from django.core.mail import EmailMessage as DjangoMessage
from django.core.mail import get_connection
from django.utils import timezone

from benchmarks.baselines import posting, wire
from benchmarks.bench import Bench, Cost, measure_cost
from benchmarks.report import Cell, Part, Spread, Table, at_least, ratios
from notifications.models import Channel
from notifications.transports import Message, Transport, transport
from notifications.transports.email import SMTP_BACKEND
from reminders.models import Reminder
from tools.local_stack.data_dir import PROJECT
from tools.local_stack.processes import die_with_parent
from tools.testbed import seed
from tools.testbed.load import channels, receivers

DJANGO_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
WEBHOOK, POST = "FOAM, webhook", f"{posting.LIBRARY}, post"
WIRE = "the floor, written before, over open sockets"
EMAIL, SMTPLIB = "FOAM, e-mail", "smtplib, a connection each"
ONE_SMTPLIB, ONE_DJANGO = "smtplib, one connection", "Django, one connection"
# The slower contenders send fewer messages: enough for a rate.
FEWER = 10
HOOK_NAMES = (WEBHOOK, WIRE, POST)
MAIL_NAMES = (EMAIL, ONE_SMTPLIB, ONE_DJANGO, SMTPLIB)
NAMES = (*HOOK_NAMES, *MAIL_NAMES)


def measure(bench: Bench) -> Part:
    count = bench.scale.messages
    costs: dict[str, list[Cost]] = {name: [] for name in NAMES}
    seed.delete_all()
    with receivers() as receiver, sink() as port:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{port}"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.EMAIL_BACKEND = SMTP_BACKEND
        hooks = list(Channel.objects.filter(pk__in=channels(receiver)))
        start = datetime(2026, 1, 1, 9)  # noqa: DTZ001, wall-clock times have no zone
        reminder = seed.plan_reminder(seed.seed_owner(), start, "UTC", "FREQ=DAILY", timezone.now())
        by_hook = messages(reminder, hooks, count)
        by_mail = messages(reminder, [None], count)
        octets = [wire.make_request(receiver.urls[0], number) for number in range(count)]
        contenders: dict[str, tuple[int, Callable[[int], object]]] = {
            WEBHOOK: (count, lambda n: send(transport("webhook"), by_hook[:n])),
            WIRE: (count, lambda n: wire.post(receiver.urls, octets[:n])),
            POST: (count // FEWER, lambda n: post(receiver.urls, reminder, n)),
            EMAIL: (count, lambda n: send(transport("email"), by_mail[:n])),
            ONE_SMTPLIB: (count // FEWER, lambda n: mail_on_one_connection(port, reminder, n)),
            ONE_DJANGO: (count // FEWER, lambda n: mail_by_django(reminder, n)),
            SMTPLIB: (count // FEWER, lambda n: mail(port, reminder, n)),
        }
        for _, call in contenders.values():
            call(8)  # connections and imports, which come once
        take_count(port)
        for _ in bench.rounds():
            for name, (number, call) in contenders.items():
                costs[name].append(measure_cost(bench.rig, lambda: call(number)))  # noqa: B023
                mails = number if name in MAIL_NAMES else 0
                assert take_count(port) == mails, "the mail server did not take every message"
    return report({name: number for name, (number, _) in contenders.items()}, costs)


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


def take_count(port: int) -> int:
    """Return the number of messages that the mail server got since the last call."""
    with smtplib.SMTP("127.0.0.1", port) as server:
        return int(server.noop()[1])


def messages(reminder: Reminder, to: Sequence[Channel | None], count: int) -> list[Message]:
    """Return messages as the outbox hands them to a transport."""
    now = timezone.now()
    messages = []
    # Secrets are encrypted; the transport decrypts them.
    seal = Channel._meta.get_field("secret").get_prep_value
    sealed = [seal(channel.secret) if channel else "" for channel in to]
    for number in range(count):
        channel = to[number % len(to)]
        messages.append(
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
    return messages


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
        mail_on_one_connection(port, reminder, 1, number)


def mail_on_one_connection(port: int, reminder: Reminder, count: int, first: int = 0) -> None:
    with smtplib.SMTP("127.0.0.1", port) as server:
        for number in range(first, first + count):
            server.send_message(letter(reminder, number))


def letter(reminder: Reminder, number: int) -> EmailMessage:
    """Return an e-mail in the way of Python's documentation."""
    message = EmailMessage()
    message["Subject"] = reminder.title
    message["From"] = settings.DEFAULT_FROM_EMAIL
    message["To"] = "ada@example.com"
    message["Message-ID"] = f"<baseline_{number}@example.com>"
    message.set_content(f"{reminder.title}\n\n{reminder.body}")
    return message


def mail_by_django(reminder: Reminder, count: int) -> None:
    with get_connection(DJANGO_BACKEND) as connection:
        for number in range(count):
            connection.send_messages(
                [
                    DjangoMessage(
                        reminder.title,
                        f"{reminder.title}\n\n{reminder.body}",
                        settings.DEFAULT_FROM_EMAIL,
                        ["ada@example.com"],
                        headers={"Message-ID": f"<baseline_{number}@example.com>"},
                    )
                ]
            )


def report(counts: dict[str, int], costs: dict[str, list[Cost]]) -> Part:
    cpu = {n: [1e6 * cost.cpu / counts[n] for cost in runs] for n, runs in costs.items()}
    rate = {n: [counts[n] / cost.wall for cost in runs] for n, runs in costs.items()}
    rows: list[list[Cell]] = []
    for *ours, theirs in (HOOK_NAMES, MAIL_NAMES):
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
