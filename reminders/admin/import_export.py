"""Import and export of files in the admin, as in the API."""

import hashlib
from typing import Any

from django import forms
from django.contrib import admin
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.api import rate_limits
from accounts.models.user import validate_timezone
from reminders.exchange import formats
from reminders.exchange.api import as_file
from reminders.exchange.formats import FORMATS, WRITABLE
from reminders.exchange.importer import Busy, ImportReport, notable, take
from reminders.exchange.limits import Unreadable
from reminders.models import Reminder

# Seconds in which staff may import what a dry run has shown.
TRIED_FOR = 60 * 60
SALT = "reminders.import"
# The page lists this many results, and as many losses.
LISTED = 200
LABELS = {
    "jsonl": "JSON Lines",
    "icalendar": "iCalendar",
    "crontab": "Crontab",
    "system-crontab": "System crontab",
}


class ExportForm(forms.Form):
    format = forms.ChoiceField(
        choices=[(name, LABELS[name]) for name in WRITABLE],
        widget=UnfoldAdminSelectWidget,
        help_text="JSON Lines is all that was set, without loss; a calendar is for other programs.",
    )


class ImportForm(forms.Form):
    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget,
        help_text="JSON Lines, a calendar or a crontab, up to 10 MiB.",
    )
    format = forms.ChoiceField(
        choices=[("", "Detect from the file's name"), *((name, LABELS[name]) for name in FORMATS)],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    timezone = forms.CharField(
        label="Time zone",
        max_length=64,
        required=False,
        validators=[validate_timezone],
        widget=UnfoldAdminTextInputWidget,
        help_text="IANA name, for times that the file tells without a zone; empty: the owner's.",
    )

    def clean(self) -> dict[str, Any]:
        """Read the file: `content` is its content, `digest` identifies it."""
        data = self.cleaned_data
        file, owner = data.get("file"), data.get("owner")
        if not isinstance(file, UploadedFile) or owner is None or self.errors:
            return data
        format = FORMATS.get(data["format"]) or formats.of_file(file.name or "")
        if format is None:
            self.add_error("format", "The name of the file does not tell: choose one.")
            return data
        content = file.read()
        try:
            zone = data["timezone"] or owner.timezone
            data["content"] = formats.read(content, format, zone)
        except Unreadable as error:
            self.add_error("file", str(error))
        data["digest"] = hashlib.sha256(content).hexdigest()
        return data

    @property
    def signed_data(self) -> dict[str, Any]:
        """The data that a dry run signs, so that the import has the same file and owner."""
        data = self.cleaned_data
        return {
            "owner": data["owner"].pk,
            "digest": data["digest"],
            "format": data["format"],
            "timezone": data["timezone"],
        }


class ImportExport:
    """The import and export of ReminderAdmin."""

    actions: tuple[str, ...] = ("export_jsonl", "export_icalendar")
    actions_list = ("take_in", "give_out")
    admin_site: Any
    opts: Any

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Tell whether staff may import: that both creates reminders and changes existing ones."""
        return self.has_add_permission(request) and self.has_change_permission(request)  # type: ignore[attr-defined]

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)  # type: ignore[attr-defined]

    @admin.action(description="Export selected reminders as JSON Lines", permissions=["export"])
    def export_jsonl(
        self, request: HttpRequest, reminders: QuerySet[Reminder]
    ) -> HttpResponseBase | None:
        return self._export(request, reminders, "jsonl")

    @admin.action(description="Export selected reminders as iCalendar", permissions=["export"])
    def export_icalendar(
        self, request: HttpRequest, reminders: QuerySet[Reminder]
    ) -> HttpResponseBase | None:
        return self._export(request, reminders, "icalendar")

    def _export(self, request: HttpRequest, reminders: Any, name: str) -> HttpResponseBase | None:
        # It names the addresses of channels, as the API's does.
        if name == "jsonl" and not request.user.has_perm("notifications.view_channel"):
            raise PermissionDenied("JSON Lines name channels, which you may not see.")
        rate_limits.take_place(request, request.user.pk)
        return as_file(reminders.not_deleted(), WRITABLE[name], timezone.now())

    @action(description="Export", url_path="export", icon="download", permissions=["export"])
    def give_out(self, request: HttpRequest) -> HttpResponseBase:
        """Export all reminders of one owner as a file."""
        form = self._with_owner(ExportForm(request.GET or None), request)
        if form.is_valid():
            owner, name = form.cleaned_data["owner"], form.cleaned_data["format"]
            return self._export(request, Reminder.objects.owned_by(owner), name)  # type: ignore[return-value]
        return self._page(request, "reminders/export.html", "Export reminders", form=form)

    @action(description="Import", url_path="import", icon="upload", permissions=["import"])
    def take_in(self, request: HttpRequest) -> HttpResponseBase:
        """Import a file for an owner, after a dry run whose report staff have seen."""
        if request.method != "POST":
            return self._import_page(request, self._with_owner(ImportForm(), request))
        # Before the form reads the file.
        rate_limits.take_place(request, request.user.pk)
        form = self._with_owner(ImportForm(request.POST, request.FILES), request)
        if not form.is_valid():
            return self._import_page(request, form)
        note = ""
        is_tried = _was_tried(form.signed_data, request.POST.get("tried", ""))
        if "take" in request.POST and not is_tried:
            note = "This is not what was tried, or that is an hour ago: look at it once more."
        try:
            report = take(
                form.cleaned_data["owner"],
                form.cleaned_data["content"],
                timezone.now(),
                dry_run=not ("take" in request.POST and is_tried),
                may_write_channels=_may_write_channels(request.user),
            )
        except Busy:
            form.add_error(None, "Another import for this owner is under way. Wait for its end.")
            return self._import_page(request, form)
        rate_limits.charge_rows(request.user.pk, len(report.reminders) + len(report.channels))
        return self._import_page(request, form, report, note)

    def _import_page(
        self, request: HttpRequest, form: Any, report: ImportReport | None = None, note: str = ""
    ) -> HttpResponseBase:
        context: dict[str, Any] = {"form": form, "note": note}
        if report is not None:
            rows = notable([*report.channels, *report.reminders])
            context |= {"report": report, "listed": rows[:LISTED]}
            context["losses"] = report.losses[:LISTED]
            context["counts"] = ", ".join(
                f"{count} {name}" for name, count in report.counts.items()
            )
            if report.is_dry_run:
                context["tried"] = signing.dumps(form.signed_data, salt=SALT)
        return self._page(request, "reminders/import.html", "Import reminders", **context)

    def _with_owner(self, form: Any, request: HttpRequest) -> Any:
        """Put a field for the owner first, as the form of a reminder has it."""
        field = self.formfield_for_foreignkey(  # type: ignore[attr-defined]
            Reminder._meta.get_field("owner"), request
        )
        form.fields = {"owner": field, **form.fields}
        return form

    def _page(
        self, request: HttpRequest, template: str, title: str, **context: Any
    ) -> HttpResponseBase:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": context["form"].media,
            **context,
        }
        return TemplateResponse(request, template, context)


def _was_tried(data: dict[str, Any], token: str) -> bool:
    try:
        tried: Any = signing.loads(token, salt=SALT, max_age=TRIED_FOR)
    except signing.BadSignature:
        return False
    return bool(tried == data)


def _may_write_channels(user: Any) -> bool:
    return user.has_perms(["notifications.add_channel", "notifications.change_channel"])
