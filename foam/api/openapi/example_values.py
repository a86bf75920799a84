"""The objects that the examples of the OpenAPI document show."""

TOKEN = {
    "id": 3,
    "name": "laptop",
    "hint": "foam_Zk3x…",
    "scopes": ["reminders:read", "reminders:write"],
    "status": "valid",
    "is_current": True,
    "created_at": "2026-11-23T16:00:00Z",
    "expires_at": "2027-02-21T16:00:00Z",
    "last_used_at": "2026-11-23T16:59:00Z",
    "revoked_at": None,
    "made_by": None,
}
ME = {
    "id": 1,
    "username": "ada",
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "timezone": "Europe/Berlin",
    "quiet_from": "22:00:00",
    "quiet_until": "07:00:00",
    "quiet_weekends": False,
    "limits": {
        "reminders": {"used": 12, "limit": 20000, "counts": "reminders that are not deleted"},
        "stored_reminders": {
            "used": 15,
            "limit": 200000,
            "counts": "stored reminders, deleted ones included",
        },
        "word_bytes": {
            "used": 4210,
            "limit": 200000000,
            "counts": "bytes of titles, texts, tags, dates and their history",
        },
        "daily_messages": {
            "used": 20,
            "limit": 100000,
            "counts": "messages a day by the schedules of your reminders",
        },
        "channels": {"used": 3, "limit": 100, "counts": "channels"},
        "stored_channels": {
            "used": 3,
            "limit": 2000,
            "counts": "stored channels, deleted ones included",
        },
        "pauses": {"used": 0, "limit": 1000, "counts": "stored pauses, ended ones included"},
        "tokens": {"used": 2, "limit": 50, "counts": "valid tokens"},
        "stored_tokens": {
            "used": 4,
            "limit": 10000,
            "counts": "stored tokens, revoked ones included",
        },
        "feeds": {"used": 0, "limit": 20, "counts": "valid calendar feeds"},
    },
}
CHANNEL = {
    "id": 2,
    "kind": "webhook",
    "name": "Dashboard",
    "address": "https://example.com/hook",
    "secret": "whsec_…9f3a",
    "previous_secret_until": None,
    "at_most_once": False,
    "is_verified": True,
    "verified_at": "2026-11-20T08:12:40Z",
    "digest_at": None,
    "digest_every": None,
    "flood_limit": None,
    "is_enabled": True,
    "disabled_reason": "",
    "lost_at": None,
    "held_until": None,
    "held_reason": "",
    "paused_at": None,
    "paused_until": None,
    "not_set_up": "",
    "created_at": "2026-11-20T08:12:40Z",
    "updated_at": "2026-11-20T08:12:40Z",
}
PAUSED_CHANNEL = {
    **CHANNEL,
    "paused_at": "2026-11-23T17:12:31Z",
    "paused_until": "2026-12-07T08:00:00Z",
}
NEW_CHANNEL = {"kind": "webhook", "name": "Dashboard", "address": "https://example.com/hook"}
DELIVERY = {
    "id": 812,
    "message_id": "msg_0192f7c2",
    "reference": "occurrence:12",
    "channel": 2,
    "title": "Stand-up",
    "body": "",
    "due_at": "2026-11-23T17:00:00Z",
    "status": "sent",
    "reason": "",
    "attempt": 1,
    "next_attempt_at": None,
    "urgent": False,
    "held": None,
    "digest": None,
    "created_at": "2026-11-23T17:00:00.004Z",
    "finished_at": "2026-11-23T17:00:00.061Z",
}
ATTEMPT = {
    "number": 1,
    "outcome": "sent",
    "detail": "answered 200",
    "latency_ms": 41.7,
    "ended_at": "2026-11-23T17:00:00.061Z",
}
DELIVERED = {**DELIVERY, "attempts": [ATTEMPT]}
MESSAGE = {
    "id": 5,
    "title": "Stand-up",
    "body": "",
    "due_at": "2026-11-23T17:00:00Z",
    "received_at": "2026-11-23T17:00:00.012Z",
    "read_at": None,
    "actions": {"done": "https://foam.example.org/do/1a2b3c"},
}
REMINDER = {
    "id": 7,
    "title": "Stand-up",
    "body": "",
    "starts_at": "2026-11-23T18:00:00",
    "timezone": "Europe/Berlin",
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
    "exdates": [],
    "rdates": [],
    "gap": "after",
    "fold": "first",
    "leads": ["PT0S"],
    "misfire": "latest",
    "grace": "PT5M",
    "channels": [2],
    "unverified_channels": [],
    "is_deliverable": True,
    "last_loss": None,
    "nag_every": None,
    "nag_max": 3,
    "escalate_after": None,
    "escalate_channels": [],
    "urgent": False,
    "tags": ["team"],
    "external_id": "calendar-17",
    "status": "active",
    "paused_until": None,
    "paused_by": None,
    "next_due_at": "2026-11-23T17:00:00Z",
    "schedule_text": "every Monday at 18:00 (Europe/Berlin)",
    "error": "",
    "version": 1,
    "created_at": "2026-11-20T08:12:40Z",
    "updated_at": "2026-11-20T08:12:40Z",
}
# Without an end, as the tests send this example, and any fixed end would be in the past one day.
OPEN_END = {"until": None}
PAUSED = {
    **REMINDER,
    "status": "paused",
    "paused_until": "2026-12-07T08:00:00Z",
    "next_due_at": None,
    "version": 2,
}
PAUSE = {
    "id": 6,
    "scope": "tag",
    "tag": "team",
    "until": "2026-12-07T08:00:00Z",
    "reason": "Holidays",
    "created_at": "2026-11-23T17:12:31Z",
}
NEW_PAUSE = {"scope": "tag", "tag": "team", **OPEN_END, "reason": "Holidays"}
NEW_REMINDER = {
    "title": "Stand-up",
    "starts_at": "2090-11-20T18:00:00",
    "timezone": "Europe/Berlin",
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
    "channels": [2],
    "tags": ["team"],
}
AGENDA_ENTRY = {
    "due_at": "2026-11-23T17:00:00Z",
    "reminder": 7,
    "title": "Stand-up",
    "external_id": None,
    "tags": ["team"],
    "timezone": "Europe/Berlin",
    "urgent": False,
}
OCCURRENCE = {
    "id": 12,
    "reminder": 7,
    "title": "Stand-up",
    "external_id": None,
    "tags": ["team"],
    "timezone": "Europe/Berlin",
    "due_at": "2026-11-23T17:00:00Z",
    "lead": "PT0S",
    "status": "pending",
    "reason": "",
    "recorded_at": "2026-11-23T17:00:00.004Z",
    "reference": "occurrence:12",
    "follow_up_at": None,
    "nags": 0,
    "escalated_at": None,
}
RESPONSE = {
    "verb": "acknowledged",
    "at": "2026-11-23T17:12:31Z",
    "face": "api",
    "user": "ada",
    "channel": None,
    "detail": "",
}
RESPONDED = {**OCCURRENCE, "responses": []}
ACKNOWLEDGED = {**OCCURRENCE, "status": "acknowledged", "responses": [RESPONSE], "changed": True}
SNOOZED = {
    **OCCURRENCE,
    "status": "snoozed",
    "follow_up_at": "2026-11-23T17:22:31Z",
    "responses": [{**RESPONSE, "verb": "snoozed", "detail": "2026-11-23T17:22:31Z"}],
    "changed": True,
}
SCHEDULE = {
    "starts_at": "2026-11-23T18:00:00",
    "timezone": "Europe/Berlin",
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
    "title": "Stand-up {number}",
    "count": 1,
}
PREVIEW = {
    "text": "every Monday at 18:00 (Europe/Berlin)",
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
    "timezone": "Europe/Berlin",
    "occurrences": [
        {
            "due_at": "2026-11-30T17:00:00Z",
            "local": "2026-11-30T18:00:00",
            "offset": "+01:00",
            "clock_change": None,
        }
    ],
    "exhausted": False,
    "messages": [
        {"fire_at": "2026-11-30T17:00:00Z", "lead": "PT0S", "title": "Stand-up 1", "body": ""}
    ],
}
EXPLANATION = {
    "reminder": 7,
    "timezone": "Europe/Berlin",
    "begin": "2026-11-23T17:00:00Z",
    "end": "2026-11-23T17:01:00Z",
    "verdict": "paused",
    "conclusion": "Monday 23 November 2026 at 18:00 (Europe/Berlin): the reminder was paused.",
    "steps": [
        {
            "what": "reminder",
            "depth": 0,
            "at": "2026-11-20T08:12:40Z",
            "text": "reminder 7 “Stand-up” of ada, paused",
            "data": {"id": 7, "status": "paused", "error": ""},
        }
    ],
}
UPCOMING = {
    "schedule_text": "every Monday at 18:00 (Europe/Berlin)",
    "occurrences": ["2026-11-23T17:00:00Z", "2026-11-30T17:00:00Z"],
}
TESTED = {
    "delivery": 812,
    "url": "https://foam.example.org/api/v1/deliveries/812/",
    "status": "sent",
    "outcome": "sent",
    "detail": "answered 200",
    "latency_ms": 41.7,
}
BATCH = {
    "items": [
        {"op": "create", "fields": {"title": "Pay rent", "starts_at": "2090-01-01T09:00:00"}},
        {"op": "update", "id": 7, "fields": {"title": "Stand-up"}},
    ],
    "dry_run": True,
}
BATCH_RESULT = {
    "done": 2,
    "refused": 0,
    "dry_run": True,
    "results": [
        {
            "status": 201,
            "id": None,
            "version": 1,
            "external_id": None,
            "next_due_at": "2090-01-01T08:00:00Z",
            "errors": [],
        },
        {
            "status": 200,
            "id": 7,
            "version": 2,
            "external_id": "calendar-17",
            "next_due_at": "2026-11-23T17:00:00Z",
            "errors": [],
        },
    ],
}
SENTENCE = {"text": "Stand-up every Monday at 18:00 in Berlin"}
PARSED = {
    "reminder": {
        "title": "Stand-up",
        "starts_at": "2026-11-23T18:00:00",
        "timezone": "Europe/Berlin",
        "recurrence": "FREQ=WEEKLY;BYDAY=MO",
        "exdates": [],
        "rdates": [],
        "gap": "after",
        "fold": "first",
        "leads": ["PT0S"],
        "tags": [],
        "urgent": False,
    },
    "understood": [{"field": "title", "text": "Stand-up", "start": 0, "end": 8}],
    "assumed": [],
    "preview": PREVIEW,
}
CRONTAB = "0 9 * * 1 backup\n"
IMPORTED = {
    "dry_run": False,
    "counts": {"created": 1, "updated": 0, "unchanged": 0, "refused": 0},
    "reminders": [
        {"where": "line 1", "name": "backup", "result": "created", "id": 7, "errors": []}
    ],
    "channels": [],
    "losses": [{"where": "the file", "what": "FOAM reminds, and runs nothing."}],
}
FEED = {
    "token": 4,
    "name": "FOAM",
    "expires_at": None,
    "url": "https://foam.example.org/calendar/foam_Zk3x-EXAMPLE.ics",
    "webcal": "webcal://foam.example.org/calendar/foam_Zk3x-EXAMPLE.ics",
}
SENT_CODE = {"is_verified": False, "detail": "A code was sent to this address.", "delivery": 813}
VERIFIED = {"is_verified": True, "detail": "This channel is verified.", "delivery": None}
