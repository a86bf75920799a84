"""Queries for channels."""

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db import models
from django.db.models import Q

from accounts import quotas
from accounts.models import SYSTEM_USER_ID
from accounts.sql import OWNER, CompiledQuery
from notifications.models.verification import NEEDS_NO_PROOF

if TYPE_CHECKING:
    from notifications.models.channel import Channel

# `Channel.is_verified`, for a query.
IS_VERIFIED = Q(verified_at__isnull=False) | Q(kind__in=NEEDS_NO_PROOF)

# The columns of an inbox that are read with it; others are read when they are used.
INBOX_COLUMNS = ("id", "owner_id", "kind", "name", "verified_at", "disabled_at", "deleted_at")


class ChannelQuerySet(models.QuerySet["Channel"]):
    def exclude_system(self) -> Self:
        """Exclude FOAM's own channel."""
        return self.exclude(pk=SYSTEM_USER_ID)

    def owned_by(self, user: Any) -> Self:
        return self.filter(owner=user, deleted_at=None)

    def check_quotas(self, owner_id: int) -> None:
        """Raise QuotaExceeded unless the owner may have one more channel."""
        own = self.filter(owner=owner_id)
        quotas.check_rows(owner_id, "channels", own.filter(deleted_at=None))
        quotas.check_rows(owner_id, "stored_channels", own)

    def without_secrets(self) -> Self:
        """Do not read the secrets, which would be decrypted."""
        return self.defer("secret", "previous_secret")

    def verified(self) -> Self:
        return self.filter(IS_VERIFIED)

    def inbox_of(self, user: Any) -> "Channel":
        """Return the user's in-app inbox; create it if it does not exist yet."""
        rows = _inbox_query().fetch(owner=user.pk)
        if rows:
            return self.model.from_db(self.db, INBOX_COLUMNS, rows[0])
        return self.get_or_create(
            owner=user, kind="inbox", address="", deleted_at=None, defaults={"name": "Inbox"}
        )[0]

    def make_inboxes(self, owner_ids: Collection[int]) -> None:
        """Create the inboxes of these users that do not exist yet."""
        inboxes = self.filter(kind="inbox", address="", deleted_at=None)
        present = inboxes.filter(owner__in=owner_ids).values_list("owner_id", flat=True)
        absent = sorted(set(owner_ids) - set(present) - {SYSTEM_USER_ID})
        self.bulk_create(
            [self.model(owner_id=pk, kind="inbox", name="Inbox") for pk in absent],
            ignore_conflicts=True,
        )


@cache
def _inbox_query() -> CompiledQuery:
    channels = apps.get_model("notifications.Channel")._default_manager
    inboxes = channels.filter(owner=OWNER, kind="inbox", address="", deleted_at=None)
    return CompiledQuery(inboxes.values_list(*INBOX_COLUMNS))
