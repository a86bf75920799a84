"""The page of commands: manage.py and make, in the words of their own help."""

import argparse
import re
from collections.abc import Iterator

from django.core.management import get_commands, load_command_class

from tools.local_stack.data_dir import PROJECT

APPS = ("foam", "reminders", "notifications", "accounts")
# The options that Django gives to every command.
COMMON = {
    *("help", "version", "verbosity", "settings", "pythonpath", "traceback"),
    *("no_color", "force_color", "skip_checks"),
}


def page() -> str:
    """Return the Markdown of all targets of the Makefile and all commands of FOAM's own."""
    targets = "\n".join(f"| `make {name}` | {text} |" for name, text in make_targets())
    ours = "\n".join(
        section(name, parser(app, name), app)
        for name, app in sorted(get_commands().items())
        if app in APPS
    )
    return f"""# Commands

Made from the commands' own help.

## make

| | |
|---|---|
{targets}

## manage.py

On a developer's machine `make manage ARGS="…"`, in production `python manage.py …`, with Docker
`docker compose exec foam_web python manage.py …`. Beside these there are
[Django's own](https://docs.djangoproject.com/en/stable/ref/django-admin/), such as
`createsuperuser` and `shell`.

{ours}"""


def make_targets() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each target that `make help` lists."""
    yield from re.findall(
        r"^([a-z-]+):[^#\n]*## (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE
    )


def parser(app: str, name: str) -> argparse.ArgumentParser:
    """Return the parser of a command of ours or of Django's."""
    return load_command_class(app, name).create_parser("manage.py", name)


def section(name: str, parser: argparse.ArgumentParser, app: str) -> str:
    rows = "\n".join(row(action) for action in parser._actions if action.dest not in COMMON)
    table = f"\n| | |\n|---|---|\n{rows}\n" if rows else ""
    return f"### {name}\n\n{plain(parser.description)}\n{table}"


def row(action: argparse.Action) -> str:
    text = plain(action.help)
    if action.choices is not None:
        text = f"{text} One of {', '.join(f'`{choice}`' for choice in action.choices)}.".strip()
    return f"| `{usage(action)}` | {text} |"


def usage(action: argparse.Action) -> str:
    """Return the syntax of an argument: `--days DAYS`, `[NAME ...]`."""
    word = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return f"[{word}]" if action.nargs in ("?", "*") else word
    return action.option_strings[-1] + ("" if action.nargs == 0 else f" {word}")


def plain(text: str | None) -> str:
    """Return help as one line of a table."""
    return " ".join((text or "").replace("%%", "%").replace("|", "\\|").split())
