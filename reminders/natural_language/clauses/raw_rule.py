"""A rule or a cron expression that stands in a sentence as programs write it."""

from reminders.natural_language.cursor import Cursor, Found


def schedule(c: Cursor) -> Found:
    begin = c.at
    found = c.value("rule") or c.value("cron")
    if found is None:
        return None
    return {"pasted": found, "pasted_kind": c.tokens[begin].kind}
