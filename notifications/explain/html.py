"""A chain of causes as HTML: each step with its times, and a link to the page of its subject."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.timezones import format_both_clocks
from notifications.explain.delivery import Step

# The admin pages of steps' subjects, by `Step.what`; other apps add theirs.
PAGES = {"delivery": "admin:notifications_delivery_change"}


class StepLine(NamedTuple):
    text: str
    depth: int
    clocks: str
    url: str


def lines_of(
    steps: Iterable[Step], timezone: str, pages: Mapping[str, str] = PAGES, here: str = ""
) -> list[StepLine]:
    """Return the lines of a chain, with their times in `timezone` and in UTC.

    `here` is the URL of the page that shows them: a line does not link to it.
    """
    lines = []
    for step in steps:
        url = step.url or _page(step, pages)
        times = format_both_clocks(step.at, timezone) if step.at else ""
        lines.append(StepLine(step.text, step.depth, times, "" if url == here else url))
    return lines


def _page(step: Step, pages: Mapping[str, str]) -> str:
    name, pk = pages.get(step.what), step.data.get("id")
    return reverse(name, args=[pk]) if name and pk is not None else ""


def render_chain(lines: Iterable[StepLine]) -> SafeString:
    return render_to_string("notifications/chain.html", {"lines": lines})
