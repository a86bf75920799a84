"""Searches of staff among the reminders of all owners, by the same keys as the owners' lists."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from reminders.lists.conditions import quoted_key
from reminders.lists.page import PROBING

OF_TAG = "SELECT id FROM reminders_reminder WHERE keys @@ %(tag)s::tsquery LIMIT %(limit)s"
# The words of a text, each as the beginning of a word of one of these owners.
OF_WORDS = """
SELECT id FROM reminders_reminder WHERE keys @@ (
    SELECT string_agg('(' || own.keys || ')', ' | ')::tsquery FROM (
        SELECT string_agg(reminders_word_key(owner, word), ' & ') AS keys
        FROM unnest(%(owners)s::bigint[]) AS owner,
            unnest(tsvector_to_array(to_tsvector('simple', %(text)s))) AS word
        GROUP BY owner
    ) AS own
) LIMIT %(limit)s
"""


def ids_with_tag(tag: str, limit: int) -> list[int]:
    """Return ids of reminders with a tag, of any owner, in no order: at most `limit`."""
    return _ids(OF_TAG, tag=quoted_key(f"#{tag[:100]}"), limit=limit)


def ids_with_words(owners: Sequence[int], text: str, limit: int) -> list[int]:
    """Return ids of the reminders of owners that have each word of a text: at most `limit`.

    A word matches the words that begin with it, of the title, the body or the tags.
    """
    return _ids(OF_WORDS, owners=list(owners), text=text, limit=limit)


def _ids(sql: str, **values: Any) -> list[int]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PROBING)
        cursor.execute(sql, values)
        return [pk for (pk,) in cursor.fetchall()]
