"""What the threads of this process know of a server that does not answer.

One of them waits for it. The others fail at once, so that a request, a probe or a tick does not
wait for what is known already.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from psycopg import OperationalError
from psycopg.errors import ConnectionTimeout

# How long nobody tries again, in seconds, after the server did not answer.
PAUSE = 1.0


class Outage:
    def __init__(self) -> None:
        self._lock = Lock()
        self._noticed_at: float | None = None
        self._is_tried = False

    def since(self, began: float) -> bool:
        """Return whether another thread has noticed it after `began`, of the monotonic clock."""
        return self._noticed_at is not None and self._noticed_at > began

    def notice(self) -> None:
        self._noticed_at = time.monotonic()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Connect in here; while there is an outage, one thread at a time, with a pause."""
        with self._lock:
            noticed_at = self._noticed_at
            if noticed_at is not None:
                if self._is_tried or time.monotonic() - noticed_at < PAUSE:
                    raise OperationalError("the server did not answer a moment ago")
                self._is_tried = True
        try:
            yield
        except ConnectionTimeout:
            self.notice()
            raise
        else:
            self._noticed_at = None
        finally:
            if noticed_at is not None:
                self._is_tried = False


outage = Outage()
