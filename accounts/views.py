from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import RetrieveUpdateAPIView
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import export
from accounts.models import User
from accounts.serializers import MeSerializer


class MeView(RetrieveUpdateAPIView[User]):
    """Your own profile. New reminders start in its time zone.

    In quiet hours, by the clock of that zone, messages are held until these end, unless urgent.
    """

    serializer_class = MeSerializer
    scope = "me"
    http_method_names = ["get", "patch", "head", "options"]

    def get_object(self) -> User:
        return self.request.user  # type: ignore[return-value]


class JsonLinesRenderer(BaseRenderer):
    """Named for what is asked for; what is streamed is rendered already."""

    media_type = "application/jsonl"
    format = "jsonl"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """Render an error, which is all that comes here."""
        return JSONRenderer().render(data)


class ExportView(APIView):
    """Everything that FOAM has of you, as JSON Lines: one object a line, each with its `type`.

    Without secrets. The last line is of the type `end` and counts the others but the first:
    without it the download was cut off.
    """

    scope = "me"
    renderer_classes = [JsonLinesRenderer, JSONRenderer]

    @extend_schema(
        summary="Export everything of your own",
        responses={(200, "application/jsonl"): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        now = timezone.now()
        assert isinstance(request.user, User)
        name = f"foam-{now:%Y-%m-%d}.jsonl"
        return StreamingHttpResponse(
            export.lines(request.user, now),
            content_type=JsonLinesRenderer.media_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
