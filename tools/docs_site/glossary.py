"""The page of nouns: each model and its states, in the words of the code."""

import inspect
import re

from django.apps import apps
from django.db import models

APPS = ("reminders", "notifications", "accounts")
HEAD = """# Nouns and states

Made from the models. What the words mean together stands in
[how FOAM works](../how-it-works.md#words); how each state comes about, in
[operations](../operations.md#why-did-it-not-fire)."""


def page() -> str:
    """Return the Markdown of all nouns that are stored, by app."""
    parts = [HEAD]
    for app in APPS:
        config = apps.get_app_config(app)
        parts += ["", f"## {app}"]
        parts += [noun(model) for model in sorted(config.get_models(), key=lambda m: m.__name__)]
    return "\n".join(parts) + "\n"


def noun(model: type[models.Model]) -> str:
    docstring = inspect.cleandoc(model.__doc__ or "")
    # Django generates a docstring with the columns for a model without one.
    if docstring.startswith(f"{model.__name__}("):
        docstring = ""
    lists = "\n".join(
        choices(value)
        for value in vars(model).values()
        if isinstance(value, type) and issubclass(value, models.TextChoices)
    )
    return f"\n### {model.__name__}\n\nTable `{model._meta.db_table}`. {docstring}\n{lists}"


def choices(kind: type[models.TextChoices]) -> str:
    """Return a table of values with their comments in the code, or else their labels."""
    beside = dict(
        re.findall(r'^\s+(\w+) = "[^"]*".*?#\s*(.+)$', inspect.getsource(kind), re.MULTILINE)
    )
    rows = "\n".join(
        f"| `{member.value}` | {beside.get(member.name) or member.label} |" for member in kind
    )
    return f"\n| {kind.__name__.lower()} | |\n|---|---|\n{rows}\n"
