from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts.api.views import AccountExportView, ApiTokenViewSet, MeView, PauseViewSet

router = SimpleRouter()
router.register("tokens", ApiTokenViewSet, basename="token")
router.register("pauses", PauseViewSet, basename="pause")

urlpatterns = [
    path("me/", MeView.as_view(), name="me"),
    path("me/export/", AccountExportView.as_view(), name="me-export"),
    *router.urls,
]
