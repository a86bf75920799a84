"""The services of Apprise that FOAM offers, and the parsing of their URLs."""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from urllib.parse import unquote

from apprise import AppriseAsset
from apprise.plugins.base import NotifyBase

# Modules of Apprise and the schemas of their URLs: chat, push and SMS over HTTPS, hosted or
# self-hosted. Services that post to any URL, send mail or act on this machine are left out.
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

# Options of a URL that FOAM decides, or that could read files.
REFUSED_OPTIONS = {
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
    """FOAM does not use this address; the text is the reason, for the user."""


def create_service(url: str) -> NotifyBase:
    """Return the service of a URL, ready to send; NotOffered."""
    arguments = _parse(url)
    if refused := sorted(REFUSED_OPTIONS.intersection(arguments.get("qsd", ()))):
        raise NotOffered(f"Leave out what FOAM decides itself: {', '.join(refused)}.")
    try:
        return arguments.pop("plugin")(asset=ASSET, **arguments)
    except Exception:
        raise NotOffered(_incomplete(arguments["schema"])) from None


def _parse(url: str) -> dict[str, Any]:
    schema, separator, _ = url.partition("://")
    schema = schema.lower()
    if separator and schema == "https":
        return _parse_native(url)
    if not separator or schema not in MODULES:
        offered = ", ".join(sorted(MODULES))
        raise NotOffered(f"The address must begin with one of these and ://: {offered}.")
    plugin = _plugin(MODULES[schema])
    try:
        arguments = plugin.parse_url(url)
    except Exception:
        arguments = None
    if not arguments:
        raise NotOffered(_incomplete(schema))
    return {**arguments, "plugin": plugin, "schema": schema}


def _parse_native(url: str) -> dict[str, Any]:
    """Parse a URL as a service gives it out, such as https://hooks.slack.com/services/..."""
    for plugin in map(_plugin, SERVICES):
        if arguments := plugin.parse_native_url(url):
            schema = arguments.get("schema", "https")
            return {**arguments, "plugin": plugin, "schema": schema}
    raise NotOffered("No service gives out addresses like this one; is it meant for a webhook?")


def _plugin(module: str) -> type[NotifyBase]:
    """Return the plug-in class of a module; loading all modules of Apprise takes a second."""
    for value in vars(import_module(f"apprise.plugins.{module}")).values():
        is_plugin = isinstance(value, type) and issubclass(value, NotifyBase)
        if is_plugin and set(schemas(value)) == set(SERVICES[module]):
            return value
    raise LookupError(module)


def schemas(plugin: type[NotifyBase]) -> tuple[str, ...]:
    named: list[str] = []
    for names in (plugin.protocol, plugin.secure_protocol):
        named += [names] if isinstance(names, str) else (names or ())
    return tuple(named)


def _incomplete(schema: str) -> str:
    return f"This is not a complete {schema}:// address; see https://appriseit.com/services/."


def scrub(text: str, url: str) -> str:
    """Return a service's text on one line, without the parts of the secret URL."""
    for word in _parts_of(url):
        text = text.replace(word, "…")
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())


def _parts_of(url: str) -> list[str]:
    def split_url() -> Iterator[str]:
        address = url.partition("://")[2]
        for text in (address, unquote(address)):
            yield text
            yield from re.split(r"[/?&=:@,#+\s]", text)

    return sorted({word for word in split_url() if len(word) > 3}, key=len, reverse=True)
