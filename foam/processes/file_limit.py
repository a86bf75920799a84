"""The limit of open files, and the number of connections that it allows."""

import resource

# Open files of a worker beside its connections: sockets, logs, database sessions.
OTHER_FILES = 100
# The limit of open files of most systems, where the worker can neither read nor raise it.
USUAL_FILE_LIMIT = 1024


def connection_limit(requested: int) -> int:
    """Return how many connections a worker may have, after it asked for as many open files.

    Each may also have a file for what waits.
    """
    needed = 2 * requested + OTHER_FILES
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY:
            return requested
        if soft < needed:
            soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    except (OSError, ValueError):
        # deploy/systemd allows neither call.
        soft = USUAL_FILE_LIMIT
    return max(1, min(requested, (soft - OTHER_FILES) // 2))
