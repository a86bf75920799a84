from django.apps import AppConfig
from django.utils import translation

from reminders.recurrence import speech


class RemindersConfig(AppConfig):
    name = "reminders"

    def ready(self) -> None:
        # Schedules are told in the language of whoever asks, where there is a translation.
        speech.install(translation)
        # They need the models, which are there by now.
        from reminders import answers, token_expiry  # noqa: PLC0415

        answers.offer()
        token_expiry.watch()
