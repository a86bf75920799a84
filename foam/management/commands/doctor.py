import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from foam.monitoring import doctor
from foam.monitoring.doctor import mail
from foam.monitoring.doctor.finding import FAIL, OK, WARN


class Command(BaseCommand):
    help = (
        "Look at everything that FOAM needs, from settings to a running worker, and tell how to "
        "put right what is wrong. It changes nothing; it ends with 1 when something fails."
    )
    # These would already end it where the database is down.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--send-to", metavar="ADDRESS", help="send a letter there, too")
        parser.add_argument(
            "--within", type=float, default=doctor.PATIENCE_SECONDS, help="seconds for each check"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        checks = [*doctor.CHECKS]
        if options["send_to"]:
            checks.append(mail.send_to(options["send_to"]))
        styles = {OK: self.style.SUCCESS, WARN: self.style.WARNING, FAIL: self.style.ERROR}
        found = []
        for each in doctor.examine(timezone.now(), checks, options["within"]):
            found.append(each)
            if not options["json"]:
                self.stdout.write(
                    f"{styles[each.state](f'{each.state:<5}')}{each.check}: {each.text}"
                )
                if each.fix:
                    self.stdout.write(f"     → {each.fix}")
                self.stdout.flush()
        failed = sum(each.state == FAIL for each in found)
        if options["json"]:
            told = {"ok": not failed, "findings": [asdict(each) for each in found]}
            self.stdout.write(json.dumps(told, indent=2))
        if failed:
            warned = sum(each.state == WARN for each in found)
            raise CommandError(f"{failed} failed, {warned} to look at.")
