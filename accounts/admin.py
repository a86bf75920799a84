from collections.abc import Iterator
from typing import Any

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import closing, emails, pause_page, pauses, report, search, tokens
from accounts.forms import StoringForm
from accounts.history import ShowsHistory
from accounts.lists import Listed, NewestValues
from accounts.models import API_SCOPES, FOAM_ID, ApiToken, User
from accounts.pauses import Pause

# The page that asks for confirmation names each.
CLOSED_AT_ONCE = 500

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(ShowsHistory, DjangoGroupAdmin, ModelAdmin):
    pass


@admin.register(User)
class UserAdmin(Listed, ShowsHistory, DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "timezone", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active", ("timezone", NewestValues))
    search_help_text = "Id, username, e-mail or name"
    finds = "Finds an id, or the beginning of a username, an e-mail address or a name."
    # Of what is listed only names have an index.
    sortable_by = ("username",)
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
    actions = ("pause", "resume", "close_accounts", "remove_second_factors")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).exclude(pk=FOAM_ID)

    def find(self, rows: QuerySet[User], text: str) -> Iterator[QuerySet[User]]:
        if (number := search.number_of(text)) is not None:
            yield rows.filter(pk=number)
        for word in search.words_of(text):
            rows = rows.filter(search.begins(word, *search.PERSON))
        yield rows

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.store(timezone.now())
        if "email" in form.changed_data:
            emails.trust(obj)

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.add_pause")

    @admin.action(description="Pause all reminders of selected users…", permissions=["pause"])
    def pause(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        asked = pause_page.ask(request, self, users, with_reason=True)
        if isinstance(asked, HttpResponse):
            return asked
        now, told = timezone.now(), asked.cleaned_data

        def act(user: User) -> str | None:
            pauses.begin(Pause.Scope.USER, now, owner=user, by=request.user, **told)
            return None

        noted = "Paused all reminders."
        report.run(request, self, users, act, "Paused all reminders of", noted=noted)
        return None

    @admin.action(description="Resume all reminders of selected users", permissions=["pause"])
    def resume(self, request: HttpRequest, users: QuerySet[User]) -> None:
        now = timezone.now()

        def act(user: User) -> str | None:
            is_ended = pauses.end(Pause.Scope.USER, now, owner=user)
            return None if is_ended else "they were not paused"

        noted = "Resumed all reminders."
        report.run(request, self, users, act, "Resumed all reminders of", noted=noted)

    def has_superuser_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser

    @admin.action(
        description="Close selected accounts, for good, and erase them", permissions=["superuser"]
    )
    def close_accounts(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        is_asked = "confirmed" not in request.POST
        if is_asked and report.chosen_of(users, CLOSED_AT_ONCE) is not None:
            context = {**self.admin_site.each_context(request), "users": users, "title": "Close"}
            return render(request, "admin/accounts/user/close.html", context)

        def act(user: User) -> str | None:
            closing.close(user, timezone.now())
            return None

        report.run(
            request,
            self,
            users,
            act,
            "Closed the accounts of",
            most=CLOSED_AT_ONCE,
            noted="Closed the account.",
        )
        return None

    @admin.action(
        description="Remove the second factors of selected users", permissions=["superuser"]
    )
    def remove_second_factors(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """For who has lost theirs, and the recovery codes; staff set up others at once."""

        def act(user: User) -> str | None:
            removed = Authenticator.objects.filter(user=user).delete()[0]
            return None if removed else "there was none"

        done, noted = "Removed the second factors of", "Removed the second factors."
        report.run(request, self, users, act, done, noted=noted)


class TokenForm(StoringForm):
    """A new token of whoever is signed in; later, its name and when it expires."""

    owner: User
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in API_SCOPES],
        initial=tokens.USUAL_SCOPES,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What it may do. This cannot be changed later.",
    )
    # Of a new one, until it has been shown.
    secret = ""

    class Meta:
        model = ApiToken
        fields: list[str] = []  # the admin names them

    def store(self) -> None:
        wanted, now = self.cleaned_data, timezone.now()
        if self.instance.pk is None:
            self.instance, self.secret = tokens.make(self.owner, now=now, **wanted)
        else:
            tokens.rename(self.instance, wanted["name"])
            if "expires_at" in self.changed_data:
                tokens.expire(self.instance, wanted["expires_at"], now)


@admin.register(ApiToken)
class ApiTokenAdmin(ShowsHistory, ModelAdmin):
    """Staff see all tokens and make their own; `manage.py createtoken` makes those of others."""

    form = TokenForm
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
    readonly_fields = ("user", "scopes", "hint", "made_by", *list_display[3:5], "revoked_at")
    fields = ("name", "expires_at", *readonly_fields)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return self.fields if obj else ("name", "scopes", "expires_at")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kw: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kw)
        form.owner = request.user
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"expires_at": tokens.usual_expiry(timezone.now()), "scopes": tokens.USUAL_SCOPES}

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """The form has stored it."""
        obj.secret = form.secret  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret in this answer only: in no message, no session and no cookie."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API token made",
            "opts": self.opts,
            "token": obj,
        }
        return TemplateResponse(request, "admin/accounts/apitoken/made.html", context)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        obj.revoke(timezone.now())
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        now = timezone.now()
        for token in queryset:
            token.revoke(now)
        super().delete_queryset(request, queryset)

    @admin.action(description="Revoke selected tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        now = timezone.now()

        def act(token: ApiToken) -> str | None:
            if token.revoked_at is not None:
                return "it was revoked before"
            token.revoke(now)
            return None

        report.run(request, self, chosen, act, "Revoked")


class PauseForm(StoringForm):
    """A new pause; later, its end and its reason."""

    by: User

    class Meta:
        model = Pause
        fields: list[str] = []  # the admin names them

    def store(self) -> None:
        pause = self.instance
        kind = {"scope": pause.scope, "owner": pause.owner, "tag": pause.tag}
        told = {"until": pause.until, "reason": pause.reason}
        self.instance, _ = pauses.begin(now=timezone.now(), by=self.by, **kind, **told)


@admin.register(Pause)
class PauseAdmin(ShowsHistory, ModelAdmin):
    """Of tags, of users and of everything: for reminders and channels there are actions."""

    form = PauseForm
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

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kw: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kw)
        form.by = request.user
        return form

    def has_change_permission(self, request: HttpRequest, obj: Pause | None = None) -> bool:
        is_over = obj is not None and not obj.is_active(timezone.now())
        return not is_over and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Pause, form: Any, change: bool) -> None:
        """The form has stored it."""

    @display(description="State", label={"paused": "warning", "over": "info"})
    def show_state(self, pause: Pause) -> str:
        return "paused" if pause.is_active(timezone.now()) else "over"

    @admin.action(description="End selected pauses", permissions=["change"])
    def end(self, request: HttpRequest, chosen: QuerySet[Pause]) -> None:
        now = timezone.now()

        def act(pause: Pause) -> str | None:
            if not pause.is_active(now):
                return "it was over before"
            pause.end(now)
            return None

        report.run(request, self, chosen, act, "Ended")
