from django.apps import AppConfig

from notifications import actions, answers, codes


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        # Models can be imported from here on.
        from accounts.models import followers  # noqa: PLC0415
        from notifications import verification  # noqa: PLC0415
        from notifications.holding import replan_owner  # noqa: PLC0415

        actions.register(codes.PREFIX.rstrip(":"), codes.ACTIONS)
        answers.register(codes.PREFIX.rstrip(":"), verification.describe, verification.act)
        followers.append(replan_owner)
