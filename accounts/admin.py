from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import closing, emails
from accounts.models import FOAM_ID, ApiToken, User

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    pass


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "timezone", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active", "timezone")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("email", "first_name", "last_name", "timezone")}),
        (
            "Quiet hours",
            {
                "fields": ("quiet_from", "quiet_until", "quiet_weekends"),
                "description": "Messages are held until these end; urgent ones pass.",
            },
        ),
        (
            "Permissions",
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        ("Dates", {"fields": ("last_login", "date_joined", "closed_at")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": (
                    "username",
                    "email",
                    "timezone",
                    "usable_password",
                    "password1",
                    "password2",
                ),
            },
        ),
    )
    readonly_fields = ("last_login", "date_joined", "closed_at")
    actions = ("close_accounts", "remove_second_factors")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).exclude(pk=FOAM_ID)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.store(timezone.now())
        if "email" in form.changed_data:
            emails.trust(obj)

    def has_superuser_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser

    @admin.action(
        description="Close selected accounts, for good, and erase them", permissions=["superuser"]
    )
    def close_accounts(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            context = {**self.admin_site.each_context(request), "users": users, "title": "Close"}
            return render(request, "admin/accounts/user/close.html", context)
        for user in users:
            name = user.username
            try:
                closing.close(user, timezone.now())
            except ValidationError as refusal:
                self.message_user(request, f"{name}: {refusal.message}", messages.ERROR)
            else:
                self.message_user(request, f"Closed the account of {name}.")
        return None

    @admin.action(
        description="Remove the second factors of selected users", permissions=["superuser"]
    )
    def remove_second_factors(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """For who has lost theirs, and the recovery codes; staff set up others at once."""
        count = Authenticator.objects.filter(user__in=users).delete()[0]
        self.message_user(request, f"Removed {count}.")


@admin.register(ApiToken)
class ApiTokenAdmin(ModelAdmin):
    """Tokens are made where their secret can be shown once: by `manage.py createtoken`."""

    list_display = (
        "name",
        "user",
        "hint",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = ("revoked_at", "expires_at")
    search_fields = ("name", "user__username")
    list_select_related = ("user",)
    readonly_fields = ("user", "hint", "created_at", "last_used_at", "revoked_at")
    fields = ("name", "scopes", "expires_at", *readonly_fields)
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="Revoke selected tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        now = timezone.now()
        for token in tokens:
            token.revoke(now)
        self.message_user(request, f"Revoked {len(tokens)}.")
