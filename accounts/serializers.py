from typing import Any

from django.utils import timezone
from rest_framework import serializers

from accounts.api import StrictSerializer
from accounts.models import User


class MeSerializer(StrictSerializer, serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "email",
            "first_name",
            "last_name",
            "timezone",
            "quiet_from",
            "quiet_until",
            "quiet_weekends",
        ]
        read_only_fields = ["id", "username", "email"]
        # Checked by `store`, which names the field.
        validators: list[Any] = []

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.store(timezone.now())
        return instance
