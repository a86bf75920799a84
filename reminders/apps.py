from django.apps import AppConfig
from django.utils import translation

from reminders.recurrence import speech


class RemindersConfig(AppConfig):
    name = "reminders"

    def ready(self) -> None:
        # Schedules are told in the language of whoever asks, where there is a translation.
        speech.install(translation)
        # These need the models, which are there by now.
        from notifications import actions
        from notifications import answers as page
        from reminders import answers

        actions.register("occurrence", answers.ACTIONS)
        page.register("occurrence", answers.describe, answers.act)
