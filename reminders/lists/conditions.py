"""The filters of a list of reminders, as SQL: what each asks for, and the index that answers it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

# Up to this many reminders of an owner a search reads all of their texts, for any part of a word.
MAX_READ_WHOLE = 10_000


class Condition(NamedTuple):
    """A condition on `r`, a reminder, and `p`, its plan.

    `probe` selects the ids that meet it along an index; None if no index serves it.
    """

    sql: str
    probe: str | None = None
    is_range_of_due: bool = False


@dataclass(frozen=True, slots=True)
class ReminderFilters:
    """The filters of a list of one owner's reminders; `due_until` is exclusive."""

    owner_id: int
    statuses: Sequence[str] = ()
    tags: Sequence[str] = ()
    channel_id: int | None = None
    external_id: str | None = None
    due_from: datetime | None = None
    due_until: datetime | None = None
    # Paused ones whose pause ends before this.
    resumed_until: datetime | None = None
    text: str = ""

    @property
    def values(self) -> Mapping[str, Any]:
        """The parameters of the conditions."""
        return {
            "owner": self.owner_id,
            "statuses": list(self.statuses),
            "tags": list(self.tags),
            "tag_keys": " & ".join(quoted_key(f"{self.owner_id}#{tag[:100]}") for tag in self.tags),
            "channel": self.channel_id,
            "external_id": self.external_id,
            "due_from": self.due_from,
            "due_until": self.due_until,
            "resumed_until": self.resumed_until,
            "text": self.text,
            "parts": [f"%{_escaped(word)}%" for word in self.text.split()],
        }

    def conditions(self) -> Iterator[Condition]:
        """Yield the condition of each filter, that of the fewest rows first."""
        if self.external_id is not None:
            yield EXTERNAL_ID
        if self.text and _has_few(self.owner_id):
            yield PARTS
        elif self.text:
            yield WORDS
        if self.tags:
            yield TAGS
        if self.channel_id is not None:
            yield CHANNEL
        if self.due_from is not None or self.due_until is not None:
            bounds = [
                f"p.next_due_at {sign} %({name})s"
                for sign, name in ((">=", "due_from"), ("<", "due_until"))
                if getattr(self, name) is not None
            ]
            sql = " AND ".join(bounds)
            yield Condition(sql, f"{OWN_PLAN} AND {sql}", is_range_of_due=True)
        if self.resumed_until is not None:
            yield RESUMED
        if self.statuses:
            probes = [ACTIVE_PROBE] if "active" in self.statuses else []
            probes += [IDLE_PROBE] if set(self.statuses) - {"active"} else []
            yield Condition(STATUS, " UNION ALL ".join(probes))


EXTERNAL_ID = Condition(
    "r.external_id = %(external_id)s",
    "SELECT r.id FROM reminders_reminder r WHERE r.owner_id = %(owner)s AND r.deleted_at IS NULL"
    " AND r.external_id = %(external_id)s",
)
# By the keys of reminders_keys, which begin with the owner: see migrations/sql/lists.sql.
TAGS = Condition(
    "r.tags @> %(tags)s::varchar[]",
    "SELECT r.id FROM reminders_reminder r WHERE r.keys @@ %(tag_keys)s::tsquery",
)
WORD_KEYS = """(
    SELECT string_agg(reminders_word_key(%(owner)s, word), ' & ')::tsquery
    FROM unnest(tsvector_to_array(to_tsvector('simple', %(text)s))) AS word
)"""
OF_WORDS = f"r.keys @@ {WORD_KEYS}"
WORDS_PROBE = f"SELECT r.id FROM reminders_reminder r WHERE {OF_WORDS}"  # noqa: S608  ours
WORDS = Condition(OF_WORDS, WORDS_PROBE)
PARTS = Condition(
    "concat_ws(E'\\n', r.title, r.body, array_to_string(r.tags, E'\\n'))"
    " ILIKE ALL (%(parts)s::text[])"
)
CHANNEL = Condition(
    "EXISTS (SELECT FROM reminders_reminder_channels c"
    " WHERE c.reminder_id = r.id AND c.channel_id = %(channel)s)",
    "SELECT c.reminder_id FROM reminders_reminder_channels c WHERE c.channel_id = %(channel)s",
)
OWN_PLAN = "SELECT p.reminder_id FROM reminders_plan p WHERE p.owner_id = %(owner)s"
STATUS = "p.status = ANY (%(statuses)s)"
# Active plans are those with a next due time.
ACTIVE_PROBE = f"{OWN_PLAN} AND p.next_due_at IS NOT NULL"
RESUMES = "p.status = 'paused' AND p.paused_until < %(resumed_until)s"
RESUMED = Condition(RESUMES, f"{OWN_PLAN} AND p.status <> 'active' AND {RESUMES}")
IDLE_PROBE = f"{OWN_PLAN} AND p.status <> 'active' AND {STATUS}"

FEW = """
SELECT count(*) FROM (
    SELECT FROM reminders_reminder WHERE owner_id = %(owner)s AND deleted_at IS NULL LIMIT %(most)s
) AS own
"""


def _has_few(owner_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(FEW, {"owner": owner_id, "most": MAX_READ_WHOLE + 1})
        (count,) = cursor.fetchone()
    return bool(count <= MAX_READ_WHOLE)


def quoted_key(key: str) -> str:
    """Return a key as a lexeme of a tsquery."""
    return "'" + key.replace("\\", "\\\\").replace("'", "''") + "'"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
