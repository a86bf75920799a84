from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts.admin import bulk_actions
from accounts.admin.confirmation import confirmed
from accounts.admin.history import ShowsHistory
from accounts.admin.owner_choices import ChoosesOwner
from accounts.models import Pause
from accounts.models import pause as pauses

ENDS = "Paused reminders go on with their next due time."


@admin.register(Pause)
class PauseAdmin(ChoosesOwner, ShowsHistory, ModelAdmin):
    """Pauses of tags, users and everything. Single reminders and channels have actions instead.

    The pause of a switched-off account is listed too, and ends when the account is switched on.
    """

    # A pause of everything has no owner.
    is_own_by_default = False

    list_display = ("__str__", "show_state", "until", "reason", "made_by", "created_at", "ended_at")
    list_filter = ("scope", "ended_at")
    search_fields = ("owner__username", "tag", "reason")
    list_select_related = ("owner", "made_by")
    ordering = ("-id",)
    autocomplete_fields = ("owner",)
    fields = ("scope", "owner", "tag", "until", "reason")
    readonly_fields = ("scope", "owner", "tag", "made_by", "created_at", "ended_at")
    actions = ("end",)

    def get_fields(self, request: HttpRequest, obj: Pause | None = None) -> Any:
        return (*self.fields, "made_by", "created_at", "ended_at") if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Pause | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Pause | None = None) -> bool:
        is_fixed = obj is not None and (
            obj.scope == Pause.Scope.ACCOUNT or not obj.is_active(timezone.now())
        )
        return not is_fixed and super().has_change_permission(request, obj)

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["choices"] = [
            choice for choice in Pause.Scope.choices if choice[0] != Pause.Scope.ACCOUNT
        ]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Pause, form: Any, change: bool) -> None:
        stored, _ = pauses.begin(
            obj.scope,
            timezone.now(),
            owner=obj.owner,
            tag=obj.tag,
            until=obj.until,
            reason=obj.reason,
        )
        obj.__dict__.update(stored.__dict__)

    @display(description="State", label={"paused": "warning", "over": "info"})
    def show_state(self, pause: Pause) -> str:
        return "paused" if pause.is_active(timezone.now()) else "over"

    @admin.action(description="End selected pauses…", permissions=["change"])
    @confirmed("End", ENDS)
    def end(self, request: HttpRequest, rows: QuerySet[Pause]) -> HttpResponse | None:
        now = timezone.now()

        def act(pause: Pause) -> str | None:
            if not pause.is_active(now):
                return "it was over before"
            if pause.scope == Pause.Scope.ACCOUNT:
                return "switch the account on instead"
            pause.end(now)
            return None

        return bulk_actions.run(request, self, rows, act, "Ended")
