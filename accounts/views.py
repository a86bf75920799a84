from rest_framework.generics import RetrieveUpdateAPIView

from accounts.api import ApiView
from accounts.models import User
from accounts.serializers import MeSerializer


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
