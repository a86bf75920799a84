"""An update of tzdata, for a test: a zone whose file is another one's."""

from collections.abc import Callable, Iterator

import pytest

from accounts import timezones
from reminders.recurrence.timeline import _end_of_count
from reminders.recurrence.wall_clock import _changes, zone_clock

Update = Callable[[str, str], None]


@pytest.fixture
def update_rules() -> Iterator[Update]:
    """Return a function that gives a zone the rules of another, as a new tzdata would."""
    file_of, patched = timezones.file_of, {}

    def update(name: str, like: str) -> None:
        patched[name] = like
        forget()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezones, "file_of", lambda name: file_of(patched.get(name, name)))
        yield update
    forget()


def forget() -> None:
    """Clear what a process remembers of its zones: an update means new processes."""
    timezones.zone.cache_clear()
    _changes.cache_clear()
    zone_clock.cache_clear()
    _end_of_count.cache_clear()
