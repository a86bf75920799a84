"""The first level of the API."""

from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver, reverse


def nouns() -> dict[str, str]:
    """Return {noun: path} of the lists of the API, in the order of the URLs."""
    names = dict.fromkeys(_names(get_resolver().url_patterns))
    paths = map(reverse, names)
    return {path.rstrip("/").rsplit("/", 1)[-1]: path for path in paths}


def _names(patterns: Any) -> Iterator[str]:
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            # Patterns with a namespace, such as the admin's, are not part of the API.
            yield from _names(pattern.url_patterns if not pattern.namespace else ())
        elif pattern.name and (pattern.name.endswith("-list") or pattern.name == "me"):
            yield pattern.name
