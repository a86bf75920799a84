from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularJSONAPIView

from accounts.choices import Search
from foam import views
from foam.reference import RedocView, SwaggerView
from notifications import answers
from notifications.actions import PATH
from reminders import feed

# One way in for everybody, with its second factor and its limits.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

api: list[URLPattern | URLResolver] = [
    path("", views.ApiRootView.as_view(), name="api"),
    path("", include("reminders.urls")),
    path("", include("notifications.urls")),
    path("", include("accounts.urls")),
]

urlpatterns = [
    path("", views.WelcomeView.as_view(), name="welcome"),
    path("api/v1/", include(api)),
    path(
        "openapi.json",
        SpectacularJSONAPIView.as_view(permission_classes=[], authentication_classes=[]),
        name="openapi",
    ),
    path("docs", SwaggerView.as_view(), name="docs"),
    path("redoc", RedocView.as_view(), name="redoc"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    # In place of Django's, which offers everything that it finds.
    path("admin/autocomplete/", admin.site.admin_view(Search.as_view(admin_site=admin.site))),
    path("admin/", admin.site.urls),
    path("", include("accounts.sign_in_urls")),
    path(f"{PATH.lstrip('/')}<path:token>", answers.page, name="answer"),
    path(f"{feed.PATH.lstrip('/')}<str:secret>.ics", feed.feed, name="calendar-feed"),
]

handler400 = "foam.problems.bad_request"
handler403 = "foam.problems.forbidden"
handler404 = "foam.problems.not_found"
handler500 = "foam.outage.answer_failure"
