from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.api.base import Conflict, OwnedViewSet
from accounts.api.filters import IdFilter
from accounts.api.row_views import RowViews
from accounts.api.serializers import UntilSerializer
from notifications.api.first_rows import first_of_channels
from notifications.api.row_formats import DELIVERY, DELIVERY_WITH_ATTEMPTS, MESSAGE
from notifications.api.serializers import (
    ChannelSerializer,
    CodeSerializer,
    DeliveryDetailSerializer,
    DeliverySerializer,
    DependentsSerializer,
    InboxMessageSerializer,
    ResumeSerializer,
    TestSerializer,
    VerificationSerializer,
    own_channels,
)
from notifications.channels import dependents, direct_send, verification
from notifications.models import Channel, Delivery, InboxMessage
from notifications.outbox import hold_rules
from notifications.outbox.queue import retry_now


class ChannelViewSet(OwnedViewSet, ModelViewSet[Channel]):
    """The places where you can be reached: e-mail addresses, webhooks and the in-app inbox."""

    model = Channel
    scope = "channels"
    problems = {"verify": {409, 429}, "test": {409, 429}, "rotate_secret": {400}}
    serializer_class = ChannelSerializer
    filterset_fields = ["kind"]
    talks = frozenset({"verify", "test"})
    query_params: ClassVar = {"destroy": ("dry_run",)}
    answer_headers: ClassVar = {"204": ("FOAM-Reminders", "FOAM-Reminders-Undeliverable")}

    def perform_create(self, serializer: BaseSerializer[Channel]) -> None:
        serializer.save(owner=self.request.user)

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "dry_run",
                OpenApiTypes.BOOL,
                description="`true`: delete nothing, and answer 200 with the counts.",
            )
        ],
        responses={
            200: DependentsSerializer,
            204: OpenApiResponse(description="Deleted; the counts are in the headers."),
        },
    )
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a channel, and cancel the messages that wait for it.

        The header `FOAM-Reminders` has the number of reminders that used it, and
        `FOAM-Reminders-Undeliverable` the number of those without another usable channel.
        """
        text = request.query_params.get("dry_run", "false")
        if text not in ("true", "false"):
            raise ValidationError({"dry_run": "Give true or false."})
        channel = self.get_object()
        count = dependents.of(channel)
        if text == "true":
            return Response(DependentsSerializer(count).data)
        channel.close(timezone.now())
        headers = {
            "FOAM-Reminders": str(count.reminders),
            "FOAM-Reminders-Undeliverable": str(count.undeliverable),
        }
        return Response(status=HTTPStatus.NO_CONTENT, headers=headers)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, **kwargs: Any) -> Response:
        """Enable a disabled channel."""
        channel = self.get_object()
        channel.enable()
        return Response(self.get_serializer(channel).data)

    @extend_schema(request=UntilSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, **kwargs: Any) -> Response:
        """Hold messages to a channel, urgent ones included, until `until` or until it is resumed.

        Pausing a paused channel changes the end of the pause.
        """
        channel = self.get_object()
        serializer = UntilSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        hold_rules.pause(channel, timezone.now(), serializer.validated_data["until"])
        return Response(self.get_serializer(channel).data)

    @extend_schema(request=ResumeSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, **kwargs: Any) -> Response:
        """End the pause: messages that wait for it go out, or are cancelled with `drop`."""
        channel = self.get_object()
        serializer = ResumeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        hold_rules.resume(channel, timezone.now(), drop=serializer.validated_data["drop"])
        return Response(self.get_serializer(channel).data)

    @extend_schema(
        request=CodeSerializer, responses={200: VerificationSerializer, 202: VerificationSerializer}
    )
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, **kwargs: Any) -> Response:
        """Verify a channel with the `code` that was sent to it, or request a code.

        A webhook is challenged instead: it gets a message of the type `channel.verify` and must
        answer with the `challenge` in its data.
        """
        channel, now = self.get_object(), timezone.now()
        serializer = CodeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if code := serializer.validated_data.get("code"):
            verification.verify(channel, code, now)
            result = verification.VerificationStatus(True, "This channel is verified.")
        else:
            with translated_errors():
                result = verification.request(channel, now)
            if not result.is_verified and channel.transport.answers_challenges:
                raise Conflict(result.detail)
        status = HTTPStatus.OK if result.is_verified else HTTPStatus.ACCEPTED
        return Response(VerificationSerializer(result).data, status)

    @extend_schema(request=None, responses={200: TestSerializer, 202: TestSerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **kwargs: Any) -> Response:
        """Send a test message now, and return the receiver's answer.

        Channels that are not verified get it, too. If it is left to the workers, the response is
        202 with the URL of its delivery.
        """
        with translated_errors():
            sent = direct_send.test(self.get_object(), timezone.now())
        status = HTTPStatus.OK if sent.attempt else HTTPStatus.ACCEPTED
        context = self.get_serializer_context()
        return Response(TestSerializer(sent, context=context).data, status)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def rotate_secret(self, request: Request, **kwargs: Any) -> Response:
        """Make a new signing secret, shown in full in this answer only.

        For 24 hours messages are signed with the previous one, too.
        """
        channel = self.get_object()
        channel.rotate_secret(timezone.now())
        serializer = ChannelSerializer(channel, context=self.get_serializer_context())
        serializer.reveal = True
        return Response(serializer.data)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the errors of `direct_send` into responses of the API."""
    try:
        yield
    except (direct_send.HourlyLimitReached, direct_send.TooManyAtOnce) as refusal:
        raise TooManyRequests(refusal) from refusal
    except direct_send.UnusableChannel as refusal:
        raise Conflict(str(refusal)) from refusal


