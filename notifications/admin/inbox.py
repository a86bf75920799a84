from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts.admin import search
from accounts.admin.changelist import Listed
from notifications.admin.base import WrittenByFoam, found_in_channels, owner_link
from notifications.models import InboxMessage


@admin.register(InboxMessage)
class InboxMessageAdmin(WrittenByFoam, Listed, ModelAdmin):
    list_display = ("title", "show_owner", "due_at", "received_at", "read_at")
    list_filter = (("read_at", admin.EmptyFieldListFilter),)
    search_fields = ("title",)
    finds = (
        "Search by id, message id, words of the title, or the start of an owner's username or "
        f"e-mail address. {search.SEARCHED}"
    )
    list_select_related = ("channel__owner",)
    ordering = ("-id",)
    sortable_by = ()
    fields = (
        "title",
        "body",
        "channel",
        "show_owner",
        "due_at",
        "received_at",
        "read_at",
        "message_id",
        "reference",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxMessage]:
        return super().get_queryset(request).defer("channel__secret", "channel__previous_secret")

    def find(self, rows: QuerySet[InboxMessage], text: str) -> Iterator[QuerySet[Any]]:
        if (number := search.number_of(text)) is not None:
            yield rows.filter(pk=number)
        yield rows.filter(message_id=text)
        yield from found_in_channels(rows, text)

    @display(description="Owner")
    def show_owner(self, message: InboxMessage) -> SafeString:
        return owner_link(message.channel.owner)
