from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from foam.monitoring import metrics


class Command(BaseCommand):
    help = "Print what /metrics answers, such as for a file that node_exporter collects."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(metrics.page(timezone.now()), ending="")
