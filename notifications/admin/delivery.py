from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts.admin import bulk_actions, search
from accounts.admin.changelist import Listed
from accounts.admin.confirmation import confirmed
from accounts.admin.history import ShowsHistory
from accounts.timezones import zone_or_utc
from notifications.admin.base import (
    OfUsers,
    WrittenByFoam,
    cached_per_request,
    found_in_channels,
    owner_link,
)
from notifications.explain.delivery import story_of
from notifications.explain.html import PAGES, lines_of, render_chain
from notifications.models import Delivery
from notifications.outbox.queue import retry_now

DELIVERY_COLOURS = {
    "queued": "info",
    "sending": "info",
    "sent": "success",
    "dead": "danger",
    "cancelled": "warning",
    "collected": "success",
}

RETRY_HELP = (
    "Dead messages are sent again, and those that wait for their next attempt do not wait any "
    "longer. What quiet hours, a digest or a pause hold back stays held."
)


class StatusFilter(admin.SimpleListFilter):
    """Filters by status: unfinished deliveries by their index, the others by their time."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status, status.capitalize()) for status in Delivery.Status.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        status = self.value()
        if status is None:
            return queryset
        if status in (Delivery.Status.QUEUED, Delivery.Status.SENDING):
            queryset = queryset.filter(next_attempt_at__isnull=False)
        return queryset.filter(status=status)


@admin.register(Delivery)
class DeliveryAdmin(OfUsers, WrittenByFoam, Listed, ShowsHistory, ModelAdmin):
    list_display = (
        "title",
        "channel",
        "show_owner",
        "show_status",
        "held",
        "attempt",
        "due_at",
        "next_attempt_at",
        "show_reason",
    )
    # `created_at` has an index, and so have unfinished deliveries.
    list_filter = (StatusFilter, "created_at", "held", "urgent", "channel__kind")
    search_fields = ("title",)
    finds = (
        "Search by id, message id, a reference such as occurrence:12, words of the title, or the "
        f"start of an owner's username or e-mail address. {search.SEARCHED}"
    )
    list_select_related = ("channel__owner",)
    ordering = ("-id",)
    sortable_by = ()
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("show_status", "channel", "show_owner", "show_story")}),
        ("What it says", {"fields": ("title", "body", "message_id")}),
        (
            "The row",
            {
                "fields": (
                    "reference",
                    "due_at",
                    "reason",
                    "attempt",
                    "max_attempts",
                    "next_attempt_at",
                    "urgent",
                    "held",
                    "digest",
                    "created_at",
                    "finished_at",
                )
            },
        ),
    )
    readonly_fields = tuple(name for _, part in fieldsets for name in part["fields"])
    actions = ("retry",)

    class Media:
        css = {"all": ("notifications/chain.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        # Deferred, as reading a secret decrypts it.
        rows: QuerySet[Delivery] = super().get_queryset(request)
        return rows.defer("channel__secret", "channel__previous_secret").prefetch_related(
            "attempts"
        )

    def find(self, rows: QuerySet[Delivery], text: str) -> Iterator[QuerySet[Any]]:
        if (number := search.number_of(text)) is not None:
            yield rows.filter(pk=number)
        yield rows.with_message_id(text)  # type: ignore[attr-defined]
        if ":" in text:
            yield rows.of(text)  # type: ignore[attr-defined]
        yield from found_in_channels(rows, text)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_delivery")

    @display(description="Its story")
    @cached_per_request
    def show_story(self, delivery: Delivery) -> SafeString:
        steps = story_of(delivery, timezone.now())
        page = reverse(PAGES["delivery"], args=[delivery.pk])
        return render_chain(
            lines_of(steps, zone_or_utc(delivery.channel.owner.timezone), PAGES, page)
        )

    @display(description="Owner")
    def show_owner(self, delivery: Delivery) -> SafeString:
        return owner_link(delivery.channel.owner)

    @display(description="Status", label=DELIVERY_COLOURS)
    def show_status(self, delivery: Delivery) -> str:
        return delivery.status

    @display(description="Reason")
    def show_reason(self, delivery: Delivery) -> str:
        """Return why a delivery ended, or why its last attempt failed if it waits for the next."""
        last = max(delivery.attempts.all(), key=lambda attempt: attempt.number, default=None)
        if delivery.reason or last is None or delivery.status != Delivery.Status.QUEUED:
            return delivery.reason or "—"
        return f"attempt {last.number} failed: {last.detail}"

    @admin.action(description="Try selected deliveries now…", permissions=["retry"])
    @confirmed("Try now:", RETRY_HELP)
    def retry(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> HttpResponse | None:
        now = timezone.now()
        return bulk_actions.run_on_many(
            request,
            self,
            deliveries,
            lambda ids: retry_now(ids, now),
            "Queued",
            noted="Queued again.",
        )
