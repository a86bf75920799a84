"""Descriptions of schemas, fields and parameters that have none where they are declared."""

# By `Schema.field`, or by the field alone for all schemas that have it. `Request` at the end of a
# schema's name and `Patched` at its begin are left out.
FIELDS = {
    "id": "Its id.",
    "created_at": "When it was created.",
    "updated_at": "When it was changed last.",
    "results": "The rows of this page.",
    "code": "The kind of the error, for programs.",
    "detail": "What happened, as a sentence.",
    "channel": "The id of the channel.",
    "reminder": "The id of the reminder.",
    "timezone": "An IANA name, such as Europe/Berlin.",
    "title": "The title of the message.",
    "body": "The text of the message.",
    "due_at": "When it is due.",
    "reason": "Why it is in this status; empty if that needs no reason.",
    "errors": "The errors by field; empty if there is none.",
    "latency_ms": "The time until the answer, in milliseconds. Null without an answer.",
    # Reminders
    "Reminder.body": "The text of its messages. It may have placeholders.",
    "Reminder.exdates": "Wall-clock times of the rule that are left out.",
    "Reminder.rdates": "Wall-clock times beside the rule.",
    "Reminder.leads": "How long before each due time it fires as well; `PT0S` is the due time.",
    "Reminder.grace": "How late it still counts as punctual, at most 366 days.",
    "Reminder.tags": "Words of your own, to find reminders by and to pause them.",
    "Reminder.external_id": "Your own id of it, unique among your reminders.",
    "Reminder.status": "Active; paused by itself; or finished, as nothing is left to fire.",
    "Reminder.paused_until": "When its own pause ends. Null without a pause or an end.",
    "Reminder.next_due_at": "The next due instant. Null if there is none.",
    "Reminder.error": "Why it was set aside; empty if it was not.",
    "Reminder.version": "Raised by each edit; the edition in its `ETag`.",
    "Schedule.exdates": "Wall-clock times of the rule that are left out.",
    "Schedule.rdates": "Wall-clock times beside the rule.",
    "Schedule.leads": "How long before each due time it fires as well; `PT0S` is the due time.",
    "Schedule.body": "The text of the messages to preview.",
    "PausedBy.tag": "The tag that is paused; empty for all reminders.",
    "PausedBy.reason": "Its reason, as given.",
    "Upcoming.schedule_text": "The schedule in words.",
    "Upcoming.occurrences": "The next due instants.",
    "Preview.occurrences": "The next occurrences.",
    "Shown.clock_change": "The clock change that moves it. Null without one.",
    "Said.title": "The title, with its placeholders filled in.",
    "Said.body": "The text, with its placeholders filled in.",
    "Draft.starts_at": "The first due time, as wall-clock time in `timezone`.",
    "Draft.recurrence": "The rule (RFC 5545) or cron expression; empty for a single time.",
    "Draft.exdates": "Wall-clock times of the rule that are left out.",
    "Draft.rdates": "Wall-clock times beside the rule.",
    "Draft.gap": "What becomes of a time that a clock change skips.",
    "Draft.fold": "What becomes of a time that a clock change repeats.",
    "Draft.leads": "How long before each due time it fires.",
    "Draft.tags": "The tags, without #.",
    "Draft.urgent": "Whether quiet hours, digests and limits do not hold it.",
    "Piece.field": "The field that was read from it.",
    "Piece.text": "The part of the sentence.",
    "Explanation.end": "The end of the time asked about. Null without `at`.",
    "Explanation.steps": "The chain from the rule to each attempt.",
    "Step.at": "When it happened. Null if it has no time.",
    "Step.text": "The step as a sentence.",
    # Batches and files
    "Batch.items": "The operations, done in their order.",
    "BatchUpdate.fields": "The fields to change.",
    "BatchCreate.fields": "The new reminder.",
    "BatchUpsert.fields": "The reminder, with its `external_id`.",
    "BatchResult.done": "The number of items that were done.",
    "BatchResult.refused": "The number of items that were refused.",
    "ItemResult.id": "The id of the reminder. Null if it was refused or is not kept.",
    "ItemResult.version": "Its version afterwards. Null if the item was refused.",
    "ItemResult.external_id": "Your own id of it, if it has one.",
    "ItemResult.next_due_at": "Its next due instant, if there is one.",
    "ItemError.field": "The field at fault; empty if there is none.",
    "Reason.field": "The field at fault; empty if there is none.",
    "ItemError.detail": "What is wrong and what is allowed.",
    "Reason.detail": "What is wrong and what is allowed.",
    "File.file": "The file: JSON Lines, a calendar or a crontab.",
    "Report.dry_run": "True if nothing was saved.",
    "Report.channels": "What came of each channel.",
    "Taken.result": "What came of it.",
    "Taken.id": "The id of what was stored. Null if nothing was.",
    "Loss.where": "The place in the file.",
    "Loss.what": "What could not be carried over.",
    "Counts.created": "The number of those created.",
    "Counts.updated": "The number of those changed.",
    "Counts.unchanged": "The number of those that were there already.",
    "Counts.refused": "The number of those refused.",
    "FeedAddress.name": "The name of the calendar.",
    "FeedAddress.expires_at": "When it stops working. Null for never.",
    # Occurrences
    "Occurrence.lead": "How long before `due_at` it fired.",
    "Occurrence.recorded_at": "When it fired, was skipped or was missed.",
    "Occurrence.follow_up_at": "When its message is sent again without an answer. Null for never.",
    "Occurrence.nags": "The number of nags that were sent.",
    "Occurrence.escalated_at": "When others were told. Null if they were not.",
    "responses": "The answers to it, oldest first.",
    "Response.at": "When the answer came.",
    "Response.channel": "The id of the channel whose link was used. Null without one.",
    "Response.detail": "Until when it was snoozed; else empty.",
    # Channels and deliveries
    "Channel.name": "Your name for it, one line.",
    "Channel.verified_at": "When it was verified. Null if it is not.",
    "Channel.is_enabled": "False if it was disabled: see `disabled_reason`.",
    "Channel.disabled_reason": "Why nothing is sent there until you enable it; else empty.",
    "Verification.is_verified": "Whether the channel is verified now.",
    "Test.delivery": "The id of the delivery.",
    "Test.status": "The status of the delivery.",
    "Test.outcome": "The outcome of the attempt. Null while it is on its way.",
    "Delivery.reference": "What it is about, such as `occurrence:12`.",
    "Delivery.attempt": "The number of attempts begun.",
    "Delivery.urgent": "Whether quiet hours, digests and limits do not hold it.",
    "Delivery.held": "What holds it back. Null if nothing does.",
    "Delivery.digest": "The id of the delivery with the digest that has it. Null without one.",
    "Delivery.finished_at": "When it ended. Null while it has not.",
    "attempts": "The attempts, oldest first.",
    "Attempt.number": "1 for the first.",
    "Attempt.detail": "What the receiver answered, or the error.",
    "Attempt.ended_at": "When it ended.",
    "InboxMessage.received_at": "When it arrived.",
    "InboxMessage.read_at": "When it was marked as read. Null if it was not.",
    # Accounts
    "ApiToken.name": "Your name for it.",
    "ApiToken.scopes": "What it may do.",
    "ApiToken.status": "Whether it can be used.",
    "ApiToken.revoked_at": "When it was revoked. Null if it was not.",
    "Me.username": "Your user name.",
    "Me.email": "Your e-mail address.",
    "Me.first_name": "Your first name.",
    "Me.last_name": "Your last name.",
    "Me.limits": "Your quotas, and how much of them is used.",
    "Limit.used": "How much is used.",
    "Limit.limit": "How much is allowed.",
}
# Schemas that have the fields of another one.
SAME_FIELDS = {
    "Answered": "Occurrence",
    "OccurrenceDetail": "Occurrence",
    "DeliveryDetail": "Delivery",
    "MadeToken": "ApiToken",
}


