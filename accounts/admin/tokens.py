from typing import Any, cast

from allauth.core.exceptions import ReauthenticationRequired
from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import tokens
from accounts.admin import bulk_actions
from accounts.admin.confirmation import confirmed
from accounts.admin.edits import EditForm
from accounts.admin.history import ShowsHistory
from accounts.admin.rights import GuardsRights
from accounts.models import ApiToken, User
from accounts.models.token import API_SCOPES
from accounts.security.reauthentication import has_confirmed

REVOKES = (
    "Programs that use these tokens, or tokens that these made, are refused from now on. This "
    "cannot be undone."
)


class TokenForm(EditForm):
    """A new token of the signed-in user; of a stored token, its name and expiry."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in API_SCOPES],
        initial=tokens.DEFAULT_SCOPES,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What it may do. This cannot be changed later.",
    )

    class Meta:
        model = ApiToken
        fields: list[str] = []  # the admin names them


@admin.register(ApiToken)
class ApiTokenAdmin(GuardsRights, ShowsHistory, ModelAdmin):
    """Staff see all tokens and create their own. For other users, use `manage.py createtoken`."""

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

    owner_path = "user__"

    def owner_of(self, obj: ApiToken) -> User:
        return obj.user

    def is_own(self, request: HttpRequest, user: User) -> bool:
        return user.pk == request.user.pk

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for the password or a factor again, as the API and the pages do, before a token."""
        if self.has_add_permission(request) and not has_confirmed(request.user, request.session):
            raise ReauthenticationRequired
        answer: HttpResponse = super().add_view(request, form_url, extra_context)
        return answer

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return self.fields if obj else ("name", "scopes", "expires_at")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {
            "expires_at": tokens.default_expiry(timezone.now()),
            "scopes": tokens.DEFAULT_SCOPES,
        }

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        data, now = form.cleaned_data, timezone.now()
        if change:
            tokens.rename(obj, data["name"])
            if "expires_at" in form.changed_data:
                tokens.expire(obj, data["expires_at"], now)
            return
        values = {name: data[name] for name in ("name", "scopes", "expires_at")}
        token, secret = tokens.make(cast(User, request.user), now=now, **values)
        obj.__dict__.update(token.__dict__)
        # For response_add, which shows it.
        obj.secret = secret  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret in this answer only: in no message, no session and no cookie."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API token created",
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

    @admin.action(description="Revoke selected tokens…", permissions=["change"])
    @confirmed("Revoke", REVOKES, is_final=True)
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiToken]) -> HttpResponse | None:
        now = timezone.now()

        def act(token: ApiToken) -> str | None:
            if token.revoked_at is not None:
                return "it was revoked before"
            token.revoke(now)
            return None

        return bulk_actions.run(request, self, rows, act, "Revoked")
