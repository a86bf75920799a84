from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        # Models can be imported from here on.
        from accounts.models import followers  # noqa: PLC0415
        from notifications.holding import replan_owner  # noqa: PLC0415

        followers.append(replan_owner)
