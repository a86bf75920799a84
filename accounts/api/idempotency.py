"""`Idempotency-Key`: a request that is repeated has one effect, and each repeat the first answer.

After draft-ietf-httpapi-idempotency-key-header. A key belongs to a user, for KEEP. What a request
does and the answer that is remembered are committed together, so that a process that is killed
leaves both or neither. Where a request talks to the network, and so has no transaction around it,
its key is leased, and may be used again when the lease has run out.
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
# Printable ASCII; HTTP takes spaces at its ends away.
KEY = r"[ -~]{1,255}"


# How long a repeat waits for the first to be done, before it is told to come again.
PATIENCE = "2s"
# What of an answer is remembered beside its body.
HEADERS = ("Content-Type", "ETag", "Location", "Content-Disposition")
# Nothing was done, and the same may succeed later.
NOT_REMEMBERED = {401, 403, 429}


class Reused(APIException):
    status_code = 409
    default_code = "idempotency_key_reused"
    default_detail = (
        f"This {HEADER} was sent with another request: another address or another body. Use a new "
        "key for what is new."
    )


class InProgress(APIException):
    status_code = 409
    default_code = "idempotency_key_in_progress"
    default_detail = f"The first request with this {HEADER} is still in progress. Send it again."
    # REST framework makes Retry-After of it.
    wait = 1


class Asked(NamedTuple):
    """A request with a key, by whom and when."""

    user_id: int
    key: str
    fingerprint: str
    now: datetime


def read_whole(request: HttpRequest) -> None:
    """Read the body before anybody reads a part of it, for its fingerprint; others read it again.

    Past Django's own limit: how much an address takes was checked by what the request says of it.
    """
    if not hasattr(request, "_body"):
        request._body = request.read()
        request._stream = BytesIO(request._body)


def key_of(request: HttpRequest) -> str | None:
    """Return the key of a POST; None without one. ValidationError names the header."""
    key = request.headers.get(HEADER) if request.method == "POST" else None
    if key is not None and not re.fullmatch(KEY, key):
        raise ValidationError({HEADER: "Give 1 to 255 printable ASCII characters, such as a UUID."})
    return key


def fingerprint_of(request: HttpRequest) -> str:
    what = f"{request.method} {request.get_full_path()}\n".encode() + request.body
    return salted_hmac(HEADER, what, algorithm="sha256").hexdigest()


def once(asked: Asked, act: Callable[[], HttpResponse]) -> HttpResponse:
    """Return what `act` answers, or what it answered before; in one transaction with its effect."""
    try:
        with transaction.atomic():
            _be_patient(PATIENCE)
            taken = _take(asked)
            _be_patient("0")
            if isinstance(taken, HttpResponse):
                return taken
            answer = act()
            if _is_remembered(answer):
                _remember(taken, answer)
            else:
                transaction.set_rollback(True)
            return answer
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise InProgress from error
        raise


def once_leased(asked: Asked, act: Callable[[], HttpResponse]) -> HttpResponse:
    """As `once`, for what must not be in a transaction."""
    taken = _take(asked)
    if isinstance(taken, HttpResponse):
        return taken
    answer = None
    try:
        answer = act()
    finally:
        if answer is not None and _is_remembered(answer):
            _remember(taken, answer)
        else:
            taken.delete()
    return answer


def forget(now: datetime) -> int:
    """Remove keys that are no longer kept; return how many."""
    return IdempotencyKey.objects.filter(created_at__lte=now - KEEP).delete()[0]


# Whoever comes second waits here for the first to commit, or to be undone.
TAKE = """
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


def _take(asked: Asked) -> models.QuerySet[IdempotencyKey] | HttpResponse:
    """Make the key ours, and return its row; or the answer to the request that had it before."""
    until = asked.now + LEASE
    with connection.cursor() as cursor:
        cursor.execute(
            TAKE,
            {
                "user": asked.user_id,
                "key": asked.key,
                "fingerprint": asked.fingerprint,
                "now": asked.now,
                "until": until,
                "old": asked.now - KEEP,
            },
        )
        if row := cursor.fetchone():
            # Whoever took it over has another lease: nothing of theirs is overwritten.
            return IdempotencyKey.objects.filter(pk=row[0], leased_until=until)
    first = IdempotencyKey.objects.filter(user=asked.user_id, key=asked.key).first()
    if first is not None and first.fingerprint != asked.fingerprint:
        raise Reused
    if first is None or first.status is None:
        raise InProgress
    return first.replay()


def _be_patient(wait: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [wait])


def _is_remembered(answer: HttpResponse) -> bool:
    return answer.status_code < 500 and answer.status_code not in NOT_REMEMBERED


def _remember(taken: Any, answer: HttpResponse) -> None:
    body = b"" if answer.streaming else answer.content
    taken.update(
        status=answer.status_code,
        headers={name: answer[name] for name in HEADERS if name in answer},
        body=base64.b64encode(zlib.compress(body)).decode() if body else "",
        leased_until=None,
    )
