"""Selects the first rows of an owner's channels, at the cost of one page."""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Func, OuterRef, QuerySet

from accounts.models.queries import EqualsAny, InArray
from notifications.models import Channel


class Unnest(Func):
    function = "unnest"
    set_returning = True


def first_of_channels(
    rows: QuerySet[Any], owner_id: int, limit: int, *, is_falling: bool
) -> QuerySet[Any]:
    """Return the first `limit` rows by id of all channels of the owner, in any order.

    PostgreSQL reads the first rows of each channel from the index (channel, -id), and the page is
    made of these. One query for all channels would read and sort all rows of the owner.
    """
    id_order, channel_order = F("pk"), F("channel_id")
    order = (
        (channel_order.asc(), id_order.desc())
        if is_falling
        else (channel_order.desc(), id_order.asc())
    )
    of_channel = rows.filter(EqualsAny("channel_id", OuterRef("pk"))).order_by(*order)
    firsts = ArraySubquery(of_channel.values("pk")[:limit])
    ids = Channel.objects.filter(owner=owner_id).order_by().values(first=Unnest(firsts))
    page = ids.order_by("-first" if is_falling else "first")[:limit]
    return rows.model.objects.filter(InArray("pk", ArraySubquery(page)))
