from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import tokens
from accounts.models import User
from accounts.models.token import API_SCOPES


class Command(BaseCommand):
    help = "Create an API token for a user and print its secret, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="command line", help="what the token is for")
        parser.add_argument(
            "--scope",
            action="append",
            choices=API_SCOPES,
            help="what it may do; repeat for several (default: all but tokens:write)",
        )
        lifetime = parser.add_mutually_exclusive_group()
        lifetime.add_argument(
            "--days",
            type=int,
            default=tokens.DEFAULT_DAYS,
            help="expire after this many days (default: %(default)s)",
        )
        lifetime.add_argument("--never-expires", action="store_true", help="good until revoked")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']!r}.")
        days, now = options["days"], timezone.now()
        if not 0 < days <= tokens.MAX_DAYS:
            raise CommandError(f"--days must be between 1 and {tokens.MAX_DAYS}.")
        expires_at = None if options["never_expires"] else now + timedelta(days=days)
        scopes = options["scope"] or tokens.DEFAULT_SCOPES
        try:
            token, secret = tokens.make(
                user, options["name"], now, scopes=scopes, expires_at=expires_at
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(secret)
        until = f"on {expires_at:%Y-%m-%d}" if expires_at else "never"
        self.stderr.write(f"{token} expires {until}. Its scopes: {', '.join(token.scopes)}.")
