"""The arguments of `python` for FOAM's own programs: workers, beat and the web server."""

WORKER_CLASS = "foam.processes.gunicorn_worker.Worker"


def worker(queue: str, concurrency: int, name: str = "") -> list[str]:
    command = ["-m", "celery", "-A", "foam", "worker", "--loglevel", "INFO"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    queue_options = ["--queues", queue, "--hostname", f"{name or queue}@%h"]
    return [*command, *quiet, *queue_options, "--concurrency", str(concurrency)]


def beat() -> list[str]:
    return ["-m", "celery", "-A", "foam", "beat", "--loglevel", "INFO"]


def web(port: int, workers: int = 1, *options: str) -> list[str]:
    """Return the arguments of the web server; the last of repeated options counts."""
    size = ["--workers", str(workers), "--threads", "4", "--no-control-socket"]
    # As foam/processes/gunicorn_conf.py has it. The class itself believes no header.
    size += ["--worker-class", WORKER_CLASS]
    command = ["-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *size, *options]
    return [*command, "foam.wsgi:application"]
