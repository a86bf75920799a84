from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from accounts.admin.owner_choices import Search
from foam import views
from foam.api import problems
from foam.api.address_limits import limit_address
from foam.api.openapi.pages import RedocView, SwaggerView
from foam.api.openapi.view import OpenApiView
from notifications.links import views as answers
from notifications.links.signed_links import PATH
from reminders.exchange.feed import views as feed

api: list[URLPattern | URLResolver] = [
    path("", views.ApiRootView.as_view(), name="api"),
    path("", include("reminders.urls")),
    path("", include("notifications.urls")),
    path("", include("accounts.urls")),
]

urlpatterns = [
    path("", views.WelcomeView.as_view(), name="welcome"),
    path("api/v1/", include(api)),
    path("openapi.json", limit_address("openapi")(OpenApiView.as_view()), name="openapi"),
    path("docs", SwaggerView.as_view(), name="docs"),
    path("redoc", RedocView.as_view(), name="redoc"),
    path("errors", problems.explanation, name="errors"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    # In place of Django's own, which offers the rows of all owners.
    path("admin/autocomplete/", admin.site.admin_view(Search.as_view(admin_site=admin.site))),
    # Staff change their password where everybody does: tries are limited, and the owner is told.
    path(
        "admin/password_change/",
        admin.site.admin_view(RedirectView.as_view(pattern_name="account_change_password")),
    ),
    path("admin/", admin.site.urls),
    path("", include("accounts.sign_in.urls")),
    path(f"{PATH.lstrip('/')}<path:token>", limit_address("link")(answers.page), name="answer"),
    path(
        f"{feed.PATH.lstrip('/')}<str:secret>.ics",
        limit_address("feed")(feed.feed),
        name="calendar-feed",
    ),
]

handler400 = "foam.api.problems.bad_request"
handler403 = "foam.api.problems.forbidden"
handler404 = "foam.api.problems.not_found"
handler500 = "foam.api.outage.answer_failure"
