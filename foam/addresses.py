"""Reads the addresses of servers in settings: PostgreSQL, Redis, mail, proxy. Pure.

Errors are the end of a sentence that the caller begins with the setting's name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from foam.secret_text import SecretText

POSTGRES_SCHEMES = ("postgres", "postgresql", "psql", "pgsql")
LAST_PORT = 65535
# Scheme of EMAIL_URL: Django's backend, the usual port, and how TLS begins.
MAIL: dict[str, tuple[str, int, dict[str, bool]]] = {
    "smtp": ("smtp", 25, {}),
    "smtp+tls": ("smtp", 587, {"EMAIL_USE_TLS": True}),
    "smtps": ("smtp", 587, {"EMAIL_USE_TLS": True}),
    "smtp+ssl": ("smtp", 465, {"EMAIL_USE_SSL": True}),
    "consolemail": ("console", 0, {}),
    "filemail": ("filebased", 0, {}),
    "memorymail": ("locmem", 0, {}),
    "dummymail": ("dummy", 0, {}),
}


class InvalidSetting(ValueError):
    """The fault of a value: "must end with the port", to be put behind the setting's name."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy for outgoing requests; its repr leaves out the user name and password."""

    scheme: str
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The host and port, for messages to people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def address(self) -> str:
        """The address without user name and password."""
        return f"{self.scheme}://{self.name}"

    @property
    def secret_address(self) -> str:
        """The address with user name and password, for clients that take no separate login."""
        if not self.username:
            return self.address
        login = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        return f"{self.scheme}://{login}@{self.name}"


def address_of(text: str, schemes: Sequence[str]) -> SplitResult:
    """Return the parts of an address with one of `schemes`. Raises InvalidSetting."""
    scheme = text.partition("://")[0]
    if "://" not in text or scheme not in schemes:
        some = " or ".join(f"{scheme}://" for scheme in schemes)
        raise InvalidSetting(f"must begin with {some}")
    if re.search(r"\s", text):
        raise InvalidSetting("must have no space in it")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or port == 0:
        raise InvalidSetting(
            "must name a host and maybe a port from 1 to 65535, with @, / and # percent-encoded in "
            "a password"
        )
    return parts


def redis_of(text: str) -> None:
    parts = address_of(text, ("redis", "rediss"))
    if not re.fullmatch(r"/?|/[0-9]{1,5}", parts.path):
        raise InvalidSetting("must end with the number of a database")


def database_of(text: str) -> dict[str, Any]:
    """Return Django's DATABASES entry for the URL of a PostgreSQL."""
    parts = parameters_of(text)
    host, name = parts.pop("host", ""), parts.pop("dbname", "")
    if name.startswith("/") and not host:
        # postgres:////var/run/postgresql/foam: the folder of a socket, and the name.
        host, _, name = name.rpartition("/")
    ports = parts.pop("port", "").split(",")
    if any(port and not is_port(port) for port in ports):
        raise InvalidSetting("must have ports from 1 to 65535")
    if len(ports) not in {1, len(host.split(","))}:
        raise InvalidSetting("must have one port for all hosts or one for each")
    if not name and "service" not in parts:
        raise InvalidSetting("must name a database")
    if "sslpassword" in parts:
        parts["sslpassword"] = SecretText(parts["sslpassword"])
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": parts.pop("user", ""),
        "PASSWORD": SecretText(parts.pop("password", "")),
        "HOST": host,
        "PORT": ",".join(ports).strip(",") and ",".join(ports),
        "OPTIONS": parts,
    }


def parameters_of(text: str) -> dict[str, Any]:
    """Return the parameters of a connection by their names in libpq, which parses the URL."""
    scheme, separator, location = text.partition("://")
    if not separator or scheme not in POSTGRES_SCHEMES:
        raise InvalidSetting("must begin with postgres://")
    authority = re.split(r"[/?]", location, maxsplit=1)[0]
    if authority.count("@") > 1:
        # The last @ ends the password; libpq wants those within it percent-encoded.
        login, _, hosts = authority.rpartition("@")
        encoded = login.replace("@", quote("@"))
        location = location.replace(authority, f"{encoded}@{hosts}", 1)
    try:
        return dict(conninfo_to_dict(f"postgresql://{location}"))
    except ProgrammingError as error:
        raise InvalidSetting(reason_of(str(error))) from None


def reason_of(complaint: str) -> str:
    """Return libpq's error as the end of a sentence, without its quotes, which may be secret."""
    if "percent-encoded" in complaint and "spaces" not in complaint:
        return "must have %25 in place of a % in its name or password"
    if parameter := re.search(r'invalid URI query parameter: "(\w+)"', complaint):
        return f"must not have {parameter[1]}=, which PostgreSQL's client does not know"
    if "IPv6" in complaint:
        return "must have an IPv6 address in brackets"
    if "spaces" in complaint:
        return "must have no space in it"
    return "must be the address of a PostgreSQL"


def is_port(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,5}", text)) and 0 < int(text) <= LAST_PORT


def mail_of(text: str) -> dict[str, Any]:
    scheme, _, location = text.partition("://")
    if scheme not in MAIL or "://" not in text:
        raise InvalidSetting("must begin with smtp://, smtp+tls:// or smtp+ssl://")
    backend, usual_port, tls = MAIL[scheme]
    fields = {"EMAIL_BACKEND": f"django.core.mail.backends.{backend}.EmailBackend", **tls}
    if backend != "smtp":
        return {**fields, "EMAIL_URL": f"{scheme}://", "EMAIL_FILE_PATH": unquote(location)}
    parts = address_of(text, tuple(MAIL))
    if parts.path not in {"", "/"} or parts.query:
        raise InvalidSetting("must end with the port")
    return {
        **fields,
        # Whether there is a mail server, and which: without the login.
        "EMAIL_URL": f"{scheme}://{parts.netloc.rpartition('@')[2]}",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or usual_port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": SecretText(unquote(parts.password or "")),
    }


def proxy_of(text: str) -> Proxy:
    """Return the proxy at an address such as http://user:password@host:3128."""
    parts = address_of(text, ("http", "https"))
    if parts.port is None:
        raise InvalidSetting("must end with the port")
    if parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise InvalidSetting("must end with the port")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if "@" in parts.netloc and not username:
        raise InvalidSetting("must have a user name before the @")
    if ":" in username:
        raise InvalidSetting("must have no colon in the user name, as proxies end the name there")
    if not re.fullmatch(r"[ -~]*", text + username + password):
        raise InvalidSetting("must be in ASCII, in name and password, too")
    return Proxy(parts.scheme, parts.hostname or "", parts.port, username, password)
