"""Reads environment variables as settings, or raises ImproperlyConfigured with one sentence.

The sentence names the variable, what it must be with an example, and its value unless that may be
a secret.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured

from accounts.private_networks import EXAMPLE, PrivateNetwork
from foam.addresses import (
    LAST_PORT,
    InvalidSetting,
    Proxy,
    address_of,
    database_of,
    mail_of,
    proxy_of,
    redis_of,
)
from foam.secret_text import SecretText

BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
BROKERS = ("redis", "rediss", "sentinel", "amqp", "amqps")
POSTGRES_EXAMPLE = "postgres://user:password@host:5432/name"
WINDOWS = {"s": 1, "min": 60, "h": 3600}
NEAR = ("127.0.0.1", "localhost", "::1")
NAME_OF_HOST = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")


class Variables:
    """The environment; a method for each kind of value, most with a default for unset variables."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    def text(self, name: str, default: str = "") -> str:
        """Return a text without the spaces around it."""
        return self.environment.get(name, default).strip()

    def required(self, name: str, example: str) -> str:
        """Return the variable `name`, or refuse to start and say which one is missing."""
        value = self.environment.get(name, "")
        if value.strip():
            # Not stripped: a secret may begin or end with a space.
            return value
        raise ImproperlyConfigured(
            f"Set the environment variable {name}, such as {example} (see docs/settings.md; "
            "in a checkout, `make manage` sets it)."
        )

    def secret(self, name: str, example: str) -> SecretText:
        """Return the required variable `name` as a text that no dump shows."""
        return SecretText(self.required(name, example))

    def one_of(self, name: str, default: str, *allowed: str) -> str:
        value = self.text(name, default)
        if value not in allowed:
            refuse(name, " or ".join(map(repr, allowed)), value)
        return value

    def boolean(self, name: str, default: bool) -> bool:
        value = self.text(name, str(default))
        if value.lower() not in BOOLEANS:
            refuse(name, "true or false", value)
        return BOOLEANS[value.lower()]

    def log_level(self, name: str) -> str:
        value = self.text(name, "INFO").upper()
        if value not in LOG_LEVELS:
            refuse(name, " or ".join(LOG_LEVELS), value)
        return value

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        """Return a whole number from `lowest` to `highest`."""
        value = self.text(name, str(default))
        if not re.fullmatch(r"[0-9]{1,12}", value) or not lowest <= int(value) <= highest:
            refuse(name, f"a number from {lowest} to {highest}, such as {default}", value)
        return int(value)

    def rate(self, name: str, default: str) -> tuple[int, int] | None:
        """Return a limit such as 600/min as requests and seconds; None for `off`."""
        value = self.text(name, default)
        if value == "off":
            return None
        match = re.fullmatch(r"([1-9][0-9]{0,5})/(s|min|h)", value)
        if match is None:
            refuse(name, "a rate such as 10/s, 600/min, 5000/h, or off", value)
        return int(match[1]), WINDOWS[match[2]]

    def matching(self, name: str, pattern: str, allowed: str, *, secret: bool = False) -> str:
        """Return a text that matches `pattern` as a whole, or "" if the variable is not set."""
        value = self.text(name)
        if value and not re.fullmatch(pattern, value):
            refuse(name, allowed, None if secret else value)
        return SecretText(value) if secret else value

    def items(self, name: str, default: Sequence[str] = ()) -> list[str]:
        """Return the items of a list with commas."""
        return [
            part.strip() for part in self.text(name, ",".join(default)).split(",") if part.strip()
        ]

    def parsed_items(
        self, name: str, parts: Sequence[str], read: Callable[[str], Any], allowed: str
    ) -> list[Any]:
        """Return `read(part)` of all parts; refuse the list at the first ValueError."""
        values = []
        for part in parts:
            try:
                values.append(read(part))
            except ValueError:
                refuse(name, allowed, part)
        return values

    def domains(self, name: str) -> list[str]:
        """Return the domains of a list with commas, in lower case."""
        allowed = "domains with commas between, such as example.org"
        return [
            part.lower() for part in self.parsed_items(name, self.items(name), host_of, allowed)
        ]

    def origins(self, name: str) -> list[str]:
        """Return the origins (RFC 6454) of a list with commas."""
        allowed = "origins with commas between, such as https://app.example.org"
        return self.parsed_items(name, self.items(name), origin_of, allowed)

    def networks(self, name: str) -> list[str]:
        """Return private networks, each with its ports, as the grammar has them."""
        self.parsed_items(name, parts := self.items(name), PrivateNetwork.parse, EXAMPLE)
        return parts

    def ports(self, name: str, default: str) -> list[int | tuple[int, int]]:
        """Return ports as numbers, and ranges as (first, last)."""
        allowed = "ports and ranges of them with commas between, such as 80,443,8000-8999"
        parts = self.items(name, [default] if name not in self.environment else ())
        if not parts:
            refuse(name, allowed, self.text(name))
        return self.parsed_items(name, parts, ports_of, allowed)

    def hosts(self, name: str) -> list[str]:
        allowed = "host names with commas between, without scheme and port: foam.example.org,[::1]"
        self.required(name, "foam.example.org,localhost")
        return self.parsed_items(name, self.items(name), host_of, allowed)

    def keys(self, name: str) -> list[str]:
        """Return Fernet keys."""
        self.required(name, "the output of: openssl rand -base64 32 | tr '+/' '-_'")
        keys = self.items(name)
        for number, key in enumerate(keys, 1):
            if not is_key(key):
                raise ImproperlyConfigured(
                    f"{name}: number {number} is no Fernet key. A new one is the output of: "
                    "openssl rand -base64 32 | tr '+/' '-_'"
                )
        return [SecretText(key) for key in keys]

    # Addresses

    def web_address(
        self, name: str, example: str, *, tls: bool = False, secret: bool = False
    ) -> str:
        """Return an http(s) address, or ""; with `tls` http is allowed to this machine only."""
        value = self.text(name)
        if not value:
            return value
        allowed = "an https address" if tls else "an http or https address"
        try:
            parts = address_of(value, ("http", "https"))
            if tls and parts.scheme == "http" and parts.hostname not in NEAR:
                raise InvalidSetting("must be https")
        except ValueError:
            refuse(name, f"{allowed}, such as {example}", None if secret else value)
        return SecretText(value) if secret else value

    def database(self, name: str) -> dict[str, Any]:
        """Return Django's DATABASES entry; the URL is parsed by PostgreSQL's own client."""
        self.required(name, POSTGRES_EXAMPLE)
        try:
            return database_of(self.text(name))
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} {error}, such as {POSTGRES_EXAMPLE}.") from None

    def redis(self, name: str) -> str:
        self.required(name, "redis://host:6379/0")
        try:
            redis_of(value := self.text(name))
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} {error}, such as redis://host:6379/0.") from None
        return SecretText(value)

    def broker(self, name: str) -> str:
        """Return the broker's address, or several of sentinels with semicolons; "" if not set."""
        value = self.text(name)
        for number, part in enumerate(value.split(";") if value else ()):
            try:
                address_of(part, BROKERS)
            except ValueError as error:
                where = f", in its address number {number + 1}," if number else ""
                raise ImproperlyConfigured(
                    f"{name}{where} {error}, such as redis://host:6379/0 or "
                    "amqp://user:password@host:5672/vhost."
                ) from None
        return SecretText(value)

    def mail(self, name: str) -> dict[str, Any]:
        """Return Django's settings of the mail server; {} if the variable is not set."""
        example = "smtp+tls://user:password@smtp.example.org:587"
        try:
            return mail_of(value) if (value := self.text(name)) else {}
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} {error}, such as {example}.") from None

    def proxy(self, name: str) -> Proxy | None:
        """Return the proxy for outgoing requests; None if the variable is not set."""
        example = "http://user:password@proxy.example.org:3128"
        try:
            return proxy_of(value) if (value := self.text(name)) else None
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} {error}, such as {example}.") from None


