"""Querysets of reminders."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Prefetch

from accounts.models import SYSTEM_USER_ID
from accounts.models.lookups import EqualsAny
from notifications.models import Channel
from notifications.sql import in_index_order
from reminders.models import last_loss

if TYPE_CHECKING:
    from reminders.models.reminder import Reminder


class ReminderQuerySet(models.QuerySet["Reminder"]):
    def exclude_system(self) -> Self:
        """All but the canary."""
        return self.exclude(pk=SYSTEM_USER_ID)

    def not_deleted(self) -> Self:
        return self.filter(deleted_at=None)

    def owned_by(self, user: Any) -> Self:
        return self.not_deleted().filter(EqualsAny("owner_id", getattr(user, "pk", user)))

    def first_rows(self, limit: int, *, is_falling: bool) -> "list[Reminder]":
        """Return an owner's first rows by id, along the index (owner, -id)."""
        order = ("owner_id", "-pk") if is_falling else ("-owner_id", "pk")
        with in_index_order():
            return list(self.order_by(*order)[:limit])

    def with_channels(self) -> Self:
        """With their channels, but without the secrets of these, which would be decrypted."""
        channels = Channel.objects.only("kind", "verified_at", "deleted_at", "disabled_at")
        return self.prefetch_related(
            Prefetch("channels", channels), Prefetch("escalate_channels", channels)
        )

    def with_last_loss(self) -> Self:
        """With the last message of each, if that message did not arrive."""
        return self.annotate(**{last_loss.NAME: last_loss.expression()})

    def due(self, now: datetime) -> Self:
        """Reminders to fire, however late they are: a tick that was missed loses nothing."""
        return self.filter(status="active", next_fire_at__lte=now)
