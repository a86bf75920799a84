from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import RetrieveUpdateAPIView
from rest_framework.mixins import DestroyModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import tokens
from accounts.account_data import export
from accounts.api.base import ApiView, OwnedViewSet
from accounts.api.serializers import (
    ApiTokenSerializer,
    MadeTokenSerializer,
    MeSerializer,
    NewTokenSerializer,
    PauseSerializer,
    RenameTokenSerializer,
)
from accounts.models import ApiToken, Pause, User
from accounts.models import pause as pauses


class MeView(ApiView, RetrieveUpdateAPIView[User]):
    """Your own profile. New reminders start in its time zone.

    In quiet hours, by the clock of that zone, messages are held until these end, unless urgent.
    """

    model = User
    serializer_class = MeSerializer
    scope = "me"
    http_method_names = ["get", "patch", "head", "options"]

    def get_object(self) -> User:
        return self.matched(self.request.user)


class ApiTokenFilter(filters.FilterSet):
    status = filters.ChoiceFilter(choices=ApiToken.Status.choices, method="with_status")

    def with_status(self, found: QuerySet[ApiToken], name: str, status: str) -> QuerySet[ApiToken]:
        return ApiToken.objects.with_status(status, timezone.now()) & found


class ApiTokenViewSet(OwnedViewSet, ListModelMixin, RetrieveModelMixin):
    """The keys that your programs carry. A revoked one stays in the list."""

    model = ApiToken
    scope = "tokens"
    serializer_class = ApiTokenSerializer
    filterset_class = ApiTokenFilter

    @extend_schema(request=NewTokenSerializer, responses={201: MadeTokenSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Make a token. Its secret is in this answer and nowhere else.

        With a token, it can do nothing that this one cannot, and does not outlive it. Before it
        expires you are reminded in your inbox.
        """
        now, by = timezone.now(), request.auth if isinstance(request.auth, ApiToken) else None
        asked = NewTokenSerializer(data=request.data, context={"now": now})
        asked.is_valid(raise_exception=True)
        values = {"expires_at": tokens.usual_expiry(now, by), **asked.validated_data}
        token, secret = tokens.make(request.user, now=now, by=by, **values)  # type: ignore[arg-type]
        token.secret = secret  # type: ignore[attr-defined]
        shown = MadeTokenSerializer(token, context=self.get_serializer_context())
        return Response(shown.data, 201, headers={"Cache-Control": "no-store"})

    @extend_schema(request=RenameTokenSerializer, responses=ApiTokenSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Give a token another name. It keeps its scopes and its time: make a new one instead."""
        token = self.get_object()
        asked = RenameTokenSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        tokens.rename(token, asked.validated_data["name"])
        return Response(self.get_serializer(token).data)

    @extend_schema(summary="Revoke an API token", responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Revoke a token: it is refused from now on, and stays in the list as revoked."""
        self.get_object().revoke(timezone.now())
        return Response(status=204)


class PauseViewSet(OwnedViewSet, ListModelMixin, RetrieveModelMixin, DestroyModelMixin):
    """Pauses of all your reminders, or of those with a tag. What falls into one does not fire.

    A reminder alone and a channel have actions of their own for this.
    """

    model = Pause
    scope = "reminders"
    serializer_class = PauseSerializer

    def get_queryset(self) -> QuerySet[Pause]:
        found: Any = super().get_queryset()
        return found.active(timezone.now())

    @extend_schema(responses={200: PauseSerializer, 201: PauseSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Begin a pause (201), or give the one that there is another end and reason (200)."""
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user = request.user
        pause, is_new = pauses.begin(
            now=timezone.now(), owner=user, by=user, **asked.validated_data
        )
        return Response(self.get_serializer(pause).data, 201 if is_new else 200)

    def perform_destroy(self, instance: Pause) -> None:
        """It is ended, and kept to explain what did not fire."""
        instance.end(timezone.now())


class JsonLinesRenderer(BaseRenderer):
    """Named for what is asked for; what is streamed is rendered already."""

    media_type = "application/x-ndjson"
    format = "jsonl"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """Render an error, which is all that comes here."""
        return JSONRenderer().render(data)


class ExportView(ApiView):
    """Everything that FOAM has of you, as JSON Lines: one object a line, each with its `type`.

    Without secrets. The last line is of the type `end` and counts the others but the first:
    without it the download was cut off.
    """

    scope = "me"
    # `?format=` of another kind.
    problems = {"get": {404}}
    renderer_classes = [JsonLinesRenderer, JSONRenderer]

    @extend_schema(
        summary="Export everything of your own",
        responses={(200, JsonLinesRenderer.media_type): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        now = timezone.now()
        assert isinstance(request.user, User)
        name = f"foam-{now:%Y-%m-%d}.jsonl"
        return StreamingHttpResponse(
            export.lines(request.user, now),
            content_type=f"{JsonLinesRenderer.media_type}; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
