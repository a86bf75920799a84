"""What the API has at its first level."""

from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver, reverse


def nouns() -> dict[str, str]:
    """Return the path of each noun by its name, in the order of the URLs."""
    names = dict.fromkeys(_names(get_resolver().url_patterns))
    return {name.removesuffix("-list"): reverse(name) for name in names}


def _names(patterns: Any) -> Iterator[str]:
    for each in patterns:
        if hasattr(each, "url_patterns"):
            # Those of the admin have a namespace, and are none of ours.
            yield from _names(each.url_patterns if not each.namespace else ())
        elif each.name and (each.name.endswith("-list") or each.name == "me"):
            yield each.name
