"""How gunicorn serves FOAM, read by run.sh. GUNICORN_CMD_ARGS overrules every line."""

import os

bind = "0.0.0.0:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "3"))
threads = 4
# A heartbeat file on a slow disk would make a healthy worker look dead.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn makes its own private file there
# It would need a writable home, and nothing here uses it.
control_socket_disable = True
# Where GUNICORN_CMD_ARGS asks for an access log, no address that is a permission stands in it.
logger_class = "foam.access.Logger"
