"""Views for programs: batches, upserts by external id, and sync."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from accounts.api import etags, rate_limits
from accounts.api.base import StrictSerializer
from accounts.api.errors import ErrorBudget
from accounts.api.query_parameters import check_query
from accounts.api.row_views import RowViews
from reminders.api import sync
from reminders.api.batch import Item, ItemResult, Op, apply, upsert
from reminders.api.serializers import ReminderSerializer
from reminders.models import Reminder

MANY_ITEMS = 1000
SINCE = "updated_since"


class ItemSerializer(StrictSerializer):
    """One operation of a batch."""

    op = serializers.ChoiceField([op.value for op in Op])
    id = serializers.IntegerField(
        required=False, min_value=1, help_text="The reminder to update or delete."
    )
    version = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="The version that you have read. Refused with 412 if the reminder has another.",
    )

    def get_fields(self) -> dict[str, Any]:
        # `fields` is an attribute of every serializer, so it cannot be declared as one.
        fields = serializers.DictField(
            required=False,
            default=dict,
            help_text="The fields of the reminder. For an update, only the changed ones.",
        )
        return {**super().get_fields(), "fields": fields}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needs_id = attrs["op"] in {Op.UPDATE, Op.DELETE}
        if needs_id != ("id" in attrs):
            message = (
                "Give the id of the reminder."
                if needs_id
                else "Only an update or delete has an id."
            )
            raise ValidationError({"id": message})
        if attrs["op"] == Op.DELETE and attrs["fields"]:
            raise ValidationError({"fields": "A delete has no fields. Leave them out."})
        return attrs


class BatchSerializer(StrictSerializer):
    """Up to 1,000 operations, in order."""

    items = serializers.ListField(child=ItemSerializer(), min_length=1, max_length=MANY_ITEMS)
    dry_run = serializers.BooleanField(default=False, help_text="Try everything, and save nothing.")
    atomic = serializers.BooleanField(
        default=False,
        help_text="All or nothing: if an item is refused, all others are undone (424).",
    )


class ItemErrorSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ItemResultSerializer(serializers.Serializer[ItemResult]):
    """The result of one item of a batch."""

    status = serializers.IntegerField(help_text="The status of a request with this item alone.")
    id = serializers.IntegerField(source="reminder.pk", default=None, allow_null=True)
    version = serializers.IntegerField(source="reminder.version", default=None, allow_null=True)
    external_id = serializers.CharField(
        source="reminder.external_id", default=None, allow_null=True
    )
    next_due_at = serializers.DateTimeField(
        source="reminder.next_due_at", default=None, allow_null=True
    )
    errors = ItemErrorSerializer(many=True)  # type: ignore[assignment]


class BatchResultSerializer(serializers.Serializer[Any]):
    done = serializers.IntegerField()
    refused = serializers.IntegerField()
    dry_run = serializers.BooleanField(help_text="True if nothing was saved.")
    results = ItemResultSerializer(many=True, help_text="In the order of the items.")


class TombstoneSerializer(serializers.ModelSerializer[Reminder]):
    """A deleted reminder, without its text."""

    class Meta:
        model = Reminder
        fields = ["id", "external_id", "version", "deleted_at"]


class SyncExpired(APIException):
    status_code = 410
    default_code = "sync_too_old"
    default_detail = (
        "This is too long ago: FOAM no longer knows what was deleted since. Start again with "
        f"{SINCE}=start."
    )


class BatchAndSyncViews(RowViews):
    """Batches, external ids and sync: a part of the view of reminders."""

    paged_with = {
        "deleted": {
            "type": "array",
            "description": f"With `{SINCE}` only: the reminders deleted since. There the "
            f"`next_cursor` of a page is the `{SINCE}` of the next.",
            "example": [],
            "items": {
                "type": "object",
                "required": ["id", "external_id", "version", "deleted_at"],
                "properties": {
                    "id": {"type": "integer"},
                    "external_id": {"type": ["string", "null"]},
                    "version": {"type": "integer"},
                    "deleted_at": {"type": "string", "format": "date-time"},
                },
            },
        },
        "sync": {
            "type": ["string", "null"],
            "example": None,
            "description": f"With `{SINCE}` only: the `{SINCE}` of your next request. Null if "
            "there is a `next` page.",
        },
    }

    def list(self, request: Request, **kwargs: Any) -> Response:
        # The form of the browsable API sends it empty.
        if request.query_params.get(SINCE):
            return self._changed(request, timezone.now())
        return super().list(request, **kwargs)

    def _changed(self, request: Request, now: datetime) -> Response:
        pager: Any = self.paginator
        check_query(request, {SINCE, pager.page_size_query_param})
        size = pager.get_page_size(request)
        try:
            page = sync.read_page(request.user, request.query_params[SINCE], size, now)
        except sync.UnreadableMark:
            message = (
                "Give start, a time such as 2026-11-23T17:00:00Z, or the `sync` of your last "
                f"answer. If you have lost it, start again with {SINCE}=start."
            )
            raise ValidationError({SINCE: message}) from None
        except sync.TooOld:
            raise SyncExpired from None
        mark = page.mark.encode(int(request.user.pk or 0))
        address = request.build_absolute_uri()
        return Response(
            {
                "next": replace_query_param(address, SINCE, mark) if page.is_more else None,
                "previous": None,
                "next_cursor": mark if page.is_more else None,
                "results": self.read_rows([reminder.pk for reminder in page.reminders]),
                "deleted": TombstoneSerializer(page.deleted, many=True).data,
                "sync": None if page.is_more else mark,
            }
        )

    @extend_schema(request=BatchSerializer, responses=BatchResultSerializer, filters=False)
    @action(detail=False, methods=["post"], pagination_class=None)
    def batch(self, request: Request, **kwargs: Any) -> Response:
        """Create, update, upsert or delete up to 1,000 reminders, with a result for each.

        The answer is 200 even if items were refused: check `refused`.
        """
        body = BatchSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        results = apply(
            request.user,  # type: ignore[arg-type]
            [Item(**{**item, "op": Op(item["op"])}) for item in values["items"]],
            timezone.now(),
            dry_run=values["dry_run"],
            is_atomic=values["atomic"],
        )
        rate_limits.charge_rows(request.user.pk, len(results))
        done_count = sum(result.is_done for result in results)
        budget = ErrorBudget()
        summary = {
            "done": done_count,
            "refused": len(results) - done_count,
            "dry_run": values["dry_run"],
            "results": [_result_fields(result, budget) for result in results],
        }
        return Response(BatchResultSerializer(summary).data)

    @extend_schema(responses=ReminderSerializer, filters=False)
    @action(
        detail=False,
        url_path=r"by-external-id/(?P<external_id>.+)",
        url_name="by-external-id",
        pagination_class=None,
    )
    def retrieve_by_external_id(
        self, request: Request, external_id: str, **kwargs: Any
    ) -> Response:
        """Show the reminder with this `external_id`."""
        return Response(self.get_serializer(self._by_external_id(external_id)).data)

    @extend_schema(
        request=ReminderSerializer, responses={200: ReminderSerializer, 201: ReminderSerializer}
    )
    @retrieve_by_external_id.mapping.put
    def put_by_external_id(self, request: Request, external_id: str, **kwargs: Any) -> Response:
        """Replace the reminder with this `external_id` (200), or create it (201).

        Of parallel requests, one creates it. A field that you leave out gets its default, as with
        every PUT. With `If-None-Match: *` it is only created, with `If-Match` only replaced.
        """
        fields = request.data if isinstance(request.data, Mapping) else None
        if fields is None:
            raise ValidationError("Send an object with the fields of a reminder.")
        if "\0" in external_id or fields.get("external_id", external_id) != external_id:
            message = "Leave it out: the address gives it. Null characters are not allowed."
            raise ValidationError({"external_id": message})
        stored, is_new = upsert(
            request.user,  # type: ignore[arg-type]
            external_id,
            fields,
            timezone.now(),
            check=self._check_preconditions,
        )
        status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
        return Response(self.get_serializer(stored).data, status)

    @extend_schema(responses={204: None})
    @retrieve_by_external_id.mapping.delete
    def destroy_by_external_id(self, request: Request, external_id: str, **kwargs: Any) -> Response:
        """Delete the reminder with this `external_id`."""
        self._by_external_id(external_id).close(timezone.now())
        return Response(status=HTTPStatus.NO_CONTENT)

    def get_object(self) -> Any:
        external_id = self.kwargs.get("external_id")
        return super().get_object() if external_id is None else self._by_external_id(external_id)

    def _by_external_id(self, external_id: str) -> Reminder:
        rows: QuerySet[Reminder] = self.get_queryset()
        if "\0" in external_id:
            rows = rows.none()
        return self.matched(get_object_or_404(rows, external_id=external_id))

    def _check_preconditions(self, reminder: Reminder | None) -> None:
        """Raise PreconditionFailed unless `If-Match` and `If-None-Match` allow the PUT."""
        headers = self.request.headers
        if (if_match := headers.get("If-Match")) is not None:
            if reminder is None:
                raise etags.PreconditionFailed
            etags.check(self._edition(reminder), if_match)
        if (if_none_match := headers.get("If-None-Match")) is not None and reminder is not None:
            etags.check_new(self._edition(reminder), if_none_match)


def _result_fields(result: ItemResult, budget: ErrorBudget) -> dict[str, Any]:
    fields = {"status": int(result.status), "errors": budget.cut(result.errors)}
    return fields if result.reminder is None else {**fields, "reminder": result.reminder}
