"""Rights in the admin: staff who are no superusers change no row of a person who has rights.

With a password, an address, a factor or a token of such a person they would have those rights.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.models import User

LEFT_OUT = "Left out: rows of staff and of people with permissions, which only superusers change."


def with_rights(owner_path: str = "") -> Q:
    """Return the condition of rows whose user is staff or a superuser, or has a permission."""
    return (
        Q(**{f"{owner_path}is_superuser": True})
        | Q(**{f"{owner_path}is_staff": True})
        | Q(**{f"{owner_path}groups__isnull": False})
        | Q(**{f"{owner_path}user_permissions__isnull": False})
    )


class GuardsRights(admin.ModelAdmin):
    """Base of a ModelAdmin of users, or of what opens their accounts."""

    # The path of filters from a row to its user.
    owner_path = ""

    def owner_of(self, obj: Any) -> User:
        raise NotImplementedError

    def is_own(self, request: HttpRequest, user: User) -> bool:
        """Tell whether the row is the signed-in user's, who may change it."""
        return False

    def may_change_rows_of(self, request: HttpRequest, user: User) -> bool:
        signed_in: Any = request.user
        if signed_in.is_superuser or self.is_own(request, user):
            return True
        return not User.objects.filter(with_rights(), pk=user.pk).exists()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_allowed = obj is None or self.may_change_rows_of(request, self.owner_of(obj))
        return is_allowed and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_allowed = obj is None or self.may_change_rows_of(request, self.owner_of(obj))
        return is_allowed and super().has_delete_permission(request, obj)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **options: Any
    ) -> HttpResponse | None:
        """Run a bulk action on those of the selected rows that the user may change."""
        if not request.user.is_superuser:
            rows = self.model._default_manager.filter(with_rights(self.owner_path))
            own = Q(pk__in=[])
            if self.owner_path:
                own = Q(**{f"{self.owner_path}pk": request.user.pk})
            guarded = list(rows.exclude(own).values_list("pk", flat=True).distinct())
            selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
            if any(str(pk) in selected for pk in guarded):
                self.message_user(request, LEFT_OUT, messages.WARNING)
            queryset = queryset.exclude(pk__in=guarded)
        return super().response_action(request, queryset, *args, **options)
