"""Base classes of the API: views limited to their owner, strict serializers, field types."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from django.core.validators import MaxLengthValidator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from django.utils.cache import patch_cache_control
from rest_framework import serializers
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotAuthenticated,
    ValidationError,
)
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.utils.html import is_html_input
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from accounts.api import etags, idempotency, rate_limits
from accounts.api.errors import MAX_ITEM_ERRORS, unknown_names
from accounts.api.query_parameters import check_query
from accounts.api.strict_json import describe_unusable, printable
from accounts.audit.actor import Actor, Source, acting_as
from accounts.digits import DIGITS
from accounts.durations import HINT, DurationError, iso_duration, read_duration
from accounts.instants import OUT_OF_RANGE, OutOfRange, parse_instant
from accounts.models import ApiToken

# The browsable API's forms send this name beside the fields.
FORM_FIELDS = {"csrfmiddlewaretoken"}
# Ids in one list of related rows. Each costs a query.
MAX_RELATED_IDS = 100
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class ApiView(APIView):
    """Base of all API views: rate limits, `Idempotency-Key`, `ETag` and `If-Match`.

    Place it first among the bases of a view, which may set:
    `talks`, the actions that send over the network and so run outside a transaction;
    `expensive`, the actions or methods of which a user may have two under way;
    `query_params`, the allowed query parameters by action or method;
    `filtered`, the actions whose query parameters are checked by Filters instead;
    `answer_headers`, the names of its own response headers by status, for the OpenAPI document.
    """

    throttle_classes = [rate_limits.RateLimit]
    talks: Collection[str] = ()
    expensive: Collection[str] = ()
    query_params: ClassVar[Mapping[str, Collection[str]]] = {}
    filtered: Collection[str] = ("list",)
    answer_headers: ClassVar[Mapping[str, Collection[str]]] = {}
    # The limits that this request counts against, and the remainder of each.
    quota: Collection[tuple[rate_limits.Limit, rate_limits.Remainder]] = ()

    @property
    def _is_talking(self) -> bool:
        return getattr(self, "action", None) in self.talks

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        if idempotency.HEADER in request.headers:
            idempotency.read_whole(request)
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        try:
            super().initial(request, *args, **kwargs)
        except (NotAuthenticated, AuthenticationFailed):
            # A client that guesses tokens is limited by its address.
            self.check_throttles(request)
            raise
        name = (request.method or "").lower()
        handler = getattr(self, name, None)
        if (getattr(self, "action", None) or name) in self.expensive:
            rate_limits.take_place(request._request, request.user.pk)
        if handler is not None and not getattr(self, "detail", False):
            self._check_query(request)
        if handler is None or request.method in SAFE_METHODS:
            return
        if request.content_type.startswith(FORM_TYPES):
            _check_form(request)
        if "If-Match" in request.headers and not self._is_talking:
            # The row stays locked between the check of its edition and its change.
            handler = transaction.atomic(handler)
        handler = acting_as(_actor_of(request))(handler)
        if key := idempotency.key_of(request._request):
            handler = partial(self._run_once, key, handler)
        setattr(self, name, handler)

    def _check_query(self, request: Request) -> None:
        """Refuse query parameters that an address does not have; Filters does so for lists."""
        method = "get" if request.method == "HEAD" else str(request.method).lower()
        name = getattr(self, "action", None) or method
        if name not in self.filtered and request.method != "OPTIONS":
            check_query(request, self.query_params.get(name, ()))

    def _run_once(
        self,
        key: str,
        handler: Callable[..., HttpResponse],
        request: Request,
        *args: Any,
        **kwargs: Any,
    ) -> HttpResponse:
        http = request._request
        fingerprint = idempotency.fingerprint_of(http)
        user_id = int(request.user.pk or 0)
        keyed = idempotency.KeyedRequest(user_id, key, fingerprint, timezone.now())
        act = partial(self._answer, handler, request, *args, **kwargs)
        run = idempotency.run_once_leased if self._is_talking else idempotency.run_once
        return run(keyed, act)

    def _answer(
        self, handler: Callable[..., HttpResponse], request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Run the handler; return its response, errors included, with headers and body complete."""
        try:
            response = handler(request, *args, **kwargs)
        except Exception as error:
            response = self.handle_exception(error)
        response = self.finalize_response(request, response, *args, **kwargs)
        if response.streaming:
            return HttpResponse(
                b"".join(response), status=response.status_code, headers=response.headers
            )
        return response.render() if isinstance(response, Response) else response

    def get_object(self) -> Any:
        return self.matched(super().get_object())  # type: ignore[misc]

    def matched(self, instance: Any) -> Any:
        """Return the instance locked, if `If-Match` names its edition; else raise 412."""
        if getattr(self, "detail", False):
            # After the lookup, so that another user's row answers 404 and not 400.
            self._check_query(self.request)
        expected = self.request.headers.get("If-Match")
        if expected is None or self.request.method in SAFE_METHODS:
            return instance
        etags.lock(instance)
        etags.check(self._edition(instance), expected)
        return instance

    def _edition(self, instance: Any) -> str:
        names = self.get_serializer_class().Meta.fields  # type: ignore[attr-defined]
        return etags.edition_of(instance, names)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        rate_limits.set_headers(response, list(self.quota))
        if isinstance(response, Response) and response.status_code in {200, 201}:
            response = self._add_etag(request, self._add_location(response))
        return response

    def _add_location(self, response: Response) -> Response:
        """Add the address of the row that a 201 shows."""
        instance = self._instance_of(response)
        if response.status_code == 201 and instance is not None and "Location" not in response:
            name = f"{self.basename}-detail"  # type: ignore[attr-defined]
            response["Location"] = reverse(name, [instance.pk], request=self.request)
        return response

    def _instance_of(self, response: Response) -> Any:
        """Return the row of this view's model that a response shows; None for another response."""
        instance: Any = getattr(getattr(response.data, "serializer", None), "instance", None)
        return instance if isinstance(instance, getattr(self, "model", ())) else None

    def _edition_of(self, response: Response) -> str:
        """Return the edition of the row that a response shows; "" for another response."""
        instance = self._instance_of(response)
        return "" if instance is None else self._edition(instance)

    def _add_etag(self, request: Request, response: Response) -> HttpResponse:
        """Add the ETag; return 304 when `If-None-Match` names it."""
        edition = self._edition_of(response)
        is_read = request.method in SAFE_METHODS
        # A page of the browsable API differs each time.
        is_json = request.method != "OPTIONS" and response.accepted_renderer.format == "json"
        if not is_json or not (is_read or edition):
            if edition and not is_read:
                response["ETag"] = f'"{edition}"'
            return response
        # For a write too: its answer equals that of a GET, so the client need not read again.
        tag = etags.digest(response.render().content)
        response["ETag"] = tag = f'"{edition}-{tag}"' if edition else f'"{tag}"'
        if not is_read:
            return response
        patch_cache_control(response, private=True, no_cache=True)
        if_none_match = request.headers.get("If-None-Match")
        if if_none_match is None or not etags.is_known(tag, if_none_match):
            return response
        headers = {name: value for name, value in response.items() if name != "Content-Type"}
        return HttpResponseNotModified(headers=headers)


