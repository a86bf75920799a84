"""How gunicorn serves FOAM, read by run.sh. GUNICORN_CMD_ARGS overrules every line."""

import os
import sys
from pathlib import Path

# gunicorn reads this before it looks for the application.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from foam.environment_variables import Variables

try:
    _logging = settings.LOGGING
    workers = Variables(os.environ).number("WEB_CONCURRENCY", 3, 1, 1000)
except ImproperlyConfigured as error:
    sys.exit(f"Not set up: {error}")

bind = "0.0.0.0:8000"
worker_class = "foam.processes.gunicorn_worker.Worker"
threads = 4
# A worker whose threads hang still says that it is alive: this is for one that is stuck as a whole.
timeout = 60
# What is under way when it is told to end. Less than the patience of who tells it, which is 35 s in
# docker-compose.yml and deploy/systemd.
graceful_timeout = 30
# Longer than proxies keep an idle connection (Caddy two minutes, nginx one): who closes first while
# the other sends cuts a request, and no proxy sends a POST twice.
keepalive = 130
# A heartbeat file on a slow disk would make a healthy worker look dead.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn makes its own private file there
# It would need a writable home, and nothing here uses it.
control_socket_disable = True

# One log for all: gunicorn's own lines look as FOAM's do.
logconfig_dict = _logging
# Where GUNICORN_CMD_ARGS asks for an access log, no address that is a permission stands in it.
logger_class = "foam.processes.gunicorn_logger.Logger"


def worker_exit(server: object, worker: object) -> None:
    """Write what this process has counted."""
    from foam.monitoring import request_metrics  # noqa: PLC0415  Django is set up in the worker only.

    request_metrics.close()
