"""The request to end this worker: set in its first process, seen by all that it forks."""

import multiprocessing

requested = multiprocessing.Event()
