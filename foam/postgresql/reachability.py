"""Knowledge that the threads of this process share of a server that does not answer.

One of them waits for it. The others fail at once, so that a request, a probe or a tick does not
wait for what is known already.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from psycopg import OperationalError
from psycopg.errors import ConnectionTimeout

# After the server did not answer, no thread tries again for this many seconds.
PAUSE = 1.0


class Reachability:
    def __init__(self) -> None:
        self._lock = Lock()
        self._lost_at: float | None = None
        self._is_tried = False

    def was_lost_since(self, began: float) -> bool:
        """Return whether another thread lost the server after `began`, of the monotonic clock."""
        return self._lost_at is not None and self._lost_at > began

    def lose(self) -> None:
        self._lost_at = time.monotonic()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Connect in here; while the server does not answer, one thread at a time, with a pause."""
        with self._lock:
            lost_at = self._lost_at
            if lost_at is not None:
                if self._is_tried or time.monotonic() - lost_at < PAUSE:
                    raise OperationalError("the server did not answer a moment ago")
                self._is_tried = True
        try:
            yield
        except ConnectionTimeout:
            self.lose()
            raise
        else:
            self._lost_at = None
        finally:
            if lost_at is not None:
                self._is_tried = False


reachability = Reachability()
