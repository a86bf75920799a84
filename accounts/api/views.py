from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
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
from accounts.security.reauthentication import check_confirmed

# What becomes of the tokens that a revoked token has made.
END, KEEP = "end", "keep"


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

    def with_status(self, tokens: QuerySet[ApiToken], name: str, status: str) -> QuerySet[ApiToken]:
        return ApiToken.objects.with_status(status, timezone.now()) & tokens


class ApiTokenViewSet(OwnedViewSet, ListModelMixin, RetrieveModelMixin):
    """API tokens, the keys of your programs. A revoked token stays in the list."""

    model = ApiToken
    scope = "tokens"
    serializer_class = ApiTokenSerializer
    filterset_class = ApiTokenFilter
    query_params: ClassVar = {"destroy": ("children",)}

    @extend_schema(request=NewTokenSerializer, responses={201: MadeTokenSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Create an API token. Copy its secret now: no other answer shows it.

        If you send this request with a token, the new one can have no other scopes than that token,
        and expires no later. You get a reminder in your inbox before a token expires, and a mail
        about each new one.

        A session has to confirm first that it is you (403): at `/account/reauthenticate/`, or by
        `auth/reauthenticate` for a program.
        """
        check_confirmed(request)
        now = timezone.now()
        creator = request.auth if isinstance(request.auth, ApiToken) else None
        body = NewTokenSerializer(data=request.data, context={"now": now})
        body.is_valid(raise_exception=True)
        values = {"expires_at": tokens.default_expiry(now, creator), **body.validated_data}
        token, secret = tokens.make(request.user, now=now, creator=creator, **values)  # type: ignore[arg-type]
        token.secret = secret  # type: ignore[attr-defined]
        answer = MadeTokenSerializer(token, context=self.get_serializer_context())
        return Response(answer.data, 201, headers={"Cache-Control": "no-store"})

    @extend_schema(request=RenameTokenSerializer, responses=ApiTokenSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Rename a token. For other scopes or another expiry, create a new token."""
        token = self.get_object()
        body = RenameTokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        tokens.rename(token, body.validated_data["name"])
        return Response(self.get_serializer(token).data)

    @extend_schema(
        summary="Revoke an API token",
        responses={204: None},
        parameters=[
            OpenApiParameter(
                "children",
                enum=[END, KEEP],
                default=END,
                description="What becomes of the tokens that it made, and of theirs.",
            )
        ],
    )
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Revoke a token, and the tokens that it made. They stay in the list as revoked.

        With `?children=keep` its children stay valid.
        """
        children = request.query_params.get("children", END)
        if children not in (END, KEEP):
            raise ValidationError({"children": f"Give {KEEP} or {END}."})
        self.get_object().revoke(timezone.now(), keeps_children=children == KEEP)
        return Response(status=204)


class PauseViewSet(OwnedViewSet, ListModelMixin, RetrieveModelMixin, DestroyModelMixin):
    """Pauses of all your reminders, or of your reminders with a tag. They do not fire meanwhile.

    To pause a single reminder or a channel, use its own action `pause/`.
    """

    model = Pause
    scope = "reminders"
    serializer_class = PauseSerializer

    def get_queryset(self) -> QuerySet[Pause]:
        rows: Any = super().get_queryset()
        return rows.active(timezone.now())

    @extend_schema(responses={200: PauseSerializer, 201: PauseSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Begin a pause (201), or change the end and reason of the current one (200)."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        pause, is_new = pauses.begin(now=timezone.now(), owner=request.user, **body.validated_data)
        return Response(self.get_serializer(pause).data, 201 if is_new else 200)

    def perform_destroy(self, instance: Pause) -> None:
        """End the pause. Its row stays, to explain why a reminder did not fire."""
        instance.end(timezone.now())


class JsonLinesRenderer(BaseRenderer):
    """Offers JSON Lines as a format; the view streams them itself."""

    media_type = "application/x-ndjson"
    format = "jsonl"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """Render an error as JSON."""
        return JSONRenderer().render(data)


class AccountExportView(ApiView):
    """Export all your data as JSON Lines: one object a line, each with its `type`.

    Secrets are left out. The last line has the type `end` and counts the lines between it and the
    first. If it is missing, the download was cut off: download it again.
    """

    scope = "me"
    expensive = ("get",)
    # 404 for another `?format=`.
    problems = {"get": {404}}
    answer_headers: ClassVar = {"200": ("Content-Disposition",)}
    renderer_classes = [JsonLinesRenderer, JSONRenderer]

    @extend_schema(
        summary="Export your data",
        responses={(200, JsonLinesRenderer.media_type): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        now = timezone.now()
        assert isinstance(request.user, User)  # noqa: S101  for the type checker
        name = f"foam-{now:%Y-%m-%d}.jsonl"
        return StreamingHttpResponse(
            export.lines(request.user, now),
            content_type=f"{JsonLinesRenderer.media_type}; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
