"""The use of the quota of channels."""

from notifications.models import Channel


def count_use(user_id: int) -> dict[str, int]:
    own = Channel.objects.filter(owner=user_id)
    return {"channels": own.filter(deleted_at=None).count(), "stored_channels": own.count()}
