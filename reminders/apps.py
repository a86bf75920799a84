from django.apps import AppConfig
from django.utils import translation

from reminders.recurrence import i18n


class RemindersConfig(AppConfig):
    name = "reminders"

    def ready(self) -> None:
        # Schedules are told in the language of whoever asks, where there is a translation.
        i18n.install(translation)
        # Models can be imported from here on.
        from accounts.account_data.closing import closers  # noqa: PLC0415
        from accounts.account_data.export import sections  # noqa: PLC0415
        from notifications.channels import dependents as of_channel  # noqa: PLC0415
        from notifications.explain import causes  # noqa: PLC0415
        from reminders.account_data.closing import close_reminders  # noqa: PLC0415
        from reminders.account_data.export import SECTIONS  # noqa: PLC0415
        from reminders.actions import message_links, token_expiry  # noqa: PLC0415
        from reminders.explain.delivery_cause import describe  # noqa: PLC0415
        from reminders.reports import channel_dependents  # noqa: PLC0415

        message_links.register_handlers()
        causes.register("occurrence", describe)
        of_channel.register(channel_dependents.count)
        token_expiry.register_handlers()
        # Before their channels are closed: a tick that is firing them is waited for, and what it
        # posts is seen there.
        closers.insert(1, close_reminders)
        sections.extend(SECTIONS)
