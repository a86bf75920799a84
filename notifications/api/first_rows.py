"""Reads the first page of rows of an owner's channels, at the cost of that page alone."""

from itertools import chain
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet

from accounts.models.queries import EqualsAny
from accounts.sql import in_index_order
from notifications.models import Channel


def read_first_rows(rows: QuerySet[Any], owner: Any, limit: int, *, is_falling: bool) -> list[Any]:
    """Return the first `limit` rows by id, of all channels of the owner.

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
    channels = Channel.objects.filter(owner=owner).order_by()
    firsts = channels.annotate(firsts=ArraySubquery(of_channel.values("pk")[:limit]))
    with in_index_order():
        ids = chain.from_iterable(firsts.values_list("firsts", flat=True))
        page = sorted(ids, reverse=is_falling)[:limit]
        by_id = rows.in_bulk(page)
    # A row can be deleted between the two queries.
    return [by_id[pk] for pk in page if pk in by_id]
