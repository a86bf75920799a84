from django.apps import AppConfig
from django.utils import translation

from reminders.recurrence import speech


class RemindersConfig(AppConfig):
    name = "reminders"

    def ready(self) -> None:
        # Schedules are told in the language of whoever asks, where there is a translation.
        speech.install(translation)
        from reminders import answers  # noqa: PLC0415  It needs the models, which are there by now.

        answers.offer()
