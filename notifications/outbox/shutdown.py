"""Whether this worker is to end: set in its first process, seen by all that were forked from it."""

import multiprocessing

requested = multiprocessing.Event()
