from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import API_SCOPES, ApiToken, User


class Command(BaseCommand):
    help = "Make an API token for a user and print its secret, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="command line", help="what the token is for")
        parser.add_argument(
            "--scope",
            action="append",
            choices=API_SCOPES,
            help="what it may do; repeat for several (default: everything)",
        )
        parser.add_argument("--days", type=int, help="expire after this many days (default: never)")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']!r}.")
        days = options["days"]
        if days is not None and not 0 < days <= 36500:
            raise CommandError("--days must be between 1 and 36500.")
        expires_at = timezone.now() + timedelta(days=days) if days else None
        _, secret = ApiToken.issue(
            user, options["name"], scopes=options["scope"], expires_at=expires_at
        )
        self.stdout.write(secret)