SCHEMAS = {
    "Attempt": "An attempt to send a delivery.",
    "BatchItemRequest": "One operation of a batch.",
    "BatchResult": "What came of a batch.",
    "ClockChange": "A clock change that moves an occurrence.",
    "Counts": "How many parts of a file had each result.",
    "Delivery": "A message on its way to a channel.",
    "DeliveryDetail": "A message on its way to a channel, with its attempts.",
    "Dependents": "The reminders that lead to a channel.",
    "Explanation": "Why a reminder did or did not fire.",
    "FeedAddress": "The secret address of a calendar feed.",
    "InboxMessage": "A message in your inbox.",
    "ItemError": "An error of one item of a batch.",
    "Loss": "Something that an import could not carry over.",
    "Occurrence": "A due instant that fired, was skipped or was missed.",
    "OccurrenceDetail": "An occurrence, with the answers to it.",
    "Preview": "A schedule in words, and its next occurrences.",
    "Reason": "Why a part of a file was refused.",
    "Report": "What came of an import.",
    "Response": "An answer to an occurrence.",
    "Said": "A message of a previewed reminder.",
    "Shown": "An occurrence of a previewed schedule.",
    "Step": "A step of an explanation.",
    "Taken": "What came of one part of a file.",
    "Undelivered": "A message that did not arrive.",
    "Upcoming": "The next due instants of a reminder.",
}
# By `operation.parameter`, or by the parameter alone.
PARAMETERS = {
    "id": "Its id.",
    "channel": "Those of the channel with this id.",
    "reminder": "Those of the reminder with this id.",
    "external_id": "Your own id of the reminder.",
    "kind": "Those of this kind.",
    "digest": "Those collected by the digest with this id.",
    "held": "Those that this holds back.",
    "reference": "Those about this, such as `occurrence:12`.",
    "status": "Those with this status.",
    "reminders_list.status": "Those with this status. Given several times: with any of them.",
    "reminders_export.status": "Those with this status. Given several times: with any of them.",
    "urgent": "Those that are urgent, or not.",
    "is_read": "Those that are read, or not.",
    "format": "The format of the file.",
}


def describe_field(schema: str, field: str) -> str:
    """Return the description of a field without help text; empty if there is none."""
    noun = schema.removeprefix("Patched").removesuffix("Request")
    noun = SAME_FIELDS.get(noun, noun)
    return FIELDS.get(f"{noun}.{field}") or FIELDS.get(field, "")


def describe_schema(schema: str) -> str:
    """Return the description of a schema without docstring; empty if there is none."""
    if schema.startswith("Paginated"):
        return "A page of a list."
    return SCHEMAS.get(schema, "")


def describe_parameter(operation: str, parameter: str) -> str:
    """Return the description of a parameter without one; empty if there is none."""
    return PARAMETERS.get(f"{operation}.{parameter}") or PARAMETERS.get(parameter, "")
