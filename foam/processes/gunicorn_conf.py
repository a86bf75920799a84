"""gunicorn's configuration, read by run.sh. GUNICORN_CMD_ARGS overrules every line."""

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
    threads = settings.FOAM_WEB_THREADS
    workers = Variables(os.environ).number("WEB_CONCURRENCY", 3, 1, 1000)
except ImproperlyConfigured as error:
    sys.exit(f"Not set up: {error}")

bind = "0.0.0.0:8000"
# No header of a peer moves the path or the scheme. FOAM_TRUST_PROXY tells whether a proxy is there.
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# Refuses slow clients, by the deadlines in foam.processes.http_connection.
worker_class = "foam.processes.gunicorn_worker.Worker"
# Of one process. When there are more, the clients that are idle for longest are closed.
worker_connections = 2000
# gunicorn kills a worker that is stuck as a whole. One whose threads hang still sends heartbeats.
timeout = 60
# How long requests under way may take after SIGTERM. Must be less than the 35 s after which
# docker-compose.yml and deploy/systemd kill gunicorn.
graceful_timeout = 30
# Longer than proxies keep an idle connection (Caddy two minutes, nginx one). If gunicorn closed
# first, a request sent at that moment would be lost, as no proxy repeats a POST.
keepalive = 130
# A heartbeat file on a slow disk would make a healthy worker look dead.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn makes its own private file there
# The control socket would need a writable home, and FOAM does not use it.
control_socket_disable = True

# gunicorn's own lines look like FOAM's.
logconfig_dict = _logging
# Redacts secret addresses, if GUNICORN_CMD_ARGS switches an access log on.
logger_class = "foam.processes.gunicorn_logger.Logger"


def worker_exit(server: object, worker: object) -> None:
    """Write the counters of this process to the database."""
    from foam.monitoring import request_metrics  # noqa: PLC0415  Django is set up in the worker only.

    request_metrics.close()