class TooManyRequests(APIException):
    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "too_many"

    def __init__(self, refusal: direct_send.HourlyLimitReached | direct_send.TooManyAtOnce) -> None:
        super().__init__(str(refusal))
        # REST framework sends it as Retry-After.
        self.wait = refusal.wait


class DeliveryFilter(filters.FilterSet):
    channel = filters.ModelChoiceFilter(queryset=own_channels)
    digest = IdFilter("digest_id")

    class Meta:
        model = Delivery
        fields = ["status", "reference", "held", "urgent"]


class OfChannels(RowViews):
    """Rows that belong to a user through the user's channels."""

    by_index = True

    @classmethod
    def first_rows(
        cls, rows: QuerySet[Any], owner_id: int, limit: int, *, is_falling: bool
    ) -> QuerySet[Any]:
        return first_of_channels(rows, owner_id, limit, is_falling=is_falling)


class DeliveryViewSet(OfChannels, ListModelMixin, RetrieveModelMixin):
    """Messages on their way to your channels. One of them, read alone, shows each attempt."""

    model = Delivery
    scope = "deliveries"
    problems = {"retry": {409}}
    serializer_class = DeliveryDetailSerializer
    filterset_class = DeliveryFilter
    list_format = DELIVERY
    detail_format = DELIVERY_WITH_ATTEMPTS

    def get_serializer_class(self) -> type[BaseSerializer[Delivery]]:
        return DeliverySerializer if self.action == "list" else DeliveryDetailSerializer

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, **kwargs: Any) -> Response:
        """Try a dead or waiting delivery at once, under the same message id.

        A dead delivery is queued again; a waiting one gets its next attempt before its time.
        """
        delivery, now = self.get_object(), timezone.now()
        if reason := retry_now([delivery.pk], now).get(delivery.pk):
            raise Conflict(f"{reason[0].upper()}{reason[1:]}.")
        delivery.refresh_from_db()
        return Response(self.get_serializer(delivery).data)


class InboxFilter(filters.FilterSet):
    is_read = filters.BooleanFilter("read_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = InboxMessage
        fields: list[str] = []


@extend_schema_view(list=extend_schema(summary="List what has arrived in your inbox"))
class InboxViewSet(OfChannels, ListModelMixin, RetrieveModelMixin):
    """Your in-app inbox."""

    model = InboxMessage
    scope = "deliveries"
    serializer_class = InboxMessageSerializer
    filterset_class = InboxFilter
    list_format = detail_format = MESSAGE

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, **kwargs: Any) -> Response:
        """Mark a message as read. Doing it again changes nothing."""
        message = self.get_object()
        message.mark_read(timezone.now())
        return Response(self.get_serializer(message).data)
