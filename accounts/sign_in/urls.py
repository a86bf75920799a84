"""URLs of sign-in and of the account, as pages, and for programs below `_allauth/`."""

from allauth.account.decorators import reauthentication_required
from allauth.account.views import password_set
from allauth.headless import urls as headless
from django.urls import URLPattern, URLResolver, include, path

from accounts.sign_in import views

# FOAM verifies no phone numbers, and programs cannot use the team's provider.
NOT_ROUTED = ("phone", "provider")


def supported(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Return the patterns, and those below them, without NOT_ROUTED."""
    supported_patterns = []
    for pattern in patterns:
        if any(str(pattern.pattern).startswith(name) for name in NOT_ROUTED):
            continue
        if isinstance(pattern, URLResolver):
            pattern.url_patterns[:] = supported(pattern.url_patterns)
        supported_patterns.append(pattern)
    return supported_patterns


urlpatterns = [
    path("account/", views.home, name="account_home"),
    path("account/close/", views.close, name="account_close"),
    path("account/activity/", views.activity, name="account_activity"),
    path("account/email/stop/<str:token>/", views.stop_email_change, name="account_email_stop"),
    # A first password is a way in of its own, so it asks again as all others do.
    path("account/password/set/", reauthentication_required(password_set)),
    path("account/not-me/<str:token>/", views.not_me, name="account_not_me"),
    path("account/", include("allauth.urls")),
    path("_allauth/", include((supported(headless.urlpatterns), "headless"))),
]
