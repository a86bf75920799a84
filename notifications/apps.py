from django.apps import AppConfig

from notifications import actions, answers, codes


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        # Models can be imported from here on.
        from accounts.closing import closers  # noqa: PLC0415
        from accounts.export import sections  # noqa: PLC0415
        from accounts.models import followers  # noqa: PLC0415
        from notifications import enabling, verification  # noqa: PLC0415
        from notifications.closing import close_channels, hold_channels  # noqa: PLC0415
        from notifications.holding import replan_owner  # noqa: PLC0415
        from notifications.sections import SECTIONS  # noqa: PLC0415

        actions.register(codes.PREFIX.rstrip(":"), codes.ACTIONS)
        answers.register(codes.PREFIX.rstrip(":"), verification.describe, verification.act)
        actions.register(enabling.PREFIX, enabling.ACTIONS)
        answers.register(enabling.PREFIX, enabling.describe, enabling.act)
        followers.append(replan_owner)
        closers.insert(0, hold_channels)
        closers.append(close_channels)
        sections.extend(SECTIONS)
