"""The API that creates the address of a feed."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import tokens
from accounts.api.base import ApiView, Instant, StrictSerializer
from accounts.models import ApiToken, Scope
from accounts.security.reauthentication import check_confirmed
from reminders.exchange.feed import views


class FeedSerializer(StrictSerializer):
    """A calendar feed: its name, and which reminders it shows."""

    name = serializers.CharField(
        max_length=100, default="FOAM", help_text="Of the calendar, as programs show it."
    )
    tag = serializers.CharField(
        max_length=50, default="", allow_blank=True, help_text="Only reminders with this tag."
    )
    alarms = serializers.BooleanField(
        default=False,
        help_text="With an alarm for each lead. FOAM speaks on its channels anyway.",
    )
    expires_at = Instant(
        default=None,
        allow_null=True,
        help_text="Leave empty: it works until you revoke it, or until the token that makes it "
        "expires.",
    )


class FeedAddressSerializer(serializers.Serializer[Any]):
    token = serializers.IntegerField(help_text="Id of its token: revoke that to end the feed.")
    name = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    url = serializers.CharField(help_text="Shown once. Whoever has it reads your reminders.")
    webcal = serializers.CharField(help_text="The same for programs that open it to subscribe.")


class FeedView(ApiView, GenericAPIView[Any]):
    """A secret address at which calendars can subscribe to your reminders."""

    serializer_class = FeedSerializer
    # The address lets others read, so reminders:read is not enough.
    scope = "reminders"

    @extend_schema(request=FeedSerializer, responses={201: FeedAddressSerializer})
    def post(self, request: Request) -> Response:
        """Make a secret address for your calendar. Copy it now: it is shown only once.

        A session has to confirm first that it is you (403), as for a token. You get a
        mail about it.
        """
        check_confirmed(request)
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values, by = serializer.validated_data, request.auth
        by = by if isinstance(by, ApiToken) else None
        token, secret = tokens.make(
            request.user,  # type: ignore[arg-type]
            values["name"],
            timezone.now(),
            scopes=[Scope.CALENDAR_READ],
            expires_at=values["expires_at"] or (by.expires_at if by else None),
            creator=by,
        )
        url = views.address(secret, values["tag"], alarms=values["alarms"])
        address = {
            "token": token.pk,
            "name": token.name,
            "expires_at": token.expires_at,
            "url": url,
            "webcal": views.webcal(url),
        }
        where = reverse("token-detail", [token.pk], request=request)
        return Response(FeedAddressSerializer(address).data, 201, headers={"Location": where})
