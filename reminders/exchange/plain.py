"""Words from elsewhere as words of a reminder, where braces mean placeholders. Pure."""

from reminders.schedule.message import TITLE_LENGTH


def escaped(text: str) -> str:
    """Return a text that reminders.template renders as `text`."""
    return text.replace("{", "{{").replace("}", "}}") if "{" in text else text


def title(text: str) -> str:
    """Return the first line of a text as a title, cut to what fits."""
    line = " ".join(text.strip().partition("\n")[0].split())
    cut = len(line)
    while len(shown := escaped(line[:cut]) + ("…" if cut < len(line) else "")) > TITLE_LENGTH:
        cut -= 1
    return shown
