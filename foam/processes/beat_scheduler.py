"""Beat's scheduler: django-celery-beat's, but it survives a clock set back and a lost database.

django-celery-beat compares system times, in a heap and in each entry's last run. If the clock is
set back by three hours, all of these lie in the future and nothing would be due for three hours.
And it ends if the database does not answer while it reads its table again.
"""

import logging
import time
from datetime import UTC, datetime
from typing import Any

from celery.beat import Service
from celery.platforms import signals
from celery.schedules import schedstate
from celery.signals import beat_init
from celery.utils.nodenames import gethostname
from django.db import DatabaseError, InterfaceError, close_old_connections
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from foam.processes import liveness

log = logging.getLogger(__name__)

# django-celery-beat compares this with a naive time.
LONG_AGO = datetime(1970, 1, 1)  # noqa: DTZ001


@beat_init.connect
def end_between_ticks(sender: Service, **_: object) -> None:
    """Make SIGTERM and SIGINT end beat after its current tick.

    Celery's own handler writes the table at once. If the signal interrupts a statement, that waits
    for ever for the lock of the connection, which psycopg holds during the statement.
    """

    def end(number: int, frame: object) -> None:
        sender.stop(wait=False)

    signals.update(SIGTERM=end, SIGINT=end)


class BeatEntry(ModelEntry):
    last_run_at: datetime

    def is_due(self) -> schedstate:
        now = self._default_now()
        if self.last_run_at > now:
            self.last_run_at = self.model.last_run_at = now
        return super().is_due()


class Scheduler(DatabaseScheduler):
    Entry = BeatEntry

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._ticked_at = datetime.now(UTC)
        self._heartbeat_at = -liveness.EVERY
        super().__init__(*args, **kwargs)
        liveness.watchdog.start()
        log.info("beat is starting.")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        now = datetime.now(UTC)
        if now < self._ticked_at:
            log.warning("the clock was set back by %s", self._ticked_at - now)
            self._read_anew()
        self._ticked_at = now
        if time.monotonic() - self._heartbeat_at >= liveness.EVERY:
            self._heartbeat_at = time.monotonic()
            liveness.send_heartbeat(f"beat@{gethostname()}")
        delay: float = super().tick(*args, **kwargs)
        return delay

    @property
    def schedule(self) -> dict[str, BeatEntry]:
        try:
            return super().schedule
        except (DatabaseError, InterfaceError):
            if self._schedule is None:
                raise
            log.exception("beat cannot read its table; it goes on with what it has")
            close_old_connections()
            self._read_anew()
            return self._schedule

    def _read_anew(self) -> None:
        """Make the next access to `schedule` read the whole table and build the heap again."""
        self._last_full_sync = LONG_AGO
