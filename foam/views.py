"""The front door: welcome, health and readiness."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import ApiView
from foam.api import problems
from foam.api.address_limits import limit_address
from foam.api.roots import nouns
from foam.monitoring import metrics as figures
from foam.monitoring.health import CHECKS, readiness
from foam.postgresql.connection import patience

# The limit for the database in these answers: probes have time-outs of their own.
PROBE_PATIENCE_SECONDS = 3.0


class WelcomeView(APIView):
    """The front door: a page for a person, the addresses in JSON for a program."""

    permission_classes = [AllowAny]
    # Sessions only: the answer does not depend on a token.
    authentication_classes = [SessionAuthentication]
    renderer_classes = [JSONRenderer, TemplateHTMLRenderer]
    schema = None

    def get(self, request: Request) -> Response:
        if request.accepted_renderer.format == "html":
            is_open = settings.FOAM_SIGNUP == "open"
            answer = Response({"is_signup_open": is_open}, template_name="foam/welcome.html")
            answer["Content-Security-Policy"] = problems.PAGE_CSP
            return answer
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
    """The lists of the API. A token goes into the header `Authorization: Bearer foam_…`.

    Who am I: `curl -H "Authorization: Bearer $TOKEN" $FOAM/api/v1/me/`

    A reminder from a sentence: `curl -H "Authorization: Bearer $TOKEN" --json '{"text": "tea every
    day at 5pm"}' $FOAM/api/v1/reminders/`

    What comes next: `curl -H "Authorization: Bearer $TOKEN"
    "$FOAM/api/v1/reminders/?ordering=next_due_at"`
    """

    permission_classes = [AllowAny]
    schema = None

    def get(self, request: Request) -> Response:
        return Response({name: request.build_absolute_uri(path) for name, path in nouns().items()})


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer that this process is alive, without a query."""
    return JsonResponse({"status": "ok"})


@limit_address("readyz")
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer whether reminders fire and arrive: database, broker, the last tick and canary.

    As in Kubernetes' own probes, `?exclude=broker` leaves a check out of the status.
    """
    excluded = request.GET.getlist("exclude")
    if unknown := set(excluded).difference(CHECKS):
        name = min(unknown)[:40]
        return problems.response(
            400, f"There is no check {name!r} to exclude; there are {', '.join(CHECKS)}."
        )
    with patience(PROBE_PATIENCE_SECONDS):
        report = readiness(timezone.now(), excluded)
    return JsonResponse(report, status=200 if report["status"] == "ok" else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics to a client with FOAM_METRICS_TOKEN; 404 if that is not set.

    In development loopback needs no token.
    """
    token = settings.FOAM_METRICS_TOKEN
    if not token:
        if settings.PRODUCTION or request.META.get("REMOTE_ADDR") not in {"127.0.0.1", "::1"}:
            return problems.response(404, "There is nothing here until FOAM_METRICS_TOKEN is set.")
    elif not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}"):
        answer = problems.response(401, "Show FOAM_METRICS_TOKEN as a bearer token.")
        answer["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return answer
    with patience(PROBE_PATIENCE_SECONDS):
        page = figures.page(timezone.now())
    return HttpResponse(page, content_type=figures.CONTENT_TYPE)
