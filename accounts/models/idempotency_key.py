"""Idempotency keys, and the answers that belong to them."""

import base64
import zlib
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.http import HttpResponse

from accounts.encryption import EncryptedTextField

KEEP = timedelta(hours=24)
# Longer than any request of ours talks to the network.
LEASE = timedelta(seconds=60)


class IdempotencyKey(models.Model):
    """A key that a user's program has sent, and the answer to the request that had it first.

    The body is encrypted: some answers show a secret, once.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False)
    key = models.CharField(max_length=255)
    # Of method, address and body: keyed, as a body may hold a secret.
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    # Until the request is answered: when its process is taken for dead.
    leased_until = models.DateTimeField(null=True)
    # Null until it is answered.
    status = models.SmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = EncryptedTextField(blank=True)

    class Meta:
        constraints = [
            # Of requests at once with one key, one is first and the others find its row.
            models.UniqueConstraint(fields=["user", "key"], name="accounts_idempotencykey_once"),
        ]
        indexes = [
            # forget
            models.Index(fields=["created_at"], name="accounts_idempotencykey_old"),
        ]

    def __str__(self) -> str:
        return self.key

    def replay(self) -> HttpResponse:
        """Return the remembered answer."""
        body = zlib.decompress(base64.b64decode(self.body)) if self.body else b""
        assert self.status is not None
        answer = HttpResponse(body, status=self.status, headers=self.headers)
        answer["Idempotency-Replayed"] = "true"
        return answer
