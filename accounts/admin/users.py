from collections.abc import Iterator
from typing import Any, ClassVar

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import email_verification
from accounts.account_data import closing
from accounts.admin import bulk_actions, search
from accounts.admin.changelist import Listed, NewestValues, StateFilter
from accounts.admin.confirmation import confirmed
from accounts.admin.history import ShowsHistory
from accounts.admin.pause_form import UntilAndReasonForm
from accounts.admin.rights import GuardsRights
from accounts.models import SYSTEM_USER_ID, Pause, User, UserQuota
from accounts.models import pause as pauses

# What only superusers give and take.
RIGHT_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")
# Accounts closed by one action, as this cannot be undone.
MAX_CLOSED_AT_ONCE = 500

PAUSES = "They get no reminder until then. Reminders due meanwhile are recorded as missed."
SWITCHES = (
    "Unselect this instead of deleting the user. The user then cannot sign in and gets no message: "
    "tokens and feeds are refused, due reminders are recorded as missed, and queued messages are "
    "cancelled. When you select it again, reminders go on with their next due time."
)
RESUMES = "Their reminders go on with their next due time."
CLOSES = "Nothing more is sent, and all texts are erased. This cannot be undone."
UNLOCKS = (
    "They sign in without a second factor, and their recovery codes stop working. Staff must set "
    "up a new one at their next sign-in."
)
OWN_EMAIL = (
    "Change your own address at Account, E-mail address: it sends a code to the new one, and tells "
    "the old one."
)

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(ShowsHistory, DjangoGroupAdmin, ModelAdmin):
    """Only superusers choose the permissions of a group, and delete a group with members."""

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        return () if request.user.is_superuser else ("permissions",)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        is_allowed = obj is None or request.user.is_superuser or not obj.user_set.exists()
        return is_allowed and super().has_delete_permission(request, obj)


class AccountFilter(StateFilter):
    title = "account"
    default = "All but closed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("off", "Switched off"), ("closed", "Closed")]

    def shown_by_default(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(closed_at=None)

    def having(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == "closed":
            return rows.exclude(closed_at=None)
        rows = rows.filter(closed_at=None)
        return rows.filter(is_active=value == "open") if value in {"open", "off"} else rows


class UserForm(UserChangeForm):
    class Meta(UserChangeForm.Meta):
        help_texts: ClassVar = {"is_active": SWITCHES}


@admin.register(User)
class UserAdmin(GuardsRights, Listed, ShowsHistory, DjangoUserAdmin, ModelAdmin):
    form = UserForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "timezone", "is_staff", "is_active", "last_login")
    list_filter = (AccountFilter, "is_staff", "is_superuser", ("timezone", NewestValues))
    search_help_text = "Id, username, e-mail or name"
    finds = "Search by id, or the start of a username, an e-mail address or a name."
    # Of these columns only the username has an index.
    sortable_by = ("username",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("email", "first_name", "last_name", "timezone")}),
        (
            "Quiet hours",
            {
                "fields": ("quiet_from", "quiet_until", "quiet_weekends"),
                "description": "Messages are held until these end. Urgent ones come through.",
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
    actions = ("pause", "resume", "close_accounts", "remove_second_factors")

    def owner_of(self, obj: User) -> User:
        return obj

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fixed = () if request.user.is_superuser else RIGHT_FIELDS
        return (*self.readonly_fields, *fixed)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Set a user's password. For one's own, lead to the page that asks for the old one."""
        user = self.get_object(request, unquote(id))
        if user is not None and user.pk == request.user.pk:
            return redirect("account_change_password")
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        return answer

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).exclude(pk=SYSTEM_USER_ID)

    def shown_by_default(self, rows: QuerySet[User]) -> QuerySet[User]:
        return rows.filter(closed_at=None)

    def choices_for(self, rows: QuerySet[User], query: QueryDict) -> QuerySet[User]:
        """Return the users that a form offers: no closed accounts."""
        return rows.filter(closed_at=None)

    def find(self, rows: QuerySet[User], text: str) -> Iterator[QuerySet[User]]:
        if (number := search.number_of(text)) is not None:
            yield rows.filter(pk=number)
        for word in search.words_of(text):
            rows = rows.filter(search.begins(word, *search.PERSON))
        yield rows

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if obj.pk == request.user.pk and "email" in form.changed_data:
            raise ValidationError({"email": OWN_EMAIL})
        obj.store(timezone.now())
        if "email" in form.changed_data:
            email_verification.mark_email_verified(obj)

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.add_pause")

    @admin.action(description="Pause all reminders of selected users…", permissions=["pause"])
    @confirmed("Pause all reminders of", PAUSES, form=UntilAndReasonForm)
    def pause(
        self, request: HttpRequest, users: QuerySet[User], data: dict[str, Any]
    ) -> HttpResponse | None:
        now = timezone.now()

        def act(user: User) -> str | None:
            pauses.begin(Pause.Scope.USER, now, owner=user, **data)
            return None

        noted = "Paused all reminders."
        return bulk_actions.run(request, self, users, act, "Paused all reminders of", noted=noted)

    @admin.action(description="Resume all reminders of selected users…", permissions=["pause"])
    @confirmed("Resume all reminders of", RESUMES)
    def resume(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        now = timezone.now()

        def act(user: User) -> str | None:
            if not user.is_active:
                return "their account is switched off"
            is_ended = pauses.end(Pause.Scope.USER, now, owner=user)
            return None if is_ended else "they were not paused"

        noted = "Resumed all reminders."
        return bulk_actions.run(request, self, users, act, "Resumed all reminders of", noted=noted)

    def has_superuser_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser

    @admin.action(
        description="Close selected accounts, for good, and erase them…",
        permissions=["superuser"],
    )
    @confirmed("Close for good:", CLOSES, most=MAX_CLOSED_AT_ONCE, is_final=True)
    def close_accounts(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        def act(user: User) -> str | None:
            closing.close(user, timezone.now())
            return None

        return bulk_actions.run(
            request,
            self,
            users,
            act,
            "Closed the accounts of",
            most=MAX_CLOSED_AT_ONCE,
            noted="Closed the account.",
        )

    @admin.action(
        description="Remove the second factors of selected users…", permissions=["superuser"]
    )
    @confirmed("Remove the second factors of", UNLOCKS, is_final=True)
    def remove_second_factors(
        self, request: HttpRequest, users: QuerySet[User]
    ) -> HttpResponse | None:
        """Remove second factors, for users who have lost theirs and the recovery codes."""

        def act(user: User) -> str | None:
            removed = Authenticator.objects.filter(user=user).delete()[0]
            return None if removed else "there was none"

        participle, noted = "Removed the second factors of", "Removed the second factors."
        return bulk_actions.run(request, self, users, act, participle, noted=noted)


@admin.register(UserQuota)
class UserQuotaAdmin(ShowsHistory, ModelAdmin):
    """Quotas of single users, in place of the settings FOAM_QUOTA_*."""

    list_display = ("user", "name", "value")
    list_filter = ("name",)
    search_fields = ("user__username",)
    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    fields = ("user", "name", "value")

    def get_readonly_fields(self, request: HttpRequest, obj: UserQuota | None = None) -> Any:
        return ("user", "name") if obj else ()
