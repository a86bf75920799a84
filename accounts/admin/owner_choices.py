"""Choices in forms of the admin: owners, and rows of an owner."""

from typing import Any

from django import forms
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import SYSTEM_USER_ID, User

NOT_OPEN = "Choose a user whose account is open."


def open_accounts() -> QuerySet[User]:
    return User.objects.filter(closed_at=None).exclude(pk=SYSTEM_USER_ID)


class ChoosesOwner:
    """Mixin of a ModelAdmin with an owner, who must have an open account."""

    # Whether the signed-in user is the default owner of a new row.
    is_own_by_default = True

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "owner":
            kwargs["queryset"] = open_accounts()
            kwargs["error_messages"] = {"invalid_choice": NOT_OPEN}
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_changeform_initial_data(request)  # type: ignore[misc]
        own = {"owner": request.user.pk} if self.is_own_by_default else {}
        return {**own, **initial}


class Search(AutocompleteJsonView):
    """The search of a choice. Its ModelAdmin may define `choices_for` and `label_of`."""

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        choices_for = getattr(self.model_admin, "choices_for", None)
        return choices_for(rows, self.request.GET) if choices_for else rows

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        label = getattr(self.model_admin, "label_of", str)
        return {**super().serialize_result(obj, to_field_name), "text": label(obj)}


class LabelledField(forms.ModelMultipleChoiceField):
    """Choices with the labels of their ModelAdmin."""

    def __init__(self, *args: Any, label_of: Any = str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_of = label_of

    def label_from_instance(self, obj: Any) -> str:
        return str(self.label_of(obj))
