from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from foam import views
from notifications import answers
from notifications.actions import PATH

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
        SpectacularAPIView.as_view(permission_classes=[], authentication_classes=[]),
        name="openapi",
    ),
    path(
        "docs",
        SpectacularSwaggerView.as_view(
            url_name="openapi", permission_classes=[], authentication_classes=[]
        ),
        name="docs",
    ),
    path(
        "redoc",
        SpectacularRedocView.as_view(
            url_name="openapi", permission_classes=[], authentication_classes=[]
        ),
        name="redoc",
    ),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path(f"{PATH.lstrip('/')}<path:token>", answers.page, name="answer"),
]

handler400 = "foam.problems.bad_request"
handler404 = "foam.problems.not_found"
handler500 = "foam.problems.server_error"
