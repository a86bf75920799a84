"""The front door: welcome, health and readiness."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import ApiView
from foam.health import readiness
from foam.nouns import nouns


class WelcomeView(APIView):
    """FOAM fires each reminder once, on time, and can prove it."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    schema = None

    def get(self, request: Request) -> Response:
        links = {
            name: settings.FOAM_BASE_URL + reverse(view)
            for name, view in (
                ("docs", "docs"),
                ("redoc", "redoc"),
                ("openapi", "openapi"),
                ("api", "api"),
                ("admin", "admin:index"),
                ("health", "healthz"),
                ("readiness", "readyz"),
            )
        }
        return Response({"message": "Welcome to FOAM 🎉", **links})


class ApiRootView(ApiView):
    """What the API has. A token goes into the header `Authorization: Bearer foam_…`."""

    permission_classes = [AllowAny]
    schema = None

    def get(self, request: Request) -> Response:
        return Response({name: request.build_absolute_uri(path) for name, path in nouns().items()})


def healthz(request: HttpRequest) -> JsonResponse:
    """Say that this process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether reminders fire and arrive: database, broker, the last tick and canary."""
    report = readiness(timezone.now())
    return JsonResponse(report, status=200 if report["status"] == "ok" else 503)
