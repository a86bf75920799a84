from datetime import datetime
from http import HTTPStatus
from types import SimpleNamespace
from typing import IO, Any, ClassVar

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotAcceptable, PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import rate_limits
from accounts.api.base import FORM_FIELDS, ApiView, Conflict
from accounts.models import ApiToken, Scope, User
from reminders.api.filters import ReminderFilter
from reminders.exchange import formats
from reminders.exchange.api_serializers import (
    ExportOptions,
    FileSerializer,
    ImportOptions,
    ReportSerializer,
)
from reminders.exchange.drafts import FileContent
from reminders.exchange.formats import FORMATS, MEDIA_TYPES, WRITABLE, Format
from reminders.exchange.importer import Busy, take
from reminders.exchange.limits import TooMany, Unreadable
from reminders.models import Reminder

BINARY = "application/octet-stream"


class Negotiation(DefaultContentNegotiation):
    """`?format=` is the format of the file. Any Accept header is valid: an error is JSON."""

    settings = SimpleNamespace(URL_FORMAT_OVERRIDE=None)  # type: ignore[assignment]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            return renderers[0], renderers[0].media_type


class RawParser(BaseParser):
    """The body as it is."""

    def __init__(self, media_type: str) -> None:
        self.media_type = media_type

    def parse(self, stream: IO[Any], media_type: Any = None, parser_context: Any = None) -> Any:
        return {"raw": stream.read()}


class ImportView(ApiView, GenericAPIView[Any]):
    scope = "reminders"
    expensive = ("post",)
    query_params = {"post": {"format", "dry_run", "timezone"}}
    content_negotiation_class = Negotiation
    serializer_class = FileSerializer

    def get_parsers(self) -> list[Any]:
        raw = [RawParser(media_type) for media_type in (*MEDIA_TYPES, BINARY)]
        return [MultiPartParser(), *raw]

    @extend_schema(
        parameters=[ImportOptions],
        request={
            "multipart/form-data": FileSerializer,
            **dict.fromkeys([*MEDIA_TYPES, BINARY], OpenApiTypes.BINARY),
        },
        responses={200: ReportSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Take in a file: JSON Lines, a calendar or a crontab; as the body, or as the field `file`.

        What is refused stops nothing else: the answer tells what came of each part, and what could
        not be carried over. The same file again changes nothing. Up to 10 MiB and 10,000 reminders.
        A file with channels needs the scope `channels:write` as well.
        """
        serializer = ImportOptions(data=request.query_params.dict())
        serializer.is_valid(raise_exception=True)
        options = serializer.validated_data
        content, format = _file(request, options.get("format"))
        user = request.user
        assert isinstance(user, User)  # noqa: S101  for the type checker
        file_content = _read(content, format, options.get("timezone") or user.timezone)
        try:
            report = take(
                user,
                file_content,
                timezone.now(),
                dry_run=options["dry_run"],
                may_write_channels=_may(request, Scope.CHANNELS_WRITE),
            )
        except Busy:
            raise Conflict("Another import of yours is under way. Wait until it is done.") from None
        rate_limits.charge_rows(user.pk, len(report.reminders) + len(report.channels))
        return Response(ReportSerializer(report).data)


class ExportFilter(ReminderFilter):
    """All filters of the list but `updated_since`: a client that syncs reads the list itself."""

    updated_since = None


class ExportView(ApiView, GenericAPIView[Reminder]):
    scope = "reminders"
    expensive = ("get",)
    content_negotiation_class = Negotiation
    filterset_class = ExportFilter
    filtered = ("get",)
    pagination_class = None
    answer_headers: ClassVar = {"200": ("Content-Disposition",)}

    def get_queryset(self) -> QuerySet[Reminder]:
        if getattr(self, "swagger_fake_view", False):
            return Reminder.objects.none()
        return Reminder.objects.owned_by(self.request.user)

    @extend_schema(
        parameters=[ExportOptions],
        filters=True,
        responses={
            (HTTPStatus.OK.value, format.media_types[0]): OpenApiResponse(OpenApiTypes.STR)
            for format in WRITABLE.values()
        },
    )
    def get(self, request: Request, **kwargs: Any) -> StreamingHttpResponse:
        """Give out reminders as a file: `jsonl` is all that was set, without loss.

        It names the addresses of channels, never their secrets: a token needs the scope
        `channels:read` as well.
        """
        serializer = ExportOptions(data=request.query_params.dict())
        serializer.is_valid(raise_exception=True)
        format = WRITABLE[serializer.validated_data["format"]]
        if format.name == "jsonl" and not _may(request, Scope.CHANNELS_READ):
            raise PermissionDenied(f"This token lacks the scope {Scope.CHANNELS_READ}.")
        reminders = self.filter_queryset(self.get_queryset())
        return as_file(reminders, format, timezone.now())


def _may(request: Request, scope: str) -> bool:
    return not isinstance(request.auth, ApiToken) or scope in request.auth.scopes


def _file(request: Request, name: str | None) -> tuple[bytes, Format]:
    """Return the content of the file, and the format that the client names."""
    data: Any = request.data
    raw, upload = data.get("raw"), data.get("file")
    if unknown := set(data) - {"raw", "file", *FORM_FIELDS}:
        message = "Unknown field. Send only `file`; all else goes into the address."
        raise ValidationError(dict.fromkeys(unknown, message), code="unknown")
    if isinstance(raw, bytes) and raw:
        media_type, file_name = request.content_type or "", ""
    elif isinstance(upload, UploadedFile):
        raw, media_type, file_name = upload.read(), upload.content_type or "", upload.name or ""
    else:
        raise ValidationError({"file": "Send the file as the body, or in the field `file`."})
    if name is not None:
        return raw, FORMATS[name]
    # Browsers guess the media type of an uploaded file: its name is more reliable.
    by_media_type = MEDIA_TYPES.get(media_type.partition(";")[0].strip().lower())
    format = formats.of_file(file_name) or by_media_type
    if format is None:
        message = f"Say which format this is: {', '.join(sorted(FORMATS))}."
        raise ValidationError({"format": message})
    return raw, format


def _read(content: bytes, format: Format, timezone: str) -> FileContent:
    try:
        return formats.read(content, format, timezone)
    except Unreadable as error:
        code = "too_many" if isinstance(error, TooMany) else "unreadable"
        raise ValidationError({"file": str(error)}, code=code) from None


def as_file(reminders: QuerySet[Reminder], format: Format, now: datetime) -> StreamingHttpResponse:
    """Return a response that writes reminders to a file while the client reads it."""
    assert format.write is not None  # noqa: S101  for the type checker
    response = StreamingHttpResponse(
        formats.in_blocks(format.write(formats.stream(reminders), now)),
        content_type=f"{format.media_types[0]}; charset=utf-8",
    )
    response["Content-Disposition"] = f'attachment; filename="reminders{format.suffixes[0]}"'
    return response
