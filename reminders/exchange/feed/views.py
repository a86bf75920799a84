"""The feed: a calendar of a user's reminders at a secret address, to which programs subscribe.

The address is the whole permission: it holds the secret of a token that has the scope
`calendar:read` and no other. No log of FOAM contains it.
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.models import ApiToken, User
from accounts.timezones import tzdata_version
from reminders.exchange.formats import in_blocks
from reminders.exchange.icalendar.file_writer import escaped, write
from reminders.models import Occurrence, Reminder
from reminders.models.reminder_queryset import ReminderQuerySet

PATH = "/calendar/"
# Programs ask again after FRESH at the earliest, and after REFRESH by default.
FRESH = timedelta(minutes=15)
REFRESH = "PT1H"
# A finished reminder stays in the feed for this time.
FINISHED_VISIBLE = timedelta(days=90)
COLOUR, APPLE_COLOUR = "teal", "#0D9488"
CHUNK = 500
HEADERS = {
    "Content-Disposition": 'inline; filename="foam.ics"',
    "Cache-Control": f"private, max-age={FRESH // timedelta(seconds=1)}",
    # The address is the permission: it goes nowhere else.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
TYPE = "text/calendar; charset=utf-8"

logger = logging.getLogger(__name__)


def address(secret: str, tag: str = "", *, alarms: bool = False) -> str:
    """Return the address of a feed, which is a secret."""
    params = {**({"tag": tag} if tag else {}), **({"alarms": "true"} if alarms else {})}
    query = f"?{urlencode(params)}" if params else ""
    return f"{settings.FOAM_BASE_URL}{PATH}{secret}.ics{query}"


def webcal(url: str) -> str:
    """Return the address of a link that opens the calendar program and subscribes."""
    return urlsplit(url)._replace(scheme="webcal").geturl()


@csrf_exempt
@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Answer with the calendar; 404 if the address is not, or no longer, that of a feed."""
    # Django logs errors with the path, which must not contain the secret.
    request.path = request.path_info = f"{PATH}[secret]"
    now = timezone.now()
    valid = ApiToken.objects.valid(now).for_calendar().for_secret(secret)
    token = valid.select_related("user").first()
    if token is None:
        raise Http404
    token.touch(now)
    tag, alarms = request.GET.get("tag", ""), request.GET.get("alarms") == "true"
    reminders = shown_in_feed(token.user, tag, now)
    etag = _etag(reminders, token, tag, now, alarms=alarms)
    response: HttpResponseBase | None = get_conditional_response(request, etag=etag)
    if response is None:
        pieces = _pieces(reminders, token, tag, now, alarms=alarms)
        content = () if request.method == "HEAD" else pieces
        response = StreamingHttpResponse(content, content_type=TYPE)
    for name, value in {**HEADERS, "ETag": etag}.items():
        response.headers[name] = value
    return response


def shown_in_feed(owner: User, tag: str, now: datetime) -> ReminderQuerySet:
    """Return the reminders of the feed: all but finished ones of long ago."""
    over = Q(plan__status=Reminder.Status.FINISHED) & ~Q(
        plan__fired_due_at__gt=now - FINISHED_VISIBLE
    )
    reminders = Reminder.objects.owned_by(owner).exclude(over)
    return reminders.filter(tags__contains=[tag]) if tag else reminders


def _etag(
    reminders: ReminderQuerySet, token: ApiToken, tag: str, now: datetime, *, alarms: bool
) -> str:
    """Return an ETag that changes whenever the calendar may have changed.

    Each change of a reminder increments `version`. The day is part of it, as written-out instants
    and the set of finished reminders depend on the day.
    """
    state = reminders.aggregate(Count("pk"), Sum("version"), Sum("pk"), Max("updated_at"))
    passed = _skipped(token.user, now).aggregate(Count("pk"), Sum("pk"))
    parts = (
        *state.values(),
        *passed.values(),
        token.name,
        token.user.timezone,
        tag,
        alarms,
        now.date(),
        tzdata_version(),
    )
    return f'W/"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


def _skipped(owner: User, now: datetime) -> QuerySet[Occurrence]:
    return Occurrence.objects.filter(
        reminder__owner=owner, status=Occurrence.Status.SKIPPED, due_at__gt=now
    )


def _pieces(
    reminders: ReminderQuerySet, token: ApiToken, tag: str, now: datetime, *, alarms: bool
) -> Iterator[bytes]:
    """Yield the calendar. If it breaks off, END is missing, so that programs see that it is cut."""
    skipped: dict[int, set[datetime]] = defaultdict(set)
    for reminder_id, due_at in _skipped(token.user, now).values_list("reminder_id", "due_at"):
        skipped[reminder_id].add(due_at)
    rows = reminders.order_by("pk").iterator(chunk_size=CHUNK)
    head = _head(token, tag)
    try:
        written = write(rows, now, head=head, skipped=skipped, alarms=alarms, whole=False)
        yield from (block.encode() for block in in_blocks(written))
    except Exception:
        # Not raised: the server would log the address.
        logger.exception("The feed of token %s broke off.", token.pk)


def _head(token: ApiToken, tag: str) -> list[str]:
    name = escaped(f"{token.name}: {tag}" if tag else token.name)
    return [
        "METHOD:PUBLISH",
        f"NAME:{name}",
        f"X-WR-CALNAME:{name}",
        f"X-WR-TIMEZONE:{token.user.timezone}",
        f"COLOR:{COLOUR}",
        f"X-APPLE-CALENDAR-COLOR:{APPLE_COLOUR}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}",
        f"X-PUBLISHED-TTL:{REFRESH}",
    ]
