"""A file that is touched every few seconds, for a probe that looks at nothing but its age.

It costs no start of Python and asks no broker: a worker that waits for Redis is not to be killed.
"""

import logging
import os
from pathlib import Path

from django.conf import settings

log = logging.getLogger(__name__)

# In seconds; a probe takes a minute without word for death.
EVERY = 5.0


def leave_word(name: str) -> None:
    """Touch the file of this process in FOAM_ALIVE_DIR, if that is set."""
    if not settings.FOAM_ALIVE_DIR:
        return
    folder = Path(settings.FOAM_ALIVE_DIR)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / name.replace(os.sep, "_")
        file.touch()
    except OSError as error:
        log.error("cannot leave word in FOAM_ALIVE_DIR: %s", error.strerror)
