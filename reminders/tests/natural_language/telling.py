"""A reading on one line, as the tables of phrases have it."""

from datetime import UTC, datetime, timedelta

from reminders.natural_language import SentenceMeaning, read

# A Monday, 18:00 in Berlin.
NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
ZONE = "Europe/Berlin"
MINUTE = timedelta(minutes=1)


def told(phrase: str, timezone: str = ZONE, now: datetime = NOW) -> str:
    return line(read(phrase, timezone, now))


def line(reading: SentenceMeaning) -> str:
    """Title, first time and recurrence; what is not as usual follows."""
    fields = reading.fields
    parts = [f"{fields['starts_at']:%a %Y-%m-%d %H:%M}"]
    parts += filter(None, [fields["recurrence"]])
    if fields["timezone"] != ZONE:
        parts.append(fields["timezone"])
    if any(fields["leads"]):
        parts.append("leads " + " ".join(f"{lead // MINUTE}m" for lead in fields["leads"]))
    for name in ("exdates", "rdates"):
        if fields[name]:
            parts.append(f"{name} " + " ".join(f"{at:%Y-%m-%dT%H:%M}" for at in fields[name]))
    parts += [f"#{tag}" for tag in fields["tags"]]
    parts += ["urgent"] * fields["urgent"]
    parts += ["fold second"] * (fields["fold"] == "second")
    return " | ".join([fields["title"], *parts])
