"""docker-compose.yml, read as Compose reads it: variables put in, health checks as they are run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

# As the Compose specification has it: $$, $NAME, ${NAME} and ${NAME:-default} with its kin.
VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<plain>\w+)|\{(?P<name>\w+)(?:(?P<how>:?[-?+])(?P<word>[^${}]*))?\}"
    r"|(?P<invalid>))"
)
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


class ComposeError(Exception):
    """The file says something that Compose, or this reader, does not know."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        name = match["plain"] or match["name"]
        if not name:
            raise ComposeError(f"A $ that begins no variable: {text[match.start() :][:40]!r}")
        how, word = match["how"] or "", match["word"] or ""
        is_there = bool(variables.get(name)) if how.startswith(":") else name in variables
        if how.endswith("+"):
            return word if is_there else ""
        if is_there:
            return variables[name]
        if how.endswith("?"):
            raise ComposeError(word or f"{name} is not set")
        return word if how.endswith("-") else variables.get(name, "")

    return VARIABLE.sub(value, text)


def seconds(duration: str) -> float:
    """Return a duration such as 1m30s in seconds."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", duration)
    if "".join(number + unit for number, unit in parts) != duration:
        raise ComposeError(f"{duration!r} is no duration")
    return sum(float(number) * SECONDS[unit] for number, unit in parts)


@dataclass(frozen=True)
class Service:
    name: str
    settings: dict[str, Any]
    variables: Mapping[str, str]

    @property
    def command(self) -> list[str] | None:
        """Return its words; nothing where the image's own command is used."""
        command = self.settings.get("command")
        if isinstance(command, str):
            raise ComposeError("A command in one string is not read here.")
        return command

    @property
    def environment(self) -> dict[str, str]:
        """Return what is set; a name without a value is passed on where it is set outside."""
        given = self.settings.get("environment", {})
        if not isinstance(given, dict):
            raise ComposeError("An environment in a list is not read here.")
        passed_on = {name: self.variables.get(name) for name, text in given.items() if text is None}
        own = {name: str(text) for name, text in given.items() if text is not None}
        return own | {name: text for name, text in passed_on.items() if text is not None}

    @property
    def health_check(self) -> list[str]:
        kind, *words = self.settings["healthcheck"]["test"]
        if kind == "CMD":
            return words
        if kind == "CMD-SHELL" and len(words) == 1:
            return ["/bin/sh", "-c", *words]
        raise ComposeError(f"A health check that begins with {kind!r} is not read here.")

    def patience(self, name: str) -> float:
        """Return a time of the health check, or `stop_grace_period`, in seconds."""
        check = self.settings["healthcheck"]
        return seconds(check[name] if name in check else self.settings[name])


def services(text: str, variables: Mapping[str, str]) -> dict[str, Service]:
    """Return the services of a compose file with these variables, as from an .env file."""
    filled = _filled(yaml.safe_load(text), variables)
    return {
        name: Service(name, settings, variables) for name, settings in filled["services"].items()
    }


def _filled(part: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(part, str):
        return interpolate(part, variables)
    if isinstance(part, list):
        return [_filled(item, variables) for item in part]
    if isinstance(part, dict):
        return {key: _filled(value, variables) for key, value in part.items()}
    return part
