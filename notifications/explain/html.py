"""A chain of causes as pages show it: each step with its clocks, and a link to what it tells of."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.timezones import format_both_clocks
from notifications.explain.delivery import Step

# What has a page in the admin, by the word for the step; other apps add theirs.
PAGES = {"delivery": "admin:notifications_delivery_change"}


class Line(NamedTuple):
    text: str
    depth: int
    clocks: str
    url: str


def lines_of(
    steps: Iterable[Step], timezone: str, pages: Mapping[str, str] = PAGES, here: str = ""
) -> list[Line]:
    """Return the lines of a chain, their times by the clock of `timezone` and in UTC.

    Nothing leads to the page `here`, which shows them.
    """
    lines = []
    for step in steps:
        url = step.url or _page(step, pages)
        told = format_both_clocks(step.at, timezone) if step.at else ""
        lines.append(Line(step.text, step.depth, told, "" if url == here else url))
    return lines


def _page(step: Step, pages: Mapping[str, str]) -> str:
    name, pk = pages.get(step.what), step.data.get("id")
    return reverse(name, args=[pk]) if name and pk is not None else ""


def chain(lines: Iterable[Line]) -> SafeString:
    return render_to_string("notifications/chain.html", {"lines": lines})