def _check_form(request: Request) -> None:
    """Raise ValidationError for text that PostgreSQL cannot store, as the JSON parser does."""
    data: Any = request.data
    pairs = data.lists() if hasattr(data, "lists") else ()
    for name, values in pairs:
        reasons = map(describe_unusable, [name, *(v for v in values if isinstance(v, str))])
        if reason := next(filter(None, reasons), None):
            raise ValidationError({printable(name): [reason]})


def _actor_of(request: Request) -> Actor:
    token_id = request.auth.pk if isinstance(request.auth, ApiToken) else None
    return Actor(Source.API.value, request.user.pk, token_id=token_id)


class OwnedViewSet(ApiView, GenericViewSet[Any]):
    """Base of views of the user's own rows; another user's row answers 404.

    A subclass sets `model`, whose manager has `owned_by`, and `scope`, which its tokens need.
    `problems` lists by action the error statuses that the schema cannot derive from the view.
    """

    model: Any
    scope: str
    problems: ClassVar[Mapping[str, Collection[int]]] = {}

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.model.objects.none()
        return self.model.objects.owned_by(self.request.user)


# Refuses unknown fields, so that a misspelt one is not silently dropped. `schema_rules` are further
# rules of the body, in JSON Schema. This is a comment, as the OpenAPI document would repeat a
# docstring for each subclass.
class StrictSerializer(serializers.Serializer[Any]):
    schema_rules: ClassVar[Mapping[str, Any]] = {}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            fields = self.fields
            unknown = [name for name in data if name not in fields and name not in FORM_FIELDS]
            if unknown:
                allowed = ", ".join(n for n, field in fields.items() if not field.read_only)
                raise ValidationError(unknown_names(unknown, f"Unknown field. Allowed: {allowed}."))
            if not is_html_input(data):
                self._check_types(data)
            self._check_digits(data)
        return super().to_internal_value(data)

    def _check_types(self, values: Mapping[str, Any]) -> None:
        """Refuse JSON of another type, which REST framework would convert: "1" to 1, 1 to true."""
        fields = ((name, field) for name, field in self.fields.items() if not field.read_only)
        wrong = {
            name: message
            for name, field in fields
            if name in values and (message := _wrong_type(field, values[name]))
        }
        if wrong:
            raise ValidationError(wrong, code="invalid")

    def _check_digits(self, values: Mapping[str, Any]) -> None:
        """Refuse dates, times and numbers in digits other than 0 to 9, which Python would read."""
        fields = ((name, field) for name, field in self.fields.items() if not field.read_only)
        wrong = {
            name: DIGITS
            for name, field in fields
            if name in values and _has_other_digits(field, values[name])
        }
        if wrong:
            raise ValidationError(wrong, code="invalid")


