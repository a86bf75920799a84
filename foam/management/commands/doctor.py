import json
from argparse import ArgumentParser
from collections import Counter
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
        findings = []
        for finding in doctor.examine(timezone.now(), checks, options["within"]):
            findings.append(finding)
            if not options["json"]:
                state = styles[finding.state](f"{finding.state:<5}")
                self.stdout.write(f"{state}{finding.check}: {finding.text}")
                if finding.fix:
                    self.stdout.write(f"     → {finding.fix}")
                self.stdout.flush()
        counts = Counter(finding.state for finding in findings)
        if options["json"]:
            report = {"ok": not counts[FAIL], "findings": list(map(asdict, findings))}
            self.stdout.write(json.dumps(report, indent=2))
        if counts[FAIL]:
            raise CommandError(f"{counts[FAIL]} failed, {counts[WARN]} to look at.")
