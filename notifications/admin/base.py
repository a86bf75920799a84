"""Shared parts of the admin pages of channels and messages, also used by other apps."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin import search
from accounts.models import User
from notifications.channels.failing import ChannelFailure, find_failing
from notifications.models import Channel

T = TypeVar("T")

# A search by owner looks at this many of their channels.
MAX_CHANNELS_SEARCHED = 1000


class WrittenByFoam:
    """Makes a page read-only for staff, as only FOAM writes its rows."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfUsers:
    """Leaves out the rows of FOAM's own canary."""

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).exclude_system()  # type: ignore[misc]


def found_in_channels(rows: QuerySet[Any], text: str) -> Iterator[QuerySet[Any]]:
    """Yield the rows that a search text may mean: by their channel's owner, and by their title."""
    words = search.words_of(text)
    for owners, title_words in search.owners(words):
        channels = Channel.objects.filter(owner__in=owners).order_by("-pk")
        ids = list(channels.values_list("pk", flat=True)[:MAX_CHANNELS_SEARCHED])
        yield search.containing(search.newest(rows.filter(channel__in=ids)), title_words, "title")
    yield search.containing(search.newest(rows), words, "title")


def cached_per_request(show: Callable[[Any, Any], T]) -> Callable[[Any, Any], T]:
    """Cache a column's value on its row: the template of a page reads it several times."""

    @wraps(show)
    def show_cached(self: Any, row: Any) -> T:
        values: dict[str, T] = row.__dict__.setdefault("_shown", {})
        if show.__name__ not in values:
            values[show.__name__] = show(self, row)
        return values[show.__name__]

    return show_cached


def failure_of(channel: Channel) -> ChannelFailure | None:
    """Return the failure of a channel; a list has read those of all its rows in one statement."""
    if "_failure" not in channel.__dict__:
        read_failures([channel])
    failure: ChannelFailure | None = channel.__dict__["_failure"]
    return failure


def read_failures(channels: Iterable[Channel]) -> None:
    """Read the failures of these channels in one statement, for `failure_of`."""
    rows = list(channels)
    failures = find_failing(channel.pk for channel in rows)
    for channel in rows:
        channel.__dict__["_failure"] = failures.get(channel.pk)


def trouble_of(channel: Channel, now: datetime) -> str:
    """Return the trouble of a channel (`Channel.trouble`), or its failure; empty without either."""
    return channel.trouble(now) or str(failure_of(channel) or "")


def labelled_with_owner(channel: Channel) -> str:
    """Return the label of a channel with its owner, for lists over several owners."""
    return f"{channel.owner} · {channel}"


def owner_link(owner: User) -> SafeString:
    page = reverse("admin:accounts_user_change", args=[owner.pk])
    # The lighter green has too little contrast on the grey rows of a list.
    style = "text-primary-700 dark:text-primary-500 underline"
    return format_html('<a class="{}" href="{}">{}</a>', style, page, owner)
