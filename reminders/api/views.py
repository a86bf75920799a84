from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.api import rate_limits
from accounts.api.base import Conflict
from accounts.api.row_views import RowViews
from accounts.api.serializers import UntilSerializer
from accounts.instants import parse_instant
from reminders.actions import responses
from reminders.api.batch_views import BatchAndSyncViews
from reminders.api.filters import OccurrenceFilter, ReminderFilter
from reminders.api.occurrence_serializers import (
    AnsweredSerializer,
    OccurrenceDetailSerializer,
    OccurrenceSerializer,
    SnoozeSerializer,
)
from reminders.api.parse import parse_sentence
from reminders.api.preview_serializers import (
    ParsedSerializer,
    PreviewSerializer,
    ScheduleSerializer,
    SentenceSerializer,
)
from reminders.api.quick_add import QuickAddViews
from reminders.api.row_formats import OCCURRENCE, OCCURRENCE_WITH_RESPONSES, REMINDER
from reminders.api.serializers import (
    ExplanationSerializer,
    ReminderSerializer,
    UpcomingSerializer,
)
from reminders.engine import firing
from reminders.explain.explanation import explain
from reminders.lists.conditions import ReminderFilters
from reminders.lists.page import ListOrder, Position, page_ids
from reminders.models import Occurrence, Reminder
from reminders.recurrence import RecurrenceError
from reminders.schedule.preview import messages, preview_schedule

MAX_UPCOMING = 500
UPCOMING_COUNT = {"type": "integer", "minimum": 1, "maximum": MAX_UPCOMING, "default": 10}


