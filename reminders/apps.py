from django.apps import AppConfig
from django.utils import translation

from reminders.recurrence import speech


class RemindersConfig(AppConfig):
    name = "reminders"

    def ready(self) -> None:
        # Schedules are told in the language of whoever asks, where there is a translation.
        speech.install(translation)
        # Models can be imported from here on.
        from accounts.closing import closers  # noqa: PLC0415
        from accounts.export import sections  # noqa: PLC0415
        from notifications import causes  # noqa: PLC0415
        from notifications import dependents as of_channel  # noqa: PLC0415
        from reminders import answers, dependents, token_expiry  # noqa: PLC0415
        from reminders.causes import describe  # noqa: PLC0415
        from reminders.closing import close_reminders  # noqa: PLC0415
        from reminders.sections import SECTIONS  # noqa: PLC0415

        answers.offer()
        causes.register("occurrence", describe)
        of_channel.register(dependents.count)
        token_expiry.watch()
        # Before their channels are closed: a tick that is firing them is waited for, and what it
        # posts is seen there.
        closers.insert(1, close_reminders)
        sections.extend(SECTIONS)
