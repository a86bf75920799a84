"""The use of the quota of channels."""

from notifications.models import Channel


def count_use(user_id: int) -> dict[str, int]:
    return {"channels": Channel.objects.filter(owner=user_id, deleted_at=None).count()}
