"""What the pages of channels and messages, and of what causes these, have in common."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import search
from accounts.models import User
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


def owner_link(owner: User) -> SafeString:
    page = reverse("admin:accounts_user_change", args=[owner.pk])
    style = "text-primary-600 dark:text-primary-500"
    return format_html('<a class="{}" href="{}">{}</a>', style, page, owner)
