from rest_framework import serializers

from accounts.api import StrictSerializer
from accounts.models import User


class MeSerializer(StrictSerializer, serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "username", "email", "first_name", "last_name", "timezone"]
        read_only_fields = ["id", "username", "email"]
