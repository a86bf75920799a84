"""Idempotency keys with their stored answers."""

import base64
import zlib
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.http import HttpResponse

from accounts.encryption import EncryptedTextField

KEEP = timedelta(hours=24)
# Must exceed the longest request that sends over the network.
LEASE = timedelta(seconds=60)


class IdempotencyKey(models.Model):
    """An idempotency key of a user, with the answer to its first request.

    The body is encrypted, as some answers show a secret.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False)
    key = models.CharField(max_length=255)
    # HMAC of method, address and body. Keyed, as a body may hold a secret.
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    # While the request runs: when its process counts as dead. Null once it is answered.
    leased_until = models.DateTimeField(null=True)
    # Null until it is answered.
    status = models.SmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = EncryptedTextField(blank=True)

    class Meta:
        constraints = [
            # Of parallel requests with one key, one inserts the row and the others find it.
            models.UniqueConstraint(fields=["user", "key"], name="accounts_idempotencykey_once"),
        ]
        indexes = [
            # idempotency.delete_expired
            models.Index(fields=["created_at"], name="accounts_idempotencykey_old"),
        ]

    def __str__(self) -> str:
        return self.key

    def replay(self) -> HttpResponse:
        """Return the stored answer."""
        body = zlib.decompress(base64.b64decode(self.body)) if self.body else b""
        assert self.status is not None  # noqa: S101  for the type checker
        answer = HttpResponse(body, status=self.status, headers=self.headers)
        answer["Idempotency-Replayed"] = "true"
        return answer