def refuse(name: str, allowed: str, value: str | None) -> NoReturn:
    """Raise the sentence about a value that is not allowed; pass None for a secret value."""
    actual = "" if value is None else f"; it is {value!r}" if value else "; it is empty"
    raise ImproperlyConfigured(f"{name} must be {allowed}{actual}.")


def ports_of(part: str) -> int | tuple[int, int]:
    """Return a port, or the first and the last of a range such as 8000-8999."""
    match = re.fullmatch(r"([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?", part)
    if not match:
        raise InvalidSetting(part)
    first, last = int(match[1]), int(match[2] or match[1])
    if not 0 < first <= last <= LAST_PORT:
        raise InvalidSetting(part)
    return (first, last) if match[2] else first


def origin_of(part: str) -> str:
    """Return an origin as a browser writes it: scheme, host and maybe a port."""
    address = address_of(part.lower(), ("http", "https"))
    standard = {"http": 80, "https": 443}[address.scheme]
    if address.path or address.query or address.fragment or "@" in address.netloc:
        raise ValueError("an address, and no origin")
    is_standard = address.port in (None, standard)
    host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
    return f"{address.scheme}://{host}" + ("" if is_standard else f":{address.port}")


def host_of(part: str) -> str:
    if not NAME_OF_HOST.fullmatch(part):
        raise InvalidSetting(part)
    return part


def is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == 32
    except ValueError:
        return False
