from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from reminders.engine import canary


class Command(BaseCommand):
    help = "Plant anew the canary by which FOAM sees that reminders fire and arrive."

    def handle(self, *args: Any, **options: Any) -> None:
        canary.plant(timezone.now())
        self.stdout.write("Planted. /readyz tells whether it arrives.")
