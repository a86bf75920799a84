"""Errors of the API as problem documents (RFC 9457), and of other pages as HTML."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from rest_framework.exceptions import APIException
from rest_framework.exceptions import ValidationError as ApiValidationError
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import exception_handler as drf_exception_handler

from accounts.api.base import Conflict
from accounts.api.errors import field_errors, shorten_middle
from foam.api.problem_types import PROBLEM_TYPES, code_of_status
from foam.logs import current_request_id
from reminders.models.errors import EditConflict

CONTENT_TYPE = "application/problem+json"
INVALID = "The request is not valid. Correct the fields in errors, and send it again."
# For error pages, which have no script, and one form: to sign out.
PAGE_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Return the problem document of an error; None for an unexpected one, which becomes a 500."""
    if isinstance(exc, EditConflict):
        exc = Conflict(exc.message)
    elif isinstance(exc, DjangoValidationError):
        exc = ApiValidationError(as_serializer_error(exc))
    response = drf_exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, ApiValidationError):
        response.data = problem(400, INVALID, field_errors(exc.detail))
    else:
        code = exc.default_code if isinstance(exc, APIException) else ""
        response.data = problem(response.status_code, _detail(response.data), code=code)
    renderer = getattr(context["request"], "accepted_renderer", None)
    if renderer is None or renderer.format != "api":
        response.content_type = CONTENT_TYPE
    return response


def problem(
    status: int, detail: str, errors: list[dict[str, str]] | None = None, code: str = ""
) -> dict[str, Any]:
    """Return a problem document; `errors` lists {field, code, detail} for each wrong field.

    `code` is a key of PROBLEM_TYPES; the usual one of the status if it is left out.
    """
    code = code if code in PROBLEM_TYPES else code_of_status(status)
    document: dict[str, Any] = {
        "type": type_of(code),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": current_request_id(),
    }
    if errors is not None:
        document["errors"] = errors
    return document


def type_of(code: str, base: str = "") -> str:
    """Return the `type` of a problem (RFC 9457, 3.1.1): the address of its explanation."""
    return f"{base or settings.FOAM_BASE_URL}/errors#{code}"


def _detail(data: Any) -> str:
    is_document = isinstance(data, dict) and "detail" in data
    return shorten_middle(str(data["detail"] if is_document else data))


def response(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> HttpResponse:
    """Return a problem document as a response, for errors outside the views of the API."""
    return JsonResponse(problem(status, detail, errors), status=status, content_type=CONTENT_TYPE)


def explanation(request: HttpRequest) -> HttpResponse:
    """Return the page to which the `type` of every problem leads."""
    page = HttpResponse(render_to_string("foam/errors.html", {"types": PROBLEM_TYPES.items()}))
    page["Content-Security-Policy"] = PAGE_CSP
    return page


def wants_page(request: HttpRequest) -> bool:
    """Whether the client is a browser: its Accept header puts HTML before JSON."""
    types = [CONTENT_TYPE, "application/json", "text/html"]
    return request.get_preferred_type(types) == "text/html"


def answer(
    request: HttpRequest, status: int, detail: str, errors: list[dict[str, str]] | None = None
) -> HttpResponse:
    """Return an error as a page for a browser, and as a problem document for a program.

    The page reads neither session nor database, so that it works when these fail.
    """
    if not wants_page(request):
        return response(status, detail, errors)
    detail = " ".join([detail, *(error["detail"] for error in errors or ())])
    context = {"status": status, "title": HTTPStatus(status).phrase, "detail": detail}
    page = HttpResponse(render_to_string("foam/error.html", context), status=status)
    page["Content-Security-Policy"] = PAGE_CSP
    return page


def too_many(request: HttpRequest, detail: str, wait: int) -> HttpResponse:
    """Return the refusal of a request that may come again after `wait` seconds."""
    refusal = answer(request, 429, detail)
    refusal["Retry-After"] = str(wait)
    return refusal


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    detail = "There is nothing at this address."
    return answer(request, 404, detail if wants_page(request) else f"{detail} See /docs.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, 400, "The server cannot read this request. Go back and try again.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    detail = "Your account may not open this. Ask an administrator of this FOAM for access."
    return answer(request, 403, detail)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    detail = (
        "This form is too old, or it came from another site. Go back, reload the page and send "
        "the form again. Cookies must be allowed."
    )
    return answer(request, 403, detail)


def server_error(request: HttpRequest) -> HttpResponse:
    return answer(request, 500, "Something went wrong on our side. It has been logged.")