class ReminderViewSet(QuickAddViews, BatchAndSyncViews, ModelViewSet[Reminder]):
    """Reminders: their text, schedule and channels."""

    model = Reminder
    scope = "reminders"
    expensive = ("batch", "preview")
    read_only_actions = frozenset({"parse", "preview"})
    problems = {
        "list": {410},
        "update": {409},
        "partial_update": {409},
        "skip": {400, 409},
    }
    serializer_class = ReminderSerializer
    filterset_class = ReminderFilter
    list_format = detail_format = REMINDER
    by_index = True
    ordering_fields = ("id", "next_due_at", "created_at", "updated_at", "title")
    query_params = {
        "upcoming": {"count"},
        "explain": {"at"},
        "occurrences": {"cursor", "page_size"},
    }

    def get_queryset(self) -> QuerySet[Reminder]:
        rows: Any = super().get_queryset()
        return rows.with_channels().with_last_loss()

    @classmethod
    def first_rows(
        cls, rows: QuerySet[Any], owner_id: int, limit: int, *, is_falling: bool
    ) -> QuerySet[Any]:
        """Return the first rows by id, along the index (owner, id) of rows that are not deleted."""
        return rows.order_by(*(("-owner_id", "-pk") if is_falling else ("owner_id", "pk")))[:limit]

    def read_page(self, rows: Any, order: Any, place: Any, limit: int) -> Sequence[dict[str, Any]]:
        if rows is None and order.field == "id":
            return super().read_page(rows, order, place, limit)
        owner_id = int(self.request.user.pk or 0)
        filters = ReminderFilters(owner_id) if rows is None else rows.list_filters
        after = place and Position(_value(order.field, place.value), place.id)
        by = ListOrder.of(order.field, is_falling=order.is_falling)
        return self.read_rows(page_ids(filters, by, after, limit))

    def create_from_fields(self, request: Request) -> Response:
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        reminder = body.save(owner=request.user, now=timezone.now())
        where = reverse("reminder-detail", [reminder.pk], request=request)
        return self.answer_with(self.read_row(reminder.pk), status=201, headers={"Location": where})

    def perform_update(self, serializer: BaseSerializer[Reminder]) -> None:
        serializer.save(now=timezone.now())

    def perform_destroy(self, instance: Reminder) -> None:
        instance.close(timezone.now())

    @extend_schema(request=UntilSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, **kwargs: Any) -> Response:
        """Pause the reminder. It does not fire until a time, or until you resume it.

        If it is paused already, only the end of the pause changes.
        """
        reminder = self.get_object()
        body = UntilSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        reminder.pause(timezone.now(), body.validated_data["until"])
        return Response(self.get_serializer(reminder).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, **kwargs: Any) -> Response:
        """Resume the reminder. It goes on with its next occurrence; missed ones do not fire."""
        reminder = self.get_object()
        reminder.resume(timezone.now())
        return Response(self.get_serializer(reminder).data)

    @extend_schema(request=None, responses={201: OccurrenceSerializer})
    @action(detail=True, methods=["post"])
    def trigger(self, request: Request, **kwargs: Any) -> Response:
        """Fire now. The schedule stays as it is."""
        reminder = self.get_object()
        occurrence = firing.trigger(reminder, timezone.now())
        # An occurrence, and a delivery for each channel.
        rate_limits.charge_rows(request.user.pk, 1 + reminder.channels.count())
        where = reverse("occurrence-detail", [occurrence.pk], request=request)
        return Response(OccurrenceSerializer(occurrence).data, 201, headers={"Location": where})

    @extend_schema(responses=PreviewSerializer, filters=False)
    @action(detail=False, methods=["post"], serializer_class=ScheduleSerializer)
    def preview(self, request: Request, **kwargs: Any) -> Response:
        """Preview a schedule. Shows it in words, with its next instants and clock changes.

        With `title` or `body`, the answer also has the texts of the next messages.

        Nothing is stored, so the scope `reminders:read` is enough. Without `after`, a schedule with
        nothing left in the future is refused, as for a new reminder.
        """
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        reminder, after = values["reminder"], values.get("after")
        try:
            if after is None:
                after = timezone.now()
                reminder.plan_or_refuse(after)
            result = preview_schedule(reminder.schedule, after, values["count"])
            if reminder.title or reminder.body:
                result = replace(result, messages=messages(reminder, after, reminder.count))
        except RecurrenceError as error:
            raise ValidationError({error.field: error.message}) from error
        return Response(PreviewSerializer(result).data)

    @extend_schema(request=SentenceSerializer, responses=ParsedSerializer, filters=False)
    @action(detail=False, methods=["post"], serializer_class=SentenceSerializer)
    def parse(self, request: Request, **kwargs: Any) -> Response:
        """Parse a sentence to a reminder. Example: “stand-up every Monday at 6pm”.

        Send the same `text` to `POST reminders/` to create it; `preview` shows when it would fire.
        Nothing is stored, so the scope `reminders:read` is enough. A sentence that is
        not understood, or could mean two things, is refused, and the error says what to write
        instead. English only.
        """
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        owner: Any = request.user
        values = {"timezone": owner.timezone, **body.validated_data}
        parsed = parse_sentence(values["text"], values["timezone"], owner, timezone.now())
        return Response(ParsedSerializer(parsed).data)

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "count", UPCOMING_COUNT, description="Number of instants. 10 if left out."
            )
        ],
        responses=UpcomingSerializer,
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def upcoming(self, request: Request, **kwargs: Any) -> Response:
        """List the next due instants. In UTC, without skipped ones.

        For a paused reminder, these are the instants after a resume.
        """
        reminder, now = self.get_object(), timezone.now()
        count = _count(request.query_params.get("count", "10"))
        skipped = set(reminder.skipped_ahead(now))
        schedule = reminder.schedule
        dues = schedule.upcoming(now, count + len(skipped))
        return Response(
            UpcomingSerializer(
                {
                    "schedule_text": schedule.text,
                    "occurrences": [due for due in dues if due not in skipped][:count],
                }
            ).data
        )

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "at",
                description="The moment to explain: `2026-11-23T18:00` in the time zone of the "
                "reminder, or with an offset; `2026-11-23` for the whole day. If left out: the "
                "latest and the next occurrence.",
            )
        ],
        responses=ExplanationSerializer,
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def explain(self, request: Request, **kwargs: Any) -> Response:
        """Explain why the reminder did or did not fire. Lists each step, from rule to attempt."""
        at = request.query_params.get("at", "")
        explanation = explain(self.get_object(), timezone.now(), at)
        return Response(ExplanationSerializer(explanation).data)

    @extend_schema(request=None, responses=OccurrenceDetailSerializer)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, **kwargs: Any) -> Response:
        """Skip the next due instant. Its remaining leads are skipped too."""
        reminder = self.get_object()
        occurrence = responses.skip_next(reminder, timezone.now())
        if occurrence is None:
            raise Conflict(f"Nothing is planned to skip: this reminder is {reminder.status}.")
        return Response(OccurrenceDetailSerializer(occurrence).data)

    @extend_schema(responses=OccurrenceSerializer(many=True), filters=False)
    @action(detail=True, filterset_class=None, ordering_fields=())
    def occurrences(self, request: Request, **kwargs: Any) -> Response:
        """List the occurrences of the reminder that fired, were skipped or were missed.

        The newest comes first.
        """
        own = Occurrence.objects.filter(reminder=self.get_object()).select_related("reminder")
        page = self.paginate_queryset(own)
        return self.get_paginated_response(OccurrenceSerializer(page, many=True).data)


