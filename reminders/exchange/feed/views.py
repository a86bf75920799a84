"""The feed: a calendar of one's reminders at a secret address, to which programs subscribe.

The address is the whole permission: it holds the secret of a token that has the scope
`calendar:read` and no other. It stands in no log of ours.
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
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
from reminders.exchange.icalendar.file_writer import escaped, write
from reminders.models import Occurrence, Reminder
from reminders.models.reminder_queryset import ReminderQuerySet

PATH = "/calendar/"
# How often to ask again, at most and at least as programs understand it.
FRESH = timedelta(minutes=15)
REFRESH = "PT1H"
# What is over stays in sight for so long.
KEPT = timedelta(days=90)
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
    asked = {**({"tag": tag} if tag else {}), **({"alarms": "true"} if alarms else {})}
    query = f"?{urlencode(asked)}" if asked else ""
    return f"{settings.FOAM_BASE_URL}{PATH}{secret}.ics{query}"


def webcal(url: str) -> str:
    """Return the address by which a press of a link subscribes, where a program is known for it."""
    return urlsplit(url)._replace(scheme="webcal").geturl()


@csrf_exempt
@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Answer with the calendar; 404 for an address that is not, or no longer, one of a feed."""
    # What goes wrong is logged with its path.
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
        found = () if request.method == "HEAD" else pieces
        response = StreamingHttpResponse(found, content_type=TYPE)
    for name, value in {**HEADERS, "ETag": etag}.items():
        response.headers[name] = value
    return response


def shown_in_feed(owner: User, tag: str, now: datetime) -> ReminderQuerySet:
    """Return what is to come, and what was over not long ago."""
    over = Q(status=Reminder.Status.FINISHED) & ~Q(fired_due_at__gt=now - KEPT)
    found = Reminder.objects.owned_by(owner).exclude(over)
    return found.filter(tags__contains=[tag]) if tag else found


def _etag(
    reminders: ReminderQuerySet, token: ApiToken, tag: str, now: datetime, *, alarms: bool
) -> str:
    """Return what is another as soon as the calendar may be another.

    It counts on `version`, which each change of a reminder moves; what is written out instant by
    instant, and what is over, moves with the day.
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
    """Yield the calendar. One that breaks has no END, so no program takes it for the whole."""
    skipped: dict[int, set[datetime]] = defaultdict(set)
    for reminder_id, due_at in _skipped(token.user, now).values_list("reminder_id", "due_at"):
        skipped[reminder_id].add(due_at)
    found = reminders.order_by("pk").iterator(chunk_size=CHUNK)
    head = _head(token, tag)
    try:
        written = write(found, now, head=head, skipped=skipped, alarms=alarms, whole=False)
        yield from _joined(written)
    except Exception:
        # Not raised: the server would log the address.
        logger.exception("The feed of token %s broke off.", token.pk)


def _joined(pieces: Iterable[str]) -> Iterator[bytes]:
    """A chunk for each reminder would be mostly overhead."""
    kept: list[str] = []
    for piece in pieces:
        kept.append(piece)
        if len(kept) == CHUNK:
            yield "".join(kept).encode()
            kept = []
    yield "".join(kept).encode()


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
