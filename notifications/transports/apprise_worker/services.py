"""Which of Apprise's services may be used, and what their addresses are like."""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from urllib.parse import unquote

from apprise import AppriseAsset
from apprise.plugins.base import NotifyBase

# Modules of Apprise and the beginnings of their addresses. Chat, push and SMS over HTTPS, hosted
# or on a server of one's own; nothing that posts to any address, mails, or acts on this machine.
SERVICES = {
    "bark": ("bark", "barks"),
    "clickatell": ("clickatell",),
    "clicksend": ("clicksend",),
    "discord": ("discord",),
    "google_chat": ("gchat",),
    "gotify": ("gotify", "gotifys"),
    "home_assistant": ("hassio", "hassios"),
    "line": ("line",),
    "matrix": ("matrix", "matrixs"),
    "mattermost": ("mmost", "mmosts"),
    "messagebird": ("msgbird",),
    "nextcloudtalk": ("nctalk", "nctalks"),
    "ntfy": ("ntfy", "ntfys"),
    "opsgenie": ("opsgenie",),
    "pagerduty": ("pagerduty",),
    "plivo": ("plivo",),
    "pushbullet": ("pbul",),
    "pushover": ("pover",),
    "rocketchat": ("rocket", "rockets"),
    "signal_api": ("signal", "signals"),
    "sinch": ("sinch",),
    "slack": ("slack",),
    "sns": ("sns",),
    "synology": ("synology", "synologys"),
    "telegram": ("tgram",),
    "threema": ("threema",),
    "twilio": ("twilio",),
    "vonage": ("vonage", "nexmo"),
    "webexteams": ("wxteams", "webex"),
    "whatsapp": ("whatsapp",),
    "workflows": ("workflow", "workflows"),
    "zulip": ("zulip",),
}
MODULES = {schema: module for module, schemas in SERVICES.items() for schema in schemas}

# Ours to decide, or to read files with.
OPTIONS = {
    *("attach", "cto", "format", "overflow", "redirect", "retry", "rto", "store", "tag"),
    *("template", "tz", "verify", "wait"),
}
ASSET = AppriseAsset(
    app_id="FOAM",
    app_desc="FOAM",
    app_url="",
    async_mode=False,
    http_redirects=False,
    allow_templates=False,
    service_timeout=0,
    secure_logging=True,
)


class NotOffered(ValueError):
    """An address that is not used; the text says why, to the user."""


def service(url: str) -> NotifyBase:
    """Return the service behind an address, ready to send; NotOffered instead."""
    found = _parsed(url)
    if refused := sorted(OPTIONS.intersection(found.get("qsd", ()))):
        raise NotOffered(f"Leave out what FOAM decides itself: {', '.join(refused)}.")
    try:
        return found.pop("plugin")(asset=ASSET, **found)
    except Exception:
        raise NotOffered(_incomplete(found["schema"])) from None


def _parsed(url: str) -> dict[str, Any]:
    schema, separator, _ = url.partition("://")
    schema = schema.lower()
    if separator and schema == "https":
        return _native(url)
    if not separator or schema not in MODULES:
        offered = ", ".join(sorted(MODULES))
        raise NotOffered(f"The address must begin with one of these and ://: {offered}.")
    plugin = _plugin(MODULES[schema])
    try:
        found = plugin.parse_url(url)
    except Exception:
        found = None
    if not found:
        raise NotOffered(_incomplete(schema))
    return {**found, "plugin": plugin, "schema": schema}


def _native(url: str) -> dict[str, Any]:
    """Recognise what a service itself gives out, such as https://hooks.slack.com/services/..."""
    for plugin in map(_plugin, SERVICES):
        if found := plugin.parse_native_url(url):
            return {**found, "plugin": plugin, "schema": found.get("schema", "https")}
    raise NotOffered("No service gives out addresses like this one; is it meant for a webhook?")


def _plugin(module: str) -> type[NotifyBase]:
    """Return the class in one of Apprise's modules; to look for all of them takes a second."""
    for each in vars(import_module(f"apprise.plugins.{module}")).values():
        is_plugin = isinstance(each, type) and issubclass(each, NotifyBase)
        if is_plugin and set(schemas(each)) == set(SERVICES[module]):
            return each
    raise LookupError(module)


def schemas(plugin: type[NotifyBase]) -> tuple[str, ...]:
    named: list[str] = []
    for names in (plugin.protocol, plugin.secure_protocol):
        named += [names] if isinstance(names, str) else (names or ())
    return tuple(named)


def _incomplete(schema: str) -> str:
    return f"This is not a complete {schema}:// address; see https://appriseit.com/services/."


def scrubbed(text: str, url: str) -> str:
    """Return a stranger's text on one line, without anything that stands in the address."""
    for word in _words(url):
        text = text.replace(word, "…")
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())


def _words(url: str) -> list[str]:
    def found() -> Iterator[str]:
        rest = url.partition("://")[2]
        for text in (rest, unquote(rest)):
            yield text
            yield from re.split(r"[/?&=:@,#+\s]", text)

    return sorted({word for word in found() if len(word) > 3}, key=len, reverse=True)
