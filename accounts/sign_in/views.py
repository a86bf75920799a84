"""Pages of the user's own account, beside those of allauth."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts import quotas, timezones
from accounts.account_data import closing
from accounts.digits import PlainDigits
from accounts.models import AccountChange, User
from accounts.models.mail_budget import REFUSAL, refuse_mails
from accounts.quota_list import BY_NAME
from accounts.security import email_change
from accounts.sign_in.adapters import NOT_ME_SALT

# Events on the account's page, and on each page of its recent activity.
RECENT, PAGE_SIZE = 5, 50


class ProfileForm(PlainDigits, forms.ModelForm):
    """The user's profile, checked and saved by `User.store`, as in the API."""

    class Meta:
        model = User
        fields = [
            "first_name",
            "last_name",
            "timezone",
            "quiet_from",
            "quiet_until",
            "quiet_weekends",
        ]
        widgets = {
            "timezone": forms.TextInput(attrs={"list": "timezones", "autocomplete": "off"}),
            "quiet_from": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
            "quiet_until": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        }

    def save(self, commit: bool = True) -> User:
        self.instance.store(timezone.now())
        return self.instance


class CloseForm(forms.Form):
    """Asks the user to type their e-mail address, to confirm that the account is to be closed."""

    email = forms.CharField(label="Your e-mail address", widget=forms.EmailInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["email"].widget.attrs["autocomplete"] = "off"

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email.strip().lower() != self.user.email.lower():
            raise ValidationError("This is not the address of your account.")
        return email


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """Show the user's profile; change names, time zone and quiet hours."""
    # A copy of `request.user`, as a form changes its instance even if it is not valid.
    user = User.objects.get(pk=request.user.pk or 0)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("account_home")
    limits = [
        {"quota": BY_NAME[name], "used": used, "limit": limit}
        for name, (used, limit) in quotas.use_of(user.pk).items()
    ]
    context = {
        "form": form,
        "timezones": sorted(timezones.names()),
        "limits": limits,
        "events": recent_events(user)[:RECENT],
    }
    return render(request, "accounts/home.html", context)


def recent_events(user: User) -> QuerySet[AccountChange]:
    """Return the security log of an account, newest first, with texts for its page."""
    return AccountChange.objects.filter(account=user).select_related("user").order_by("-at", "-pk")


@login_required
@require_safe
def activity(request: HttpRequest) -> HttpResponse:
    """Show the recent activity of the user's account."""
    user = User.objects.get(pk=request.user.pk or 0)
    page = Paginator(recent_events(user), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "accounts/activity.html", {"events": page.object_list, "page": page})


@require_http_methods(["GET", "HEAD", "POST"])
def stop_email_change(request: HttpRequest, token: str) -> HttpResponse:
    """Stop a change of the e-mail address, by the link in the mail to the old address."""
    try:
        stop = email_change.read(token, timezone.now())
    except email_change.UnusableStopLink as error:
        return render(request, "accounts/email_stop.html", {"error": str(error)}, status=410)
    if request.method != "POST":
        return render(request, "accounts/email_stop.html", {"stop": stop})
    is_restored = email_change.take_back(stop, timezone.now())
    context = {"stop": stop, "is_stopped": True, "is_restored": is_restored}
    return render(request, "accounts/email_stop.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def not_me(request: HttpRequest, token: str) -> HttpResponse:
    """Send the address of a mail nothing more for a while; opening the page changes nothing."""
    try:
        digest = signing.loads(token, salt=NOT_ME_SALT, max_age=REFUSAL)
    except signing.BadSignature:
        raise Http404 from None
    is_done = request.method == "POST"
    if is_done:
        refuse_mails(digest, timezone.now())
    context = {"is_done": is_done, "days": REFUSAL.days}
    return render(request, "accounts/not_me.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(app="accounts.account_data.closing")
def close(request: HttpRequest) -> HttpResponse:
    """Close the user's account for good."""
    user = User.objects.get(pk=request.user.pk or 0)
    form = CloseForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            closing.close(user, timezone.now())
        except ValidationError as refusal:
            form.add_error(None, refusal)
        else:
            logout(request)
            return render(request, "accounts/closed.html")
    return render(request, "accounts/close.html", {"form": form})
