"""The Celery application: settings come from `foam.settings`, tasks from each app's `tasks.py`."""

import os

from celery import Celery
from kombu.transport.redis import Channel

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foam.settings")

app = Celery("foam")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Nor is a wake-up put back when its worker loses the broker: that needs the broker, and what cannot
# be put back is dumped into a file.
Channel.do_restore = False
