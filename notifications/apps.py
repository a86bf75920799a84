from django.apps import AppConfig

from notifications import actions, codes


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        actions.register(codes.PREFIX.rstrip(":"), codes.ACTIONS)
        # Models can be imported from here on.
        from accounts.models import followers  # noqa: PLC0415
        from notifications.holding import replan_owner  # noqa: PLC0415

        followers.append(replan_owner)
