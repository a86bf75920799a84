from django.urls import path

from accounts.views import ExportView, MeView

urlpatterns = [
    path("me/", MeView.as_view(), name="me"),
    path("me/export/", ExportView.as_view(), name="me-export"),
]
