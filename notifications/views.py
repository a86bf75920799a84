from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.api import Conflict, OwnedViewSet
from notifications.models import Channel, Delivery, InboxMessage
from notifications.serializers import (
    ChannelSerializer,
    DeliveryDetailSerializer,
    DeliverySerializer,
    InboxMessageSerializer,
    own_channels,
)


class ChannelViewSet(OwnedViewSet, ModelViewSet[Channel]):
    """The places where you can be reached: e-mail addresses, webhooks and the in-app inbox."""

    model = Channel
    scope = "channels"
    serializer_class = ChannelSerializer
    filterset_fields = ["kind"]

    def perform_create(self, serializer: BaseSerializer[Channel]) -> None:
        serializer.save(owner=self.request.user)

    def perform_destroy(self, instance: Channel) -> None:
        instance.close(timezone.now())

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, **kwargs: Any) -> Response:
        """Use a channel again that was disabled."""
        channel = self.get_object()
        channel.enable()
        return Response(self.get_serializer(channel).data)


class DeliveryFilter(filters.FilterSet):
    channel = filters.ModelChoiceFilter(queryset=own_channels)
    digest = filters.NumberFilter("digest_id")

    class Meta:
        model = Delivery
        fields = ["status", "reference", "held", "urgent"]


class DeliveryViewSet(OwnedViewSet, ListModelMixin, RetrieveModelMixin):
    """Messages on their way to your channels. One of them, read alone, shows each attempt."""

    model = Delivery
    scope = "deliveries"
    serializer_class = DeliveryDetailSerializer
    filterset_class = DeliveryFilter

    def get_serializer_class(self) -> type[BaseSerializer[Delivery]]:
        return DeliverySerializer if self.action == "list" else DeliveryDetailSerializer

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, **kwargs: Any) -> Response:
        """Queue a dead delivery again, under the same message id."""
        delivery = self.get_object()
        if not delivery.retry(timezone.now()):
            raise Conflict(f"Only a dead delivery can be retried; this one is {delivery.status}.")
        delivery.refresh_from_db()
        return Response(self.get_serializer(delivery).data)


class InboxFilter(filters.FilterSet):
    is_read = filters.BooleanFilter("read_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = InboxMessage
        fields: list[str] = []


@extend_schema_view(list=extend_schema(summary="List what has arrived in your inbox"))
class InboxViewSet(OwnedViewSet, ListModelMixin, RetrieveModelMixin):
    """Your in-app inbox."""

    model = InboxMessage
    scope = "deliveries"
    serializer_class = InboxMessageSerializer
    filterset_class = InboxFilter

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, **kwargs: Any) -> Response:
        """Mark a message as read. Doing it again changes nothing."""
        message = self.get_object()
        message.read(timezone.now())
        return Response(self.get_serializer(message).data)
