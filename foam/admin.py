"""The admin of other packages' tables; FOAM's own rows in beat's tables cannot be deleted."""

from collections.abc import Iterator
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from celery.schedules import ParseException
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin.confirmation import confirmed
from accounts.admin.history import ShowsHistory, note_admin
from foam.processes import beat_rows

for model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(model)

# Users edit these on their own account page, and some hold secrets.
for private in (
    EmailAddress,
    Authenticator,
    SocialAccount,
    SocialApp,
    SocialToken,
    UserSession,
):
    if admin.site.is_registered(private):
        admin.site.unregister(private)

STAYS_ON = (
    "Without the tick nothing fires, so it cannot be switched off here. "
    "To send nothing for a while, pause everything: see Pauses."
)
NOT_PRUNED = "While “prune” is switched off, nothing that is old is removed: the database grows."


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    pass


class PeriodicTaskForm(beat.PeriodicTaskForm):
    """The form of a periodic task; of FOAM's own tasks only the schedule can be edited."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()
        if self.is_own:
            for name in self._fixed():
                self.fields[name].disabled = True

    @property
    def is_own(self) -> bool:
        return self.instance.pk is not None and self.initial.get("name") in beat_rows.OWN

    @property
    def is_tick(self) -> bool:
        return self.is_own and self.initial.get("name") == beat_rows.TICK

    def _fixed(self) -> Iterator[str]:
        yield from ("regtask", *beat_rows.FIXED)
        self.fields["name"].help_text = "FOAM needs this task: only when it runs can be changed."
        if self.is_tick:
            yield from ("crontab", "solar", "clocked")
            self.fields["interval"].help_text = beat_rows.TICK_INTERVAL_RULE
            self.fields["enabled"].help_text = STAYS_ON
            if self.initial["enabled"]:
                yield "enabled"

    def clean(self) -> Any:
        # django-celery-beat's own check reads the task, which is missing where it is refused.
        data = self.cleaned_data if "task" in self.errors else super().clean()
        if self.is_tick and not beat_rows.is_tick_interval(data.get("interval")):
            self.add_error("interval", beat_rows.TICK_INTERVAL_RULE)
        return data


class IntervalForm(forms.ModelForm):
    def clean(self) -> Any:
        data: Any = super().clean()
        used = self.instance.pk and beat_rows.TICK in beat_rows.own_names([self.instance])
        if used and not self.errors:
            interval = IntervalSchedule(every=data["every"], period=data["period"])
            if not beat_rows.is_tick_interval(interval):
                self.add_error("every", beat_rows.TICK_INTERVAL_RULE)
        return data


class ProtectsOwnRows(ShowsHistory):
    """Refuses to delete FOAM's own tasks and their schedules, on the page that asks first."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        rows, counts, lacking, protected = super().get_deleted_objects(objs, request)
        own = [f"FOAM's own periodic task “{name}”" for name in beat_rows.own_names(objs)]
        return rows, counts, lacking, [*protected, *own]


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ProtectsOwnRows, beat.PeriodicTaskAdmin, ModelAdmin):
    form = PeriodicTaskForm
    # django-celery-beat's own hierarchy is by start_time, which is empty in FOAM's rows.
    date_hierarchy = None

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.enabled:
            self._warn(request, [obj.name])

    @admin.action(description="Run selected tasks…", permissions=["change"])
    @confirmed("Run", "Each is sent to a worker at once, beside its schedule.")
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        super().run_tasks(request, queryset)

    @admin.action(description="Enable selected tasks…", permissions=["change"])
    @confirmed("Enable", "They run by their schedules from now on.")
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        self._note(request, queryset.filter(enabled=False), "Enabled.")
        super().enable_tasks(request, queryset)

    @admin.action(description="Disable selected tasks…", permissions=["change"])
    @confirmed("Disable", f"They do not run any more until they are enabled. {STAYS_ON}")
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        names = list(queryset.filter(enabled=True).values_list("name", flat=True))
        tasks = self._without_tick(request, queryset, names)
        self._note(request, tasks.filter(enabled=True), "Disabled.")
        super().disable_tasks(request, tasks)
        self._warn(request, names)

    @admin.action(description="Toggle activity of selected tasks…", permissions=["change"])
    @confirmed("Toggle", f"Tasks that run are disabled, and the others enabled. {STAYS_ON}")
    def toggle_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        names = list(queryset.filter(enabled=True).values_list("name", flat=True))
        tasks = self._without_tick(request, queryset, names)
        self._note(request, tasks, "Enabled or disabled.")
        super().toggle_tasks(request, tasks)
        self._warn(request, names)

    def _without_tick(
        self, request: HttpRequest, tasks: QuerySet[PeriodicTask], names: list[str]
    ) -> QuerySet[PeriodicTask]:
        if beat_rows.TICK not in names:
            return tasks
        self.message_user(request, STAYS_ON, messages.ERROR)
        return tasks.exclude(name=beat_rows.TICK)

    def _note(self, request: HttpRequest, tasks: QuerySet[PeriodicTask], what: str) -> None:
        for task in tasks:
            note_admin(request, task, what)

    def _warn(self, request: HttpRequest, names: list[str]) -> None:
        if beat_rows.PRUNE in names:
            self.message_user(request, NOT_PRUNED, messages.WARNING)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ProtectsOwnRows, beat.IntervalScheduleAdmin, ModelAdmin):
    form = IntervalForm


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(ProtectsOwnRows, beat.CrontabScheduleAdmin, ModelAdmin):
    @admin.display
    def human_readable(self, crontab: CrontabSchedule) -> str:
        """Return the description, "" in a form whose fields are refused."""
        try:
            return str(crontab.human_readable)
        except (ValueError, ParseException):
            return ""


@admin.register(SolarSchedule)
class SolarScheduleAdmin(ProtectsOwnRows, beat.SolarScheduleAdmin, ModelAdmin):
    pass


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(ProtectsOwnRows, beat.ClockedScheduleAdmin, ModelAdmin):
    pass
