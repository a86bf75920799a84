from django.apps import AppConfig

from notifications import actions, codes


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        actions.register(codes.PREFIX.rstrip(":"), codes.ACTIONS)
