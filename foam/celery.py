"""The Celery application: settings come from `foam.settings`, tasks from each app's `tasks.py`."""

import gc
import os

from celery import Celery
from celery.signals import worker_process_init, worker_shutting_down
from kombu.transport.redis import Channel

from notifications import shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foam.settings")

app = Celery("foam")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Nor is a wake-up put back when its worker loses the broker: that needs the broker, and what cannot
# be put back is dumped into a file.
Channel.do_restore = False


@worker_process_init.connect
def collect_seldom(**_: object) -> None:
    """Let the garbage collector leave alone what lives as long as the process.

    A batch makes tens of thousands of objects that all live until it is written. By default they
    set off collections that look through every module: a quarter of what a batch costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@worker_shutting_down.connect
def end_rounds(**_: object) -> None:
    """A warm shutdown waits for its tasks: let rounds of deliveries take nothing more."""
    shutdown.requested.set()
