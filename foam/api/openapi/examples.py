"""Examples of the requests and answers of every operation of the API, by operationId.

The OpenAPI document has them. foam/tests/api/test_isolation.py sends each of them, with the ids of
its own rows.
"""

from dataclasses import dataclass, field
from typing import Any

from foam.api.openapi.example_values import (
    ACKNOWLEDGED,
    AGENDA_ENTRY,
    BATCH,
    BATCH_RESULT,
    CHANNEL,
    CRONTAB,
    DELIVERED,
    DELIVERY,
    EXPLANATION,
    FEED,
    IMPORTED,
    ME,
    MESSAGE,
    NEW_CHANNEL,
    NEW_PAUSE,
    NEW_REMINDER,
    OCCURRENCE,
    OPEN_END,
    PARSED,
    PAUSE,
    PAUSED,
    PAUSED_CHANNEL,
    PREVIEW,
    REMINDER,
    RESPONDED,
    SCHEDULE,
    SENT_CODE,
    SENTENCE,
    SNOOZED,
    TESTED,
    TOKEN,
    UPCOMING,
    VERIFIED,
)


@dataclass(frozen=True)
class Example:
    """The body of a request, its answers by status, and its query string.

    An answer that is not listed has no body.
    """

    body: Any = None
    answers: dict[int, Any] = field(default_factory=dict)
    query: str = ""


def ok(answer: Any, body: Any = None) -> Example:
    return Example(body, {200: answer})


def created(answer: Any, body: Any = None) -> Example:
    return Example(body, {201: answer})


EXAMPLES = {
    # The example of a list is one of its elements.
    "channels_list": ok(CHANNEL),
    "channels_create": created({**CHANNEL, "secret": "whsec_MfKQ9r8GKYqrTwjU"}, NEW_CHANNEL),
    "channels_retrieve": ok(CHANNEL),
    "channels_update": ok(CHANNEL, NEW_CHANNEL),
    "channels_partial_update": ok(CHANNEL, {"name": "Dashboard"}),
    "channels_destroy": ok({"reminders": 3, "undeliverable": 2}),
    "channels_enable": ok(CHANNEL),
    "channels_pause": ok(PAUSED_CHANNEL, OPEN_END),
    "channels_resume": ok(CHANNEL, {"drop": False}),
    "channels_rotate_secret": ok({**CHANNEL, "secret": "whsec_MfKQ9r8GKYqrTwjU"}),
    "channels_test": Example(
        None, {200: TESTED, 202: {**TESTED, "status": "queued", "outcome": None, "detail": ""}}
    ),
    "channels_verify": Example({"code": "123456"}, {200: VERIFIED, 202: SENT_CODE}),
    "deliveries_list": ok(DELIVERY),
    "deliveries_retrieve": ok(DELIVERED),
    "deliveries_retry": ok({**DELIVERED, "status": "queued", "finished_at": None}),
    "inbox_list": ok(MESSAGE),
    "inbox_retrieve": ok(MESSAGE),
    "inbox_read": ok({**MESSAGE, "read_at": "2026-11-23T17:05:00Z"}),
    "me_retrieve": ok(ME),
    "me_partial_update": ok(ME, {"timezone": "Europe/Berlin"}),
    "me_export": Example(),
    "agenda_list": ok(AGENDA_ENTRY),
    "occurrences_list": ok(OCCURRENCE),
    "occurrences_retrieve": ok(RESPONDED),
    "occurrences_acknowledge": ok(ACKNOWLEDGED),
    "occurrences_snooze": ok(SNOOZED, {"for": "PT10M"}),
    "pauses_list": ok(PAUSE),
    "pauses_create": Example(NEW_PAUSE, {200: PAUSE, 201: PAUSE}),
    "pauses_retrieve": ok(PAUSE),
    "pauses_destroy": Example(),
    "reminders_list": ok(REMINDER),
    "reminders_create": created(REMINDER, NEW_REMINDER),
    "reminders_retrieve": ok(REMINDER),
    "reminders_update": ok({**REMINDER, "version": 2}, NEW_REMINDER),
    "reminders_partial_update": ok({**REMINDER, "version": 2}, {"title": "Stand-up"}),
    "reminders_destroy": Example(),
    "reminders_explain": ok(EXPLANATION),
    "reminders_occurrences": ok(OCCURRENCE),
    "reminders_pause": ok(PAUSED, OPEN_END),
    "reminders_resume": ok({**REMINDER, "version": 3}),
    "reminders_skip": ok({**RESPONDED, "status": "skipped", "reason": "Skipped."}),
    "reminders_trigger": created(OCCURRENCE),
    "reminders_upcoming": ok(UPCOMING),
    "reminders_preview": ok(PREVIEW, SCHEDULE),
    "reminders_parse": ok(PARSED, SENTENCE),
    "reminders_batch": ok(BATCH_RESULT, BATCH),
    "reminders_retrieve_by_external_id": ok(REMINDER),
    "reminders_put_by_external_id": Example(NEW_REMINDER, {200: REMINDER, 201: REMINDER}),
    "reminders_destroy_by_external_id": Example(),
    "reminders_export": Example(query="?format=icalendar"),
    "reminders_feed": created(FEED, {"name": "FOAM"}),
    "reminders_import": Example(CRONTAB, {200: IMPORTED}, "?format=crontab"),
    "tokens_list": ok(TOKEN),
    "tokens_create": created(
        {**TOKEN, "secret": "foam_Zk3x-EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE"},
        {"name": "laptop", "scopes": ["reminders:read", "reminders:write"], "days": 90},
    ),
    "tokens_retrieve": ok(TOKEN),
    "tokens_partial_update": ok(TOKEN, {"name": "laptop"}),
    "tokens_destroy": Example(),
}
