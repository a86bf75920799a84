from django.apps import AppConfig
from django.utils import translation

from reminders.recurrence import i18n


class RemindersConfig(AppConfig):
    name = "reminders"

    def ready(self) -> None:
        # Schedules are described in the language of the request, where there is a translation.
        i18n.install(translation)
