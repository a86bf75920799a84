"""What the pages of channels and messages, and of what causes these, have in common."""

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

# So many of the channels of those owners that a search names are looked at.
CHANNELS = 1000


class WrittenByFoam:
    """Staff look at these rows; only FOAM writes them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfUsers:
    """Lists, counts and opens what is of users; the canary stays behind the scenes."""

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).of_users()  # type: ignore[misc]


def found_in_channels(rows: QuerySet[Any], text: str) -> Iterator[QuerySet[Any]]:
    """Yield the rows that a text may mean by the owner of their channel, and by their titles."""
    words = search.words_of(text)
    for owners, rest in search.owners(words):
        channels = Channel.objects.filter(owner__in=owners).order_by("-pk")
        ids = list(channels.values_list("pk", flat=True)[:CHANNELS])
        yield search.containing(search.newest(rows.filter(channel__in=ids)), rest, "title")
    yield search.containing(search.newest(rows), words, "title")


def once(show: Callable[[Any, Any], T]) -> Callable[[Any, Any], T]:
    """Have what is shown of a row made once: the template of its page asks several times."""

    @wraps(show)
    def shown(self: Any, row: Any) -> T:
        made: dict[str, T] = row.__dict__.setdefault("_shown", {})
        if show.__name__ not in made:
            made[show.__name__] = show(self, row)
        return made[show.__name__]

    return shown


def failure_of(channel: Channel) -> ChannelFailure | None:
    """Return what a channel fails with; a list reads that for all of its rows before."""
    if "_failure" not in channel.__dict__:
        note_failures([channel])
    found: ChannelFailure | None = channel.__dict__["_failure"]
    return found


def note_failures(channels: Iterable[Channel]) -> None:
    """Read which of these channels fail, in one statement."""
    rows = list(channels)
    failures = find_failing(channel.pk for channel in rows)
    for channel in rows:
        channel.__dict__["_failure"] = failures.get(channel.pk)


def trouble_of(channel: Channel, now: datetime) -> str:
    """Say what is wrong with a channel, as `Channel.trouble`, or that its messages are lost."""
    return channel.trouble(now) or str(failure_of(channel) or "")


def labelled_with_owner(channel: Channel) -> str:
    """Name a channel where those of several owners may stand side by side."""
    return f"{channel.owner} · {channel}"


def owner_link(owner: User) -> SafeString:
    page = reverse("admin:accounts_user_change", args=[owner.pk])
    # The lighter green is too pale on every second row of a list.
    style = "text-primary-700 dark:text-primary-500 underline"
    return format_html('<a class="{}" href="{}">{}</a>', style, page, owner)
