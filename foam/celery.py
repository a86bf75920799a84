"""The Celery application: settings come from `foam.settings`, tasks from each app's `tasks.py`."""

import gc
import os
import sys
from contextlib import ExitStack
from logging.config import dictConfig
from typing import Any

from celery import Celery
from celery.signals import (
    beat_init,
    before_task_publish,
    setup_logging,
    task_failure,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections
from kombu.transport.redis import Channel
from kombu.utils.objects import cached_property

from foam import logs
from foam.postgresql import limits
from foam.processes import liveness, wake_ups
from notifications.metrics import store
from notifications.outbox import shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foam.settings")


class Foam(Celery):
    """Celery without banners, so that the output of a process is its log alone."""

    def _load_config(self) -> Any:
        """End with one sentence about a wrong setting instead of Celery's traceback."""
        try:
            return super()._load_config()  # type: ignore[misc]
        except ImproperlyConfigured as error:
            sys.exit(f"Not set up: {error}")

    @cached_property
    def Worker(self) -> Any:
        worker_class = super().Worker
        return lambda **options: worker_class(**{**options, "quiet": True})

    @cached_property
    def Beat(self) -> Any:
        beat_class = super().Beat
        return lambda **options: beat_class(**{**options, "quiet": True})


app = Foam("foam")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add("foam.processes.celery_worker:HeartbeatStep")

# A worker that loses the broker must not put its wake-ups back: that needs the broker, and kombu
# would dump them into a file.
Channel.do_restore = False
wake_ups.guard()


@worker_process_init.connect
def collect_seldom(**_: object) -> None:
    """Keep the garbage collector from objects that live as long as the process.

    A batch makes tens of thousands of objects that live until it is written. By default they set
    off collections that traverse every module: a quarter of the cost of a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@worker_shutting_down.connect
def end_rounds(**_: object) -> None:
    """Let rounds of deliveries lease nothing more: a warm shutdown waits for its tasks."""
    shutdown.requested.set()
    liveness.watchdog.end()


@beat_init.connect
@worker_init.connect
def limit_statements(**_: object) -> None:
    limits.serve()


# Django closes old connections before and after a request; a task is one as well.


@task_prerun.connect
@task_postrun.connect
def keep_connection(task: Any, **_: object) -> None:
    """Close connections that are too old or broken; check the others before their next use."""
    if not task.request.is_eager:
        close_old_connections()


# FOAM's logging instead of Celery's: LOG_LEVEL counts, and --loglevel does not.


@setup_logging.connect
def log_as_everywhere(**_: object) -> None:
    dictConfig(settings.LOGGING)


# A task logs with the id of the request that woke it, else with its own id.


@before_task_publish.connect
def pass_id_on(headers: dict[str, Any], **_: object) -> None:
    if request_id := logs.current_request_id():
        headers["request_id"] = request_id


_running = ExitStack()


@task_prerun.connect
def take_id_up(task_id: str, task: Any, **_: object) -> None:
    _running.close()
    _running.enter_context(logs.request(getattr(task.request, "request_id", None) or task_id))


@task_postrun.connect
def let_id_go(**_: object) -> None:
    _running.close()


# Failed tasks are counted, and a process writes its counters before it ends.

TASKS_FAILED = store.Counter("foam_tasks_failed_total")


@task_failure.connect
def count_failure(sender: Any, **_: object) -> None:
    store.buffer(TASKS_FAILED.series(task=sender.name))


@worker_process_shutdown.connect
def write_counts(**_: object) -> None:
    store.flush(every=0)
