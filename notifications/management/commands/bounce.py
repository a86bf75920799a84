import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils import timezone

from accounts.audit.actor import Actor, Source, acting_as
from notifications.bounces import handling, mailboxes
from notifications.bounces.delivery_status import MAX_MAIL_BYTES

# EX_TEMPFAIL of sysexits.h: the mail server keeps the mail, and retries the pipe later.
TEMPORARY_FAILURE = 75


class Command(BaseCommand):
    help = "Record bounces: one mail from a pipe, or those that wait in a mailbox."

    def add_arguments(self, parser: ArgumentParser) -> None:
        source = parser.add_mutually_exclusive_group()
        source.add_argument(
            "--mailbox", action="store_true", help="unseen mails by IMAP, of FOAM_BOUNCE_MAILBOX"
        )
        source.add_argument("--maildir", metavar="PATH", help="new mails of a Maildir")
        source.add_argument("--mbox", metavar="PATH", help="unread mails of an mbox")

    def handle(self, *args: Any, **options: Any) -> None:
        counts: Counter[handling.BounceResult] = Counter()
        try:
            with acting_as(Actor(Source.COMMAND.value)):
                for octets in self.mails(options):
                    counts[handling.handle(octets, timezone.now())] += 1
        except mailboxes.UnreadableMailbox as error:
            raise CommandError(str(error)) from error
        except Error as error:
            # The mail stays where it is. Another exit code would make the server return it to its
            # sender.
            self.stderr.write(f"The database cannot be used: {type(error).__name__}.")
            sys.exit(TEMPORARY_FAILURE)
        if not counts:
            self.stdout.write("No mail waits.")
        for result, number in counts.items():
            self.stdout.write(f"{number} × {result.value}.")

    def mails(self, options: dict[str, Any]) -> Iterator[bytes]:
        if options["mailbox"]:
            return mailboxes.of_imap(settings.FOAM_BOUNCE_MAILBOX)
        if options["maildir"]:
            return mailboxes.of_maildir(options["maildir"])
        if options["mbox"]:
            return mailboxes.of_mbox(options["mbox"])
        return self.piped()

    def piped(self) -> Iterator[bytes]:
        """Yield the mail on standard input, cut; read the rest, as the server writes all of it."""
        source = sys.stdin.buffer
        octets = source.read(MAX_MAIL_BYTES)
        while source.read(MAX_MAIL_BYTES):
            pass
        yield octets
