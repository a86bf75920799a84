import json
import secrets
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import email_verification, tokens
from accounts.models import ApiToken, User
from reminders.models import Reminder

FIRST = "demo-first-reminder"


class Command(BaseCommand):
    help = "Make a demo user (credentials are kept in a file) and a reminder that is due soon."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--credentials",
            type=Path,
            default=settings.BASE_DIR / ".foam" / "demo.json",
            help="where they are kept (default: .foam/demo.json)",
        )
        parser.add_argument("--in", type=int, default=2, dest="seconds", help="due in N seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo user is for development; this is production.")
        now = timezone.now()
        user, credentials = self.demo_user(options["credentials"])
        due_at = self.first_reminder(user, options["seconds"])
        self.stdout.write(f"e-mail    {user.email}")
        for name in ("password", "token"):
            self.stdout.write(f"{name:<9} {credentials[name]}")
        self.stdout.write(f"reminder  due in {(due_at - now).total_seconds():.0f} s, to the inbox")

    def demo_user(self, path: Path) -> tuple[User, dict[str, str]]:
        """Return the demo user and its credentials, made anew where file and database differ."""
        user, _ = User.objects.get_or_create(
            username="demo",
            defaults={"email": "demo@example.com", "is_staff": True, "is_superuser": True},
        )
        email_verification.mark_email_verified(user)
        stored = json.loads(path.read_text()) if path.exists() else {}
        valid = ApiToken.objects.valid(timezone.now()).for_secret(stored.get("token", ""))
        if user.check_password(stored.get("password", "")) and valid.filter(user=user).exists():
            return user, stored
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
        ApiToken.objects.filter(user=user, name="demo").delete()
        _, token = tokens.make(
            user, "demo", timezone.now(), scopes=tokens.DEFAULT_SCOPES, expires_at=None
        )
        credentials = {"username": user.username, "password": password, "token": token}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(credentials))
        return user, credentials

    def first_reminder(self, user: User, seconds: int) -> Any:
        now = timezone.now()
        reminder = Reminder.objects.owned_by(user).filter(external_id=FIRST).first() or Reminder(
            owner=user, external_id=FIRST, title="Your first reminder", body="FOAM works."
        )
        due_at = (now + timedelta(seconds=seconds)).replace(microsecond=0)
        reminder.starts_at = due_at.replace(tzinfo=None)
        reminder.timezone = "UTC"
        reminder.recurrence = ""
        reminder.store(now)
        return due_at
