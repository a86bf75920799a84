"""The Celery application: settings come from `foam.settings`, tasks from each app's `tasks.py`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foam.settings")

app = Celery("foam")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
