"""Pages to sign in by, and of one's account; and the same for programs, below `_allauth/`."""

from allauth.headless import urls as headless
from django.urls import URLPattern, URLResolver, include, path

from accounts.sign_in import views

# FOAM calls nobody, and of the team's provider programs know nothing.
NOT_ROUTED = ("phone", "provider")


def routed(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Return these patterns without those that are good for nothing here."""
    kept = []
    for each in patterns:
        if any(str(each.pattern).startswith(name) for name in NOT_ROUTED):
            continue
        if isinstance(each, URLResolver):
            each.url_patterns[:] = routed(each.url_patterns)
        kept.append(each)
    return kept


urlpatterns = [
    path("account/", views.home, name="account_home"),
    path("account/close/", views.close, name="account_close"),
    path("account/", include("allauth.urls")),
    path("_allauth/", include((routed(headless.urlpatterns), "headless"))),
]
