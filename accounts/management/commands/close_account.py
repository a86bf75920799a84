from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.account_data import closing
from accounts.models import User


class Command(BaseCommand):
    help = "Close an account for good: nothing more is sent, and its texts are erased."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--yes", action="store_true", help="do not ask first")

    def handle(self, *args: Any, **options: Any) -> None:
        username = options["username"]
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}.")
        if user.closed_at is not None:
            raise CommandError("This account is closed already.")
        question = f"This cannot be undone. To close the account of {user.email}, type its name: "
        if not options["yes"] and input(question) != username:
            raise CommandError("Nothing was changed.")
        try:
            closing.close(user, timezone.now())
        except ValidationError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"Closed. The account is called {user.username} from now on.")
