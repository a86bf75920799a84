"""Edits in the admin: a form detects a concurrent edit, and shows a refusal as its error.

A form has a digest of each field as it was shown. When it is sent, the row is locked, as for
`If-Match` of the API, and its fields are compared with the digests. If another user has changed one
of them, nothing is saved, and the page shows both values.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.api.etags import lock
from accounts.audit.records import shorten_text
from accounts.digits import PlainDigits

# Name of the hidden field with the digests of the fields as they were shown.
EDITION = "edition"
DIGEST_DIGITS = 8
CONFLICT = (
    "Not saved: somebody else has changed this since you opened it. Your changes are still in the "
    "form, and the other fields show the new values. Check them, and save again."
)


class EditionField(forms.CharField):
    """The hidden edition of a form, which never counts as a change."""

    widget = forms.HiddenInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class EditForm(PlainDigits, forms.ModelForm):
    """A form of the admin that carries its edition, and refuses an outdated one.

    GuardsEdits creates a subclass for each request, with the `refusal` of a failed save.
    """

    refusal: ValidationError | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The stored values, before the sent ones replace them.
        self.stored = {name: text_of(value) for name, value in self._stored_values()}
        self.fields[EDITION] = EditionField(required=False, initial=self._edition())

    def clean(self) -> Any:
        data = super().clean()
        for name, value in self.cleaned_data.items():
            # Browsers end lines with CR LF, programs with LF. An untouched text must be no edit.
            if isinstance(value, str):
                self.cleaned_data[name] = value.replace("\r\n", "\n")
        if self.refusal is not None:
            self._show_refusal(self.refusal)
        elif self.instance.pk is not None:
            self._refuse_outdated()
        return data

    def _show_refusal(self, refusal: ValidationError) -> None:
        """Add each message of the refusal at its field, or at the form if it has no such field."""
        for name, messages in _by_field(refusal).items():
            for message in messages:
                self.add_error(name if name in self.fields else None, message)

    def _refuse_outdated(self) -> None:
        sent = self.data.get(EDITION)
        if sent is None:
            # A program sent the form without reading it.
            return
        shown_digests = dict(part.split("=", 1) for part in sent.split(";") if "=" in part)
        outdated = [
            name for name in self.stored if shown_digests.get(name) != digest(self.stored[name])
        ]
        if outdated:
            self.add_error(None, self._conflict(outdated))
            self._update_untouched(shown_digests, outdated)

    def _conflict(self, outdated: Iterable[str]) -> SafeString:
        lines = [
            (
                self.fields[name].label or name,
                shorten_text(self._display_text(name, self.initial.get(name))),
                shorten_text(self._display_text(name, self.cleaned_data.get(name, ""))),
            )
            for name in outdated
        ]
        items = format_html_join("", "<li><b>{}</b>: now “{}”, yours “{}”</li>", lines)
        return format_html('{}<ul class="list-disc pl-6">{}</ul>', CONFLICT, items)

    def _update_untouched(self, shown_digests: Mapping[str, str], outdated: Iterable[str]) -> None:
        """Show the stored values of fields that the user has not edited, and the new edition."""
        data: Any = self.data
        data = data.copy()
        data[self.add_prefix(EDITION)] = self._edition()
        for name in outdated:
            sent = self.cleaned_data.get(name)
            if name in self.cleaned_data and digest(text_of(sent)) == shown_digests.get(name):
                self._set_stored(data, name)
        self.data = data

    def _set_stored(self, data: Any, name: str) -> None:
        """Set the stored value in the data of the form, in the format of its widget."""
        field, bound = self.fields[name], self[name]
        value = field.prepare_value(self.initial.get(name))
        widget: Any = field.widget
        is_split = isinstance(field.widget, forms.MultiWidget)
        if is_split and not hasattr(widget, "widget_class"):
            for suffix, part in zip(widget.widgets_names, widget.decompress(value), strict=True):
                data[bound.html_name + suffix] = part
        elif isinstance(value, list | tuple):
            data.setlist(bound.html_name, value)
        elif isinstance(field, forms.BooleanField):
            data.pop(bound.html_name, None)
            if value:
                data[bound.html_name] = "on"
        else:
            data[bound.html_name] = "" if value is None else value

    def _display_text(self, name: str, value: Any) -> str:
        field = self.fields[name]
        if isinstance(field, forms.ModelMultipleChoiceField | forms.ModelChoiceField):
            manager = field.queryset.model._base_manager  # type: ignore[union-attr]
            rows = manager.filter(pk__in=keys_of(value)) if value else []
            return ", ".join(sorted(field.label_from_instance(row) for row in rows))
        if isinstance(value, list | tuple):
            return ", ".join(map(str, value))
        return "" if value is None else str(value)

    def _stored_values(self) -> Iterable[tuple[str, Any]]:
        """Yield the stored values of the fields that the form can change."""
        names = {
            f.name for f in (*self._meta.model._meta.fields, *self._meta.model._meta.many_to_many)
        }
        for name, field in self.fields.items():
            if name in names and not field.disabled and self.instance.pk is not None:
                yield name, self.initial.get(name)

    def _edition(self) -> str:
        return ";".join(f"{name}={digest(text)}" for name, text in self.stored.items())


class GuardsEdits(admin.ModelAdmin):
    """Base of every ModelAdmin of FOAM: shows a ValidationError of `save_model` as a form error.

    The transaction is rolled back then.
    """

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        instance = super().get_object(request, object_id, from_field)
        if instance is not None and request.method == "POST":
            lock(instance)
        return instance

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        # `change` by name, as the UserAdmin of Django takes it so.
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        bases = (form,) if issubclass(form, EditForm) else (EditForm, form)
        refusal = getattr(request, "_refusal", None)
        return type(form.__name__, bases, {"refusal": refusal})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Prefill a new form from the address, without values that the fields cannot show."""
        values = super().get_changeform_initial_data(request)
        prefilled = {name: self._prefilled(name, value) for name, value in values.items()}
        return {name: value for name, value in prefilled.items() if value is not None}

    def _prefilled(self, name: str, value: Any) -> Any:
        field = next((f for f in self.opts.get_fields() if f.name == name), None)
        try:
            if isinstance(field, models.DateTimeField):
                return forms.DateTimeField().clean(value)
            if isinstance(field, models.ForeignKey):
                return field.target_field.to_python(value)
            if isinstance(field, models.ManyToManyField):
                return [field.target_field.to_python(key) for key in value if key]
        except ValidationError:
            return None
        return value

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        view = super().changeform_view
        try:
            return view(request, object_id, form_url, extra_context)
        except ValidationError as refusal:
            if request.method != "POST" or hasattr(request, "_refusal"):
                raise
            # The transaction was rolled back. Show the sent form again, with the refusal.
            request._refusal = refusal  # type: ignore[attr-defined]
            return view(request, object_id, form_url, extra_context)


def keys_of(value: Any) -> list[Any]:
    """Return the primary keys that the value of a choice names."""
    if isinstance(value, list | tuple | set | models.QuerySet):
        return [key for element in value for key in keys_of(element)]
    return [value.pk if isinstance(value, models.Model) else value]


def text_of(value: Any) -> str:
    """Return a text that is equal for a stored value and for the value of a form."""
    if isinstance(value, models.Model):
        return str(value.pk)
    if isinstance(value, list | tuple | models.QuerySet):
        texts = [text_of(element) for element in value]
        is_choice = isinstance(value, models.QuerySet) or any(
            isinstance(element, models.Model) for element in value
        )
        return ",".join(sorted(texts, key=int) if is_choice else texts)
    if isinstance(value, datetime):
        value = value.replace(microsecond=0)
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    return "" if value is None else str(value)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]


def _by_field(refusal: ValidationError) -> dict[str, list[str]]:
    if hasattr(refusal, "error_dict"):
        return refusal.message_dict
    return {NON_FIELD_ERRORS: refusal.messages}