def _value(field: str, text: str | None) -> str | datetime | None:
    """Return the value of a column at the place that a cursor names."""
    return text if text is None or field in {"id", "title"} else parse_instant(text)


class OccurrenceViewSet(RowViews, ListModelMixin, RetrieveModelMixin):
    """Occurrences of your reminders that fired, were skipped or were missed.

    A single occurrence also shows the responses to it.
    """

    model = Occurrence
    scope = "reminders"
    problems = {"acknowledge": {409}, "snooze": {409}}
    serializer_class = OccurrenceDetailSerializer
    filterset_class = OccurrenceFilter
    list_format = OCCURRENCE
    detail_format = OCCURRENCE_WITH_RESPONSES
    # An owner has few of all occurrences, or most of them.
    is_page_prepared = False

    def get_queryset(self) -> QuerySet[Occurrence]:
        occurrences = super().get_queryset()
        if self.action == "list":
            return occurrences
        return occurrences.select_related("reminder").prefetch_related("responses__user")

    def get_serializer_class(self) -> type[BaseSerializer[Occurrence]]:
        return OccurrenceSerializer if self.action == "list" else OccurrenceDetailSerializer

    @extend_schema(request=None, responses=AnsweredSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, **kwargs: Any) -> Response:
        """Mark the occurrence as done. No follow-up is sent. Doing it again changes nothing."""
        occurrence = self.get_object()
        changed = responses.acknowledge(occurrence, timezone.now())
        if occurrence.status != Occurrence.Status.ACKNOWLEDGED:
            raise Conflict(
                "Only an occurrence that has fired can be acknowledged; this one is "
                f"{occurrence.status}."
            )
        return self._answered(occurrence, changed=changed)

    @extend_schema(request=SnoozeSerializer, responses=AnsweredSerializer)
    @action(detail=True, methods=["post"])
    def snooze(self, request: Request, **kwargs: Any) -> Response:
        """Snooze the occurrence. Its message is sent again later. The schedule does not move."""
        occurrence, now = self.get_object(), timezone.now()
        body = SnoozeSerializer(data=request.data, context={"now": now})
        body.is_valid(raise_exception=True)
        until = body.validated_data["until"]
        changed = responses.snooze(occurrence, until, now)
        if occurrence.status != Occurrence.Status.SNOOZED:
            raise Conflict(
                "Only an occurrence without an answer can be snoozed; this one is "
                f"{occurrence.status}."
            )
        return self._answered(occurrence, changed=changed)

    def _answered(self, occurrence: Occurrence, *, changed: bool) -> Response:
        return Response(AnsweredSerializer(occurrence, context={"changed": changed}).data)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:5]) <= MAX_UPCOMING:
        raise ValidationError({"count": f"Give a whole number from 1 to {MAX_UPCOMING}."})
    return int(text)
