"""What every noun of the API shares: it belongs to a user, and knows its fields."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

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
from rest_framework.utils.html import is_html_input
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from accounts import conditional, idempotency, limits
from accounts.acting import By, Face, acting
from accounts.models import ApiToken
from accounts.query import refuse_unknown

# The browsable API's forms send it beside the fields.
FORM_FIELDS = {"csrfmiddlewaretoken"}


class ApiView(APIView):
    """What every address of the API does alike: limits, `Idempotency-Key`, `ETag`, `If-Match`.

    It stands first among the bases of a view. An action that talks to the network, and so must not
    be within a transaction, is named in `talks`. Query parameters of a detail address are named in
    `query_params`, by action.
    """

    throttle_classes = [limits.RateLimit]
    talks: Collection[str] = ()
    query_params: ClassVar[Mapping[str, Collection[str]]] = {}
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
        if handler is None or request.method in SAFE_METHODS:
            return
        if "If-Match" in request.headers and not self._is_talking:
            # What is checked is then locked until it is changed.
            handler = transaction.atomic(handler)
        handler = acting(_by(request))(handler)
        if key := idempotency.key_of(request._request):
            handler = partial(self._once, key, handler)
        setattr(self, name, handler)

    def _check_query(self, request: Request) -> None:
        """Refuse query parameters that an address does not know; lists have filters that do so."""
        action = getattr(self, "action", None)
        if not getattr(self, "detail", False) or (
            action not in self.query_params and action not in PLAIN
        ):
            return
        refuse_unknown(request, self.query_params.get(str(action), ()))

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
        self._check_query(self.request)
        expected = self.request.headers.get("If-Match")
        if expected is None or self.request.method in SAFE_METHODS:
            return found
        conditional.lock(found)
        conditional.check(self._edition(found), expected)
        return found

    def _edition(self, instance: Any) -> str:
        shown = self.get_serializer_class().Meta.fields  # type: ignore[attr-defined]
        return conditional.edition_of(instance, shown)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        limits.tell(response, list(self.quota))
        if isinstance(response, Response) and response.status_code in {200, 201}:
            response = self._tagged(request, response)
        return response

    def _tagged(self, request: Request, response: Response) -> HttpResponse:
        """Give an answer its ETag; 304 when the client has it already."""
        shown: Any = getattr(getattr(response.data, "serializer", None), "instance", None)
        is_ours = isinstance(shown, getattr(self, "model", ()))
        edition = self._edition(shown) if is_ours else ""
        if request.method not in SAFE_METHODS:
            if edition:
                response["ETag"] = f'"{edition}"'
            return response
        # A page of the browsable API differs each time.
        if request.method == "OPTIONS" or response.accepted_renderer.format != "json":
            return response
        tag = conditional.digest(response.render().content)
        response["ETag"] = tag = f'"{edition}-{tag}"' if edition else f'"{tag}"'
        patch_cache_control(response, private=True, no_cache=True)
        known = request.headers.get("If-None-Match")
        if known is None or not conditional.is_known(tag, known):
            return response
        kept = {name: value for name, value in response.items() if name != "Content-Type"}
        return HttpResponseNotModified(headers=kept)


def _by(request: Request) -> By:
    token_id = request.auth.pk if isinstance(request.auth, ApiToken) else None
    return By(Face.API.value, request.user.pk, token_id=token_id)


# What a router makes of an address of one thing.
PLAIN = frozenset({"retrieve", "update", "partial_update", "destroy"})


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


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses a field that it does not know, so that a misspelt one is not silently dropped."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields and name not in FORM_FIELDS]
            if unknown:
                allowed = ", ".join(n for n, field in self.fields.items() if not field.read_only)
                message = f"Unknown field. Allowed: {allowed}."
                raise ValidationError({name: [message] for name in unknown}, code="unknown")
            if not is_html_input(data):
                self._check_types(data)
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
        each = value if isinstance(value, list) else ()
        return next((wrong for one in each if (wrong := _wrong_type(many, one))), "")
    for kind, words, types in TYPES:
        if isinstance(field, kind):
            is_right = isinstance(value, types) and not (types is int and isinstance(value, bool))
            return "" if is_right else f"Give {words}."
    return ""


class Instant(serializers.DateTimeField):
    """A moment: with an offset or Z."""

    default_error_messages: ClassVar = {
        "no_offset": "Give an instant with an offset or Z, such as 2026-11-23T17:00:00Z."
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("no_offset")
        return super().enforce_timezone(value)


class IsoDuration(serializers.DurationField):
    """A length of time as ISO 8601 writes it, in its shortest form: PT5M, P1DT12H."""

    # How a form shows it: foam/forms.py.
    input_kind = "duration"
    default_error_messages: ClassVar = {
        "invalid": "Give an ISO 8601 duration such as PT5M, PT1H30M or P1D."
    }

    def to_internal_value(self, value: Any) -> timedelta:
        if not isinstance(value, str) or not value.startswith(("P", "-P")):
            self.fail("invalid")
        return super().to_internal_value(value)

    def to_representation(self, value: timedelta) -> str:
        return iso_duration(value)


def iso_duration(length: timedelta) -> str:
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    units = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    days = f"{length.days}D" if length.days else ""
    time = "".join(f"{number}{unit}" for number, unit in units if number)
    return f"P{days}T{time}" if time else f"P{days or 'T0S'}"


class Conflict(APIException):
    status_code = 409
    default_detail = "The state of this does not allow that."
    default_code = "conflict"


def field_errors(detail: Any) -> list[dict[str, str]]:
    """Return what a ValidationError says, as {field, code, detail} for each field at fault."""
    return list(_walk(detail, ""))


def _walk(detail: Any, field: str) -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _walk(inner, f"{field}.{name}" if field else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _walk(inner, field)
    else:
        yield {"field": field, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}
