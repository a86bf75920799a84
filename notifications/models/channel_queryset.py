"""Queries for channels."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q

from accounts import quotas
from accounts.models import SYSTEM_USER_ID
from notifications.models.verification import NEEDS_NO_PROOF

if TYPE_CHECKING:
    from notifications.models.channel import Channel

# `Channel.is_verified`, for a query.
IS_VERIFIED = Q(verified_at__isnull=False) | Q(kind__in=NEEDS_NO_PROOF)


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
