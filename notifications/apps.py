from django.apps import AppConfig

from notifications.links import signed_links, verification_codes, views


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        # Models can be imported from here on.
        from accounts.account_data.closing import closers  # noqa: PLC0415
        from accounts.account_data.export import sections  # noqa: PLC0415
        from accounts.models.user import followers  # noqa: PLC0415
        from notifications.account_data.closing import close_channels, hold_channels  # noqa: PLC0415
        from notifications.account_data.export import SECTIONS  # noqa: PLC0415
        from notifications.channels import enabling, verification  # noqa: PLC0415
        from notifications.outbox.hold_rules import replan_owner  # noqa: PLC0415

        signed_links.register(verification_codes.PREFIX.rstrip(":"), verification_codes.ACTIONS)
        views.register(
            verification_codes.PREFIX.rstrip(":"), verification.describe, verification.act
        )
        signed_links.register(enabling.PREFIX, enabling.ACTIONS)
        views.register(enabling.PREFIX, enabling.describe, enabling.act)
        followers.append(replan_owner)
        closers.insert(0, hold_channels)
        closers.append(close_channels)
        sections.extend(SECTIONS)