IN_DIGITS = (
    serializers.DateTimeField,
    serializers.DateField,
    serializers.TimeField,
    serializers.DurationField,
    serializers.IntegerField,
)


def _has_other_digits(field: Any, value: Any) -> bool:
    child = getattr(field, "child", None)
    if child is not None:
        return isinstance(value, list) and any(_has_other_digits(child, item) for item in value)
    is_text = isinstance(value, str) and not value.isascii()
    return is_text and isinstance(field, IN_DIGITS)


# JSON type of each field class, as text and as Python type. Subclasses come first.
JSON_TYPES: tuple[tuple[type[serializers.Field], str, Any], ...] = (
    (serializers.BooleanField, "true or false", bool),
    (serializers.IntegerField, "a whole number", int),
    (serializers.PrimaryKeyRelatedField, "an id, a whole number", int),
    (serializers.ChoiceField, "a text", str),
    (serializers.CharField, "a text", str),
)


def _wrong_type(field: Any, value: Any) -> str:
    """Return the error text for a value of another JSON type; empty when the type is right."""
    if value is None:
        return ""
    child = getattr(field, "child_relation", None) or getattr(field, "child", None)
    if child is not None:
        # The length first, so that an endless list costs nothing.
        most = _max_length(field)
        if most is not None and isinstance(value, list) and len(value) > most:
            return f"Ensure this field has no more than {most} elements."
        elements = value if isinstance(value, list) else ()
        return next((error for element in elements if (error := _wrong_type(child, element))), "")
    for field_class, name, types in JSON_TYPES:
        if isinstance(field, field_class):
            is_right = isinstance(value, types) and not (types is int and isinstance(value, bool))
            return "" if is_right else f"Give {name}."
    return ""


class ShortList(serializers.ListField):
    """A list that stops at the first MAX_ITEM_ERRORS wrong elements."""

    def run_child_validation(self, data: Any) -> list[Any]:
        values: list[Any] = []
        errors: dict[str, Any] = {}
        for index, element in enumerate(data):
            try:
                values.append(self.child.run_validation(element))
            except ValidationError as error:
                errors[str(index)] = error.detail
            if len(errors) == MAX_ITEM_ERRORS:
                break
        if errors:
            raise ValidationError(errors)
        return values


def _max_length(field: Any) -> int | None:
    """Return the greatest number of elements of a list field; None if it has no limit."""
    if getattr(field, "child_relation", None) is not None:
        return MAX_RELATED_IDS
    limits = [v.limit_value for v in field.validators if isinstance(v, MaxLengthValidator)]
    return min(limits, default=None)


class Instant(serializers.DateTimeField):
    """An instant: with an offset or Z."""

    default_error_messages: ClassVar = {
        "no_offset": "Give an instant with an offset or Z, such as 2026-11-23T17:00:00Z.",
        "out_of_range": OUT_OF_RANGE,
    }

    def to_internal_value(self, value: Any) -> datetime:
        try:
            return parse_instant(value)
        except OutOfRange:
            self.fail("out_of_range")
        except ValueError:
            self.fail("no_offset")


class IsoDuration(serializers.DurationField):
    """A duration in ISO 8601, written in its shortest form: PT5M, P1DT12H."""

    # The widget of a form: see foam/api/html_forms.py.
    input_kind = "duration"
    default_error_messages: ClassVar = {"invalid": HINT}

    def to_internal_value(self, value: Any) -> timedelta:
        if not isinstance(value, str):
            self.fail("invalid")
        try:
            return read_duration(value)
        except DurationError:
            self.fail("invalid")

    def to_representation(self, value: timedelta) -> str:
        return iso_duration(value)


class Conflict(APIException):
    status_code = 409
    default_detail = "The current state does not allow this action."
    default_code = "conflict"
