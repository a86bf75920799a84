"""`Idempotency-Key`: a repeated request has one effect, and each repeat gets the first answer.

After draft-ietf-httpapi-idempotency-key-header. A key belongs to a user, for KEEP. The effect of a
request and its stored answer are committed together, so that a killed process leaves both or
neither. A request that sends over the network runs outside a transaction: its key is leased, and
may be used again when the lease has expired.
"""

import base64
import re
import zlib
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from typing import Any, NamedTuple

from django.db import OperationalError, connection, models, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac
from psycopg.errors import LockNotAvailable
from rest_framework.exceptions import APIException, ValidationError

from accounts.models.idempotency_key import KEEP, LEASE, IdempotencyKey

HEADER = "Idempotency-Key"
# Printable ASCII. HTTP strips spaces at both ends.
KEY = r"[ -~]{1,255}"

# How long a repeat waits for the first request to commit, before it is answered 409.
LOCK_TIMEOUT = "2s"
# Headers stored with the body of an answer.
HEADERS = ("Content-Type", "ETag", "Location", "Content-Disposition")
# Statuses of requests that changed nothing and may succeed later: their answers are not stored.
NOT_STORED = {401, 403, 429}


class Reused(APIException):
    status_code = 409
    default_code = "idempotency_key_reused"
    default_detail = (
        f"This {HEADER} was sent with another request: another address or another body. Use a new "
        "key for a new request."
    )


class InProgress(APIException):
    status_code = 409
    default_code = "idempotency_key_in_progress"
    default_detail = (
        f"The first request with this {HEADER} is still in progress. Send it again in a second."
    )
    # Seconds. REST framework sends it as Retry-After.
    wait = 1


class KeyedRequest(NamedTuple):
    """A request with an idempotency key, its user and its time."""

    user_id: int
    key: str
    fingerprint: str
    now: datetime


def read_whole(request: HttpRequest) -> None:
    """Read the whole body for the fingerprint, and let the parsers read it again.

    This bypasses Django's own limit: RequestBodyLimit has checked Content-Length already.
    """
    if not hasattr(request, "_body"):
        request._body = request.read()
        request._stream = BytesIO(request._body)


def key_of(request: HttpRequest) -> str | None:
    """Return the key of a POST; None without one. Raises ValidationError on the header."""
    key = request.headers.get(HEADER) if request.method == "POST" else None
    if key is not None and not re.fullmatch(KEY, key):
        raise ValidationError({HEADER: "Give 1 to 255 printable ASCII characters, such as a UUID."})
    return key


def fingerprint_of(request: HttpRequest) -> str:
    content = f"{request.method} {request.get_full_path()}\n".encode() + request.body
    return salted_hmac(HEADER, content, algorithm="sha256").hexdigest()


def run_once(request: KeyedRequest, act: Callable[[], HttpResponse]) -> HttpResponse:
    """Return the answer of `act`, or the one stored by an earlier request with this key.

    The effect of `act` and its stored answer are one transaction.
    """
    try:
        with transaction.atomic():
            _set_lock_timeout(LOCK_TIMEOUT)
            claim = _claim_key(request)
            _set_lock_timeout("0")
            if isinstance(claim, HttpResponse):
                return claim
            answer = act()
            if _is_stored(answer):
                _store_answer(claim, answer)
            else:
                transaction.set_rollback(True)
            return answer
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise InProgress from error
        raise


def run_once_leased(request: KeyedRequest, act: Callable[[], HttpResponse]) -> HttpResponse:
    """Do the same as `run_once` without a transaction, for an `act` that sends over the network."""
    claim = _claim_key(request)
    if isinstance(claim, HttpResponse):
        return claim
    answer = None
    try:
        answer = act()
    finally:
        if answer is not None and _is_stored(answer):
            _store_answer(claim, answer)
        else:
            claim.delete()
    return answer


def delete_expired(now: datetime) -> int:
    """Delete the keys older than KEEP; return how many."""
    return IdempotencyKey.objects.filter(created_at__lte=now - KEEP).delete()[0]


# A parallel request with the same key waits here for the first to commit or roll back.
CLAIM_SQL = """
INSERT INTO accounts_idempotencykey AS k
    (user_id, key, fingerprint, created_at, leased_until, headers, body)
VALUES (%(user)s, %(key)s, %(fingerprint)s, %(now)s, %(until)s, '{}', '')
ON CONFLICT (user_id, key) DO UPDATE SET fingerprint = EXCLUDED.fingerprint,
    created_at = EXCLUDED.created_at, leased_until = EXCLUDED.leased_until,
    status = NULL, headers = '{}', body = ''
WHERE k.created_at <= %(old)s OR (k.status IS NULL AND k.leased_until <= %(now)s
    AND k.fingerprint = EXCLUDED.fingerprint)
RETURNING id
"""


def _claim_key(request: KeyedRequest) -> models.QuerySet[IdempotencyKey] | HttpResponse:
    """Claim the key and return its row, or return the stored answer of an earlier request.

    Raises Reused and InProgress.
    """
    until = request.now + LEASE
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM_SQL,
            {
                "user": request.user_id,
                "key": request.key,
                "fingerprint": request.fingerprint,
                "now": request.now,
                "until": until,
                "old": request.now - KEEP,
            },
        )
        if row := cursor.fetchone():
            # Our lease only: a request that takes the key over later has another one, and its
            # answer is not overwritten.
            return IdempotencyKey.objects.filter(pk=row[0], leased_until=until)
    first = IdempotencyKey.objects.filter(user=request.user_id, key=request.key).first()
    if first is not None and first.fingerprint != request.fingerprint:
        raise Reused
    if first is None or first.status is None:
        raise InProgress
    return first.replay()


def _set_lock_timeout(wait: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [wait])


def _is_stored(answer: HttpResponse) -> bool:
    return answer.status_code < 500 and answer.status_code not in NOT_STORED


def _store_answer(claim: Any, answer: HttpResponse) -> None:
    body = b"" if answer.streaming else answer.content
    claim.update(
        status=answer.status_code,
        headers={name: answer[name] for name in HEADERS if name in answer},
        body=base64.b64encode(zlib.compress(body)).decode() if body else "",
        leased_until=None,
    )
