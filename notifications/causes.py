"""Causes and what followed from them: `occurrence:12` and, much later, `occurrence:12:nag:1`.

A reference that goes on after a colon is of the same cause. References are compared byte by byte,
so they are a range of the index on (reference, channel): from the colon up to the next byte.
"""

from collections.abc import Iterable

from notifications.bulk import bulk_cursor

# DISTINCT: one reference has a delivery to each of several channels.
FOLLOWING = """
SELECT d.reference, c.cause FROM unnest(%(causes)b::text[]) AS c(cause)
CROSS JOIN LATERAL (
    SELECT DISTINCT reference FROM notifications_delivery
    WHERE reference > c.cause || ':' AND reference < c.cause || ';'
) d
"""


def following(causes: Iterable[str]) -> dict[str, str]:
    """Return the references that go on from some causes, each with its cause."""
    asked = list(causes)
    if not asked:
        return {}
    with bulk_cursor() as cursor:
        cursor.execute(FOLLOWING, {"causes": asked})
        return dict(cursor.fetchall())
