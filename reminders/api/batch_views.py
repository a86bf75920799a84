"""What programs do with many reminders at once, and with those that another system knows."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet, prefetch_related_objects
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from accounts.api import etags
from accounts.api.base import OwnedViewSet, StrictSerializer
from accounts.api.errors import ErrorBudget
from accounts.api.query_parameters import check_query
from reminders.api import sync
from reminders.api.batch import Item, Op, Result, apply, upsert
from reminders.api.serializers import ReminderSerializer
from reminders.models import Reminder

MANY_ITEMS = 1000
SINCE = "updated_since"


class ItemSerializer(StrictSerializer):
    """One thing to do in a batch."""

    op = serializers.ChoiceField([op.value for op in Op])
    id = serializers.IntegerField(
        required=False, min_value=1, help_text="Of what is to be updated or deleted."
    )
    version = serializers.IntegerField(
        required=False, min_value=1, help_text="Refused with 412 when the reminder has another."
    )

    def get_fields(self) -> dict[str, Any]:
        # An attribute of this name is what every serializer has.
        fields = serializers.DictField(
            required=False,
            default=dict,
            help_text="As for a reminder alone; to update it, those to be changed.",
        )
        return {**super().get_fields(), "fields": fields}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needs_id = attrs["op"] in {Op.UPDATE, Op.DELETE}
        if needs_id != ("id" in attrs):
            message = "Say which." if needs_id else "Only to update or delete."
            raise ValidationError({"id": message})
        return attrs


class BatchSerializer(StrictSerializer):
    """Up to 1,000 things to do, in their order."""

    items = serializers.ListField(child=ItemSerializer(), min_length=1, max_length=MANY_ITEMS)
    dry_run = serializers.BooleanField(default=False, help_text="Try all of it, and keep nothing.")
    atomic = serializers.BooleanField(
        default=False, help_text="Keep all or nothing: what is refused undoes the rest (424)."
    )


class ItemErrorSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ResultSerializer(serializers.Serializer[Result]):
    status = serializers.IntegerField(help_text="What a request for this alone would answer.")
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
    dry_run = serializers.BooleanField(help_text="Whether nothing was kept.")
    results = ResultSerializer(many=True, help_text="In the order of the items.")


class TombstoneSerializer(serializers.ModelSerializer[Reminder]):
    """What is left of a reminder that was deleted."""

    class Meta:
        model = Reminder
        fields = ["id", "external_id", "version", "deleted_at"]


class TooOld(APIException):
    status_code = 410
    default_code = "sync_too_old"
    default_detail = (
        f"This is too long ago to tell what was deleted since. Start anew with {SINCE}=start."
    )


class ForPrograms(OwnedViewSet):
    """Batches, external ids and sync: a part of the view of reminders."""

    paged_with = {
        "deleted": {
            "type": "array",
            "description": f"With `{SINCE}` only: what is left of those that were deleted.",
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
            "description": f"With `{SINCE}` only: what to give as that the next time. Null where "
            "`next` leads on.",
        },
    }

    def list(self, request: Request, **kwargs: Any) -> Response:
        # A form sends it empty where it is not meant.
        if request.query_params.get(SINCE):
            return self._changed(request, timezone.now())
        return super().list(request, **kwargs)  # type: ignore[misc]

    def _changed(self, request: Request, now: datetime) -> Response:
        pager: Any = self.paginator
        check_query(request, {SINCE, pager.page_size_query_param})
        size = pager.get_page_size(request)
        try:
            page = sync.page(request.user, request.query_params[SINCE], size, now)
        except sync.Unreadable:
            message = (
                "Give start, an instant with an offset or Z, or what `sync` said last. Begin anew "
                f"with {SINCE}=start."
            )
            raise ValidationError({SINCE: message}) from None
        except sync.TooOld:
            raise TooOld from None
        mark = page.mark.encode(int(request.user.pk or 0))
        address = request.build_absolute_uri()
        return Response(
            {
                "next": replace_query_param(address, SINCE, mark) if page.is_more else None,
                "previous": None,
                "results": self.get_serializer(page.reminders, many=True).data,
                "deleted": TombstoneSerializer(page.deleted, many=True).data,
                "sync": None if page.is_more else mark,
            }
        )

    @extend_schema(request=BatchSerializer, responses=BatchResultSerializer, filters=False)
    @action(detail=False, methods=["post"], pagination_class=None)
    def batch(self, request: Request, **kwargs: Any) -> Response:
        """Create, update, upsert or delete up to 1,000 reminders, with a result for each.

        The answer is 200 when the items could be read, whatever came of each: look at `refused`.
        """
        asked = BatchSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        results = apply(
            request.user,  # type: ignore[arg-type]
            [Item(**{**item, "op": Op(item["op"])}) for item in values["items"]],
            timezone.now(),
            dry_run=values["dry_run"],
            is_atomic=values["atomic"],
        )
        done = sum(result.is_done for result in results)
        budget = ErrorBudget()
        shown = {
            "done": done,
            "refused": len(results) - done,
            "dry_run": values["dry_run"],
            "results": [shown_of(result, budget) for result in results],
        }
        return Response(BatchResultSerializer(shown).data)

    @extend_schema(responses=ReminderSerializer, filters=False)
    @action(detail=False, url_path=r"by-external-id/(?P<external_id>.+)", pagination_class=None)
    def by_external_id(self, request: Request, external_id: str, **kwargs: Any) -> Response:
        """One reminder, by the `external_id` that you gave it."""
        return Response(self.get_serializer(self._named(external_id)).data)

    @extend_schema(
        request=ReminderSerializer, responses={200: ReminderSerializer, 201: ReminderSerializer}
    )
    @by_external_id.mapping.put
    def put_by_external_id(self, request: Request, external_id: str, **kwargs: Any) -> Response:
        """Replace the reminder with this `external_id` (200), or create it (201).

        Of parallel requests one creates. What is left out has its default afterwards, as in each
        PUT. With `If-None-Match: *` it is only created, with `If-Match` only replaced.
        """
        fields = request.data if isinstance(request.data, Mapping) else None
        if fields is None:
            raise ValidationError("Send an object with the fields of a reminder.")
        if "\0" in external_id or fields.get("external_id", external_id) != external_id:
            message = "Leave it out, or give what the address says; without null characters."
            raise ValidationError({"external_id": message})
        stored, is_new = upsert(
            request.user,  # type: ignore[arg-type]
            external_id,
            fields,
            timezone.now(),
            is_wanted=self._check_wanted,
        )
        prefetch_related_objects([stored], "channels", "escalate_channels")
        status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
        return Response(self.get_serializer(stored).data, status)

    @extend_schema(responses={204: None})
    @by_external_id.mapping.delete
    def delete_by_external_id(self, request: Request, external_id: str, **kwargs: Any) -> Response:
        """Delete the reminder with this `external_id`."""
        self._named(external_id).close(timezone.now())
        return Response(status=HTTPStatus.NO_CONTENT)

    def get_object(self) -> Any:
        named = self.kwargs.get("external_id")
        return super().get_object() if named is None else self._named(named)

    def _named(self, external_id: str) -> Reminder:
        rows: QuerySet[Reminder] = self.get_queryset()
        if "\0" in external_id:
            rows = rows.none()
        return self.matched(get_object_or_404(rows, external_id=external_id))

    def _check_wanted(self, found: Reminder | None) -> None:
        """Raise PreconditionFailed unless `If-Match` and `If-None-Match` let it be put."""
        headers = self.request.headers
        if (expected := headers.get("If-Match")) is not None:
            if found is None:
                raise etags.PreconditionFailed
            etags.check(self._edition(found), expected)
        if (known := headers.get("If-None-Match")) is not None and found is not None:
            etags.check_new(self._edition(found), known)


def shown_of(result: Result, budget: ErrorBudget) -> dict[str, Any]:
    shown = {"status": int(result.status), "errors": budget.cut(result.errors)}
    return shown if result.reminder is None else {**shown, "reminder": result.reminder}
