"""What every noun of the API shares: it belongs to a user, and knows its fields."""

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

from accounts.api import etags, idempotency
from accounts.api import rate_limits as limits
from accounts.api.errors import MAX_ITEM_ERRORS, unknown_names
from accounts.api.query_parameters import check_query
from accounts.api.strict_json import describe_unusable, printable
from accounts.audit.actor import Actor, Source, acting_as
from accounts.digits import DIGITS
from accounts.durations import HINT, DurationError, iso_duration, read_duration
from accounts.instants import OUT_OF_RANGE, OutOfRange, parse_instant
from accounts.models import ApiToken

# The browsable API's forms send it beside the fields.
FORM_FIELDS = {"csrfmiddlewaretoken"}
# Each is looked up.
MANY_IDS = 100
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class ApiView(APIView):
    """What every address of the API does alike: limits, `Idempotency-Key`, `ETag`, `If-Match`.

    It stands first among the bases of a view. An action that talks to the network, and so must not
    be within a transaction, is named in `talks`. Query parameters are named in `query_params`, by
    action or method, but for lists in `filtered`: Filters knows theirs.
    """

    throttle_classes = [limits.RateLimit]
    talks: Collection[str] = ()
    query_params: ClassVar[Mapping[str, Collection[str]]] = {}
    filtered: Collection[str] = ("list",)
    # The limits that this request counts for, with what is left of them.
    quota: Collection[tuple[limits.Limit, limits.Left]] = ()

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
            # Whoever tries tokens is limited by address.
            self.check_throttles(request)
            raise
        name = (request.method or "").lower()
        handler = getattr(self, name, None)
        if handler is not None and not getattr(self, "detail", False):
            self._check_query(request)
        if handler is None or request.method in SAFE_METHODS:
            return
        if request.content_type.startswith(FORM_TYPES):
            _check_form(request)
        if "If-Match" in request.headers and not self._is_talking:
            # What is checked is then locked until it is changed.
            handler = transaction.atomic(handler)
        handler = acting_as(_by(request))(handler)
        if key := idempotency.key_of(request._request):
            handler = partial(self._once, key, handler)
        setattr(self, name, handler)

    def _check_query(self, request: Request) -> None:
        """Refuse query parameters that an address does not know; Filters does so for lists."""
        method = "get" if request.method == "HEAD" else str(request.method).lower()
        name = getattr(self, "action", None) or method
        if name not in self.filtered and request.method != "OPTIONS":
            check_query(request, self.query_params.get(name, ()))

    def _once(
        self,
        key: str,
        handler: Callable[..., HttpResponse],
        request: Request,
        *args: Any,
        **kwargs: Any,
    ) -> HttpResponse:
        http = request._request
        fingerprint = idempotency.fingerprint_of(http)
        asked = idempotency.Asked(int(request.user.pk or 0), key, fingerprint, timezone.now())
        act = partial(self._answer, handler, request, *args, **kwargs)
        return (idempotency.once_leased if self._is_talking else idempotency.once)(asked, act)

    def _answer(
        self, handler: Callable[..., HttpResponse], request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return the answer as it goes out, errors included."""
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

    def matched(self, found: Any) -> Any:
        """Return what the address names, if it is as `If-Match` says; then it is locked."""
        if getattr(self, "detail", False):
            # Only now: of what is another's, a client learns that there is nothing.
            self._check_query(self.request)
        expected = self.request.headers.get("If-Match")
        if expected is None or self.request.method in SAFE_METHODS:
            return found
        etags.lock(found)
        etags.check(self._edition(found), expected)
        return found

    def _edition(self, instance: Any) -> str:
        shown = self.get_serializer_class().Meta.fields  # type: ignore[attr-defined]
        return etags.edition_of(instance, shown)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        limits.tell(response, list(self.quota))
        if isinstance(response, Response) and response.status_code in {200, 201}:
            response = self._tagged(request, self._located(response))
        return response

    def _located(self, response: Response) -> Response:
        """Tell where what was made is found."""
        shown = self._shown(response)
        if response.status_code == 201 and shown is not None and "Location" not in response:
            name = f"{self.basename}-detail"  # type: ignore[attr-defined]
            response["Location"] = reverse(name, [shown.pk], request=self.request)
        return response

    def _shown(self, response: Response) -> Any:
        """Return the row of this view's model that an answer shows; None for another answer."""
        shown: Any = getattr(getattr(response.data, "serializer", None), "instance", None)
        return shown if isinstance(shown, getattr(self, "model", ())) else None

    def _tagged(self, request: Request, response: Response) -> HttpResponse:
        """Give an answer its ETag; 304 when the client has it already."""
        shown = self._shown(response)
        edition = "" if shown is None else self._edition(shown)
        is_read = request.method in SAFE_METHODS
        # A page of the browsable API differs each time.
        is_json = request.method != "OPTIONS" and response.accepted_renderer.format == "json"
        if not is_json or not (is_read or edition):
            if edition and not is_read:
                response["ETag"] = f'"{edition}"'
            return response
        # Of a write as well: where it answers what a GET would, the client need not read it anew.
        tag = etags.digest(response.render().content)
        response["ETag"] = tag = f'"{edition}-{tag}"' if edition else f'"{tag}"'
        if not is_read:
            return response
        patch_cache_control(response, private=True, no_cache=True)
        known = request.headers.get("If-None-Match")
        if known is None or not etags.is_known(tag, known):
            return response
        kept = {name: value for name, value in response.items() if name != "Content-Type"}
        return HttpResponseNotModified(headers=kept)


def _check_form(request: Request) -> None:
    """Raise ValidationError for text in a form that cannot be stored, as JSON's parser does."""
    data: Any = request.data
    pairs = data.lists() if hasattr(data, "lists") else ()
    for name, values in pairs:
        reasons = map(describe_unusable, [name, *(v for v in values if isinstance(v, str))])
        if reason := next(filter(None, reasons), None):
            raise ValidationError({printable(name): [reason]})


def _by(request: Request) -> Actor:
    token_id = request.auth.pk if isinstance(request.auth, ApiToken) else None
    return Actor(Source.API.value, request.user.pk, token_id=token_id)


class OwnedViewSet(ApiView, GenericViewSet[Any]):
    """Only what is the user's own exists here; what belongs to another answers 404.

    A subclass names its `model`, whose manager has `owned_by`, and the `scope` of its tokens. Its
    `problems` are the statuses of errors, by action, that nothing but its own code tells of.
    """

    model: Any
    scope: str
    problems: ClassVar[Mapping[str, Collection[int]]] = {}

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.model.objects.none()
        return self.model.objects.owned_by(self.request.user)


# It refuses a field that it does not know, so that a misspelt one is not silently dropped. That is
# no docstring, which the OpenAPI document would repeat for each of its subclasses. `schema_rules`
# are what a body has to keep to besides, in JSON Schema.
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
        """Refuse JSON of another type, where REST framework would make the best of it."""
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


# First the most special: what JSON type it takes, in words and in Python's types.
TYPES: tuple[tuple[type[serializers.Field], str, Any], ...] = (
    (serializers.BooleanField, "true or false", bool),
    (serializers.IntegerField, "a whole number", int),
    (serializers.PrimaryKeyRelatedField, "an id, a whole number", int),
    (serializers.ChoiceField, "a text", str),
    (serializers.CharField, "a text", str),
)


def _wrong_type(field: Any, value: Any) -> str:
    """Say what JSON type a field takes, where a value has another; empty when it is right."""
    if value is None:
        return ""
    many = getattr(field, "child_relation", None) or getattr(field, "child", None)
    if many is not None:
        # Before each of them is looked at.
        most = _most_of(field)
        if most is not None and isinstance(value, list) and len(value) > most:
            return f"Ensure this field has no more than {most} elements."
        each = value if isinstance(value, list) else ()
        return next((wrong for one in each if (wrong := _wrong_type(many, one))), "")
    for kind, words, types in TYPES:
        if isinstance(field, kind):
            is_right = isinstance(value, types) and not (types is int and isinstance(value, bool))
            return "" if is_right else f"Give {words}."
    return ""


class ShortList(serializers.ListField):
    """A list of which the first elements at fault are told, and no more are looked at."""

    def run_child_validation(self, data: Any) -> list[Any]:
        values: list[Any] = []
        errors: dict[str, Any] = {}
        for place, element in enumerate(data):
            try:
                values.append(self.child.run_validation(element))
            except ValidationError as error:
                errors[str(place)] = error.detail
            if len(errors) == MAX_ITEM_ERRORS:
                break
        if errors:
            raise ValidationError(errors)
        return values


def _most_of(field: Any) -> int | None:
    """Return how many elements a list field takes; None where it does not say."""
    if getattr(field, "child_relation", None) is not None:
        return MANY_IDS
    limits = [v.limit_value for v in field.validators if isinstance(v, MaxLengthValidator)]
    return min(limits, default=None)


class Instant(serializers.DateTimeField):
    """A moment: with an offset or Z."""

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
    """A length of time as ISO 8601 writes it, in its shortest form: PT5M, P1DT12H."""

    # How a form shows it: foam/api/html_forms.py.
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
    default_detail = "The state of this does not allow that."
    default_code = "conflict"
