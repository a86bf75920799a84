"""Words can be translated; English is what stands in the code."""

from datetime import datetime
from gettext import NullTranslations

import pytest

from reminders.recurrence import Schedule, i18n


class German(NullTranslations):
    TEXTS = {
        "every {n} weeks": "alle {n} Wochen",
        "on {days}": "am {days}",
        "at {times}": "um {times}",
        "Monday": "Montag",
        "Thursday": "Donnerstag",
        "{most} and {last}": "{most} und {last}",
        ", until {date}": ", bis {date}",
        "{day} {month} {year}": "{day}. {month} {year}",
        "December": "Dezember",
    }

    def gettext(self, message):
        return self.TEXTS.get(message, message)

    def ngettext(self, singular, plural, number):
        return self.gettext(singular if number == 1 else plural)


@pytest.fixture
def german():
    before = i18n._installed[0]
    i18n.install(German())
    yield
    i18n.install(before)


def schedule():
    return Schedule(
        starts_at=datetime(2026, 11, 23, 18, 0),
        timezone="Europe/Berlin",
        recurrence="FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;UNTIL=20261224T180000",
    )


def test_words_are_english_by_default():
    assert schedule().text == (
        "every 2 weeks on Monday and Thursday at 18:00 (Europe/Berlin), until 24 December 2026"
    )


def test_words_follow_the_translation_that_is_installed(german):
    assert schedule().text == (
        "alle 2 Wochen am Montag und Donnerstag um 18:00 (Europe/Berlin), bis 24. Dezember 2026"
    )
