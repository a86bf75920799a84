"""A calendar's text as a tree of components, with limits on all that can grow."""

import base64
import binascii
import re
from dataclasses import dataclass, field

from icalendar.parser import Contentline

from reminders.exchange.icalendar.syntax.lines import LEGACY, Line, content_lines, decode
from reminders.exchange.limits import WEB, Limits, Unreadable, check_time

# Deeper than any program nests components.
MAX_DEPTH = 8
# In one component, over all its EXDATE and RDATE.
MAX_DATES = 5_000
# Of one property.
MAX_PARAMS = 100
# The parameters that readers use. Others are dropped: in memory they take ten times their text.
PARAMS = {"CHARSET", "ENCODING", "RANGE", "RELATED", "TZID", "VALUE", "X-FOAM-SEAL"}
_NAME = re.compile(r"\s*([A-Za-z0-9-]+)\s*[;:]")
_DATES = ("EXDATE", "RDATE")
# Components within an entry or a time zone, which are no entries.
_PARTS = ("VALARM", "STANDARD", "DAYLIGHT")
# vCalendar 1.0 leaves out the names of some parameters.
_UNNAMED = re.compile(r";([A-Za-z0-9-]+)(?=[;:])")
_ENCODINGS = {"QUOTED-PRINTABLE", "Q", "BASE64", "B", "8BIT", "7BIT"}
# A name such as (UTC+01:00) Berlin, without the quotes that its colon asks for.
_ZONE = re.compile(
    r';TZID=([^":;]*(?::[^":;]*)+):([0-9]{8}(?:T[0-9]{6}Z?)?(?:[,/][0-9TZPWDHMS]+)*)\s*$',
    re.IGNORECASE,
)
_SOFT_REST = re.compile(rb"=(?![0-9A-Fa-f]{2})")
_OCTET = re.compile(rb"=([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Property:
    """One content line; `value` is as it stands there, with its escapes."""

    name: str
    params: dict[str, str]
    value: str


@dataclass(slots=True)
class Component:
    """The properties and components between BEGIN and END.

    A reader takes the properties that it reads. The others stay, and are reported as lost.
    """

    name: str
    properties: dict[str, list[Property]] = field(default_factory=dict)
    children: list["Component"] = field(default_factory=list)
    # The numbers of lines that are no property.
    broken_lines: list[int] = field(default_factory=list)
    # Of the root only: the numbers of lines that were decoded as Windows-1252.
    legacy_lines: list[int] = field(default_factory=list)

    def all(self, name: str) -> list[Property]:
        return self.properties.get(name, [])

    def first(self, name: str) -> Property | None:
        return next(iter(self.all(name)), None)

    def value(self, name: str) -> str:
        """Return the value of the first property of this name, or nothing."""
        return prop.value.strip() if (prop := self.first(name)) else ""

    def take(self, name: str) -> list[Property]:
        return self.properties.pop(name, [])

    def take_one(self, name: str) -> Property | None:
        """Take the first property of this name, and leave further ones."""
        properties = self.take(name)
        if properties[1:]:
            self.properties[name] = properties[1:]
        return properties[0] if properties else None

    def take_children(self, name: str) -> list["Component"]:
        matches = [child for child in self.children if child.name == name]
        self.children = [child for child in self.children if child.name != name]
        return matches

    def put(self, name: str, value: str, **params: str) -> None:
        """Replace all properties of this name by one."""
        self.properties[name] = [Property(name, params, value)]


def tree(content: bytes, limits: Limits = WEB) -> Component:
    """Return the root component of a file, the parent of its VCALENDARs. Raises Unreadable."""
    growing = _Tree(limits)
    for line in content_lines(content, limits):
        growing.add(line)
        check_time()
    return growing.finished()


class _Tree:
    """Builds the components line by line."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.root = Component("")
        self.open_components = [self.root]
        self.entries = self.parts = self.dates = 0

    def add(self, line: Line) -> None:
        if line.is_legacy:
            self.root.legacy_lines.append(line.number)
        content_property = _property(line.text)
        if content_property is None:
            self.open_components[-1].broken_lines.append(line.number)
        elif content_property.name == "BEGIN":
            self._begin(content_property.value.strip().upper(), line.number)
        elif content_property.name == "END":
            self._end(content_property.value.strip().upper(), line.number)
        else:
            self._count_dates(content_property, line.number)
            properties = self.open_components[-1].properties
            properties.setdefault(content_property.name, []).append(content_property)

    def finished(self) -> Component:
        if len(self.open_components) > 1:
            name = self.open_components[-1].name[:40]
            raise Unreadable(f"It ends within a {name}: a part is missing.")
        if not any(child.name == "VCALENDAR" for child in self.root.children):
            raise Unreadable("There is no BEGIN:VCALENDAR: this is no iCalendar file.")
        return self.root

    def _begin(self, name: str, number: int) -> None:
        self.dates = 0
        self.parts += 1
        self.entries += name not in _PARTS
        if self.entries > self.limits.entries or self.parts > self.limits.parts:
            most = min(self.limits.entries, self.entries)
            what = f"{most} components" if self.entries > most else f"{self.limits.parts} parts"
            raise Unreadable(f"Line {number}: it holds more than {what}. Import it in parts.")
        if len(self.open_components) > MAX_DEPTH:
            raise Unreadable(f"Line {number}: components lie more than {MAX_DEPTH} deep.")
        component = Component(name)
        self.open_components[-1].children.append(component)
        self.open_components.append(component)

    def _end(self, name: str, number: int) -> None:
        if name != self.open_components[-1].name or len(self.open_components) == 1:
            raise Unreadable(f"Line {number}: END:{name[:40]} without its BEGIN.")
        self.open_components.pop()

    def _count_dates(self, content_property: Property, number: int) -> None:
        if content_property.name in _DATES:
            self.dates += content_property.value.count(",") + 1
            if self.dates > MAX_DATES:
                raise Unreadable(f"Line {number}: a component holds more than {MAX_DATES} dates.")


def _property(line: str) -> Property | None:
    """Return the property of a content line, or None if the line cannot be read."""
    named = _NAME.match(line)
    if named is None:
        return None
    if named[0].endswith(":"):
        return Property(named[1].upper(), {}, line[named.end() :])
    if line.partition(":")[0].count(";") > MAX_PARAMS:
        return None
    try:
        name, params, value = Contentline(_repaired(line)).raw_parts()  # type: ignore[no-untyped-call]
        plain = {
            name_: param if isinstance(param, str) else ",".join(param)
            for key, param in params.items()
            if (name_ := key.upper()) in PARAMS
        }
        return Property(name.upper(), plain, _plain_value(plain, value))
    except (ValueError, LookupError):
        return None


def _repaired(line: str) -> str:
    """Return the line with names for all its parameters, and with quotes around what needs them."""
    if ";TZID=" in line.upper() and (zone := _ZONE.search(line)):
        return f'{line[: zone.start()]};TZID="{zone[1]}":{zone[2]}'
    head, colon, value = line.partition(":")
    if '"' in head or not _UNNAMED.search(f"{head}:"):
        return line
    return f"{_UNNAMED.sub(_named, f'{head}:')[:-1]}{colon}{value}"


def _named(parameter: re.Match[str]) -> str:
    name = "ENCODING" if parameter[1].upper() in _ENCODINGS else "TYPE"
    return f";{name}={parameter[1]}"


def _plain_value(params: dict[str, str], value: str) -> str:
    """Return the decoded value. Raises ValueError and LookupError.

    A binary value (an attachment) stays encoded: FOAM reads none.
    """
    encoding = params.get("ENCODING", "").upper()
    if params.get("VALUE", "").upper() == "BINARY" or encoding in {"", "8BIT", "7BIT"}:
        return value
    if encoding in {"QUOTED-PRINTABLE", "Q"}:
        octets = _SOFT_REST.sub(b"", value.rstrip().encode())
        octets = _OCTET.sub(lambda escape: bytes([int(escape[1], 16)]), octets)
    elif encoding in {"BASE64", "B"}:
        try:
            octets = base64.b64decode("".join(value.split()), validate=True)
        except binascii.Error as error:
            raise ValueError(str(error)) from None
    else:
        raise ValueError(f"the encoding {encoding} is not known")
    return _text_of(octets, params.get("CHARSET"))


def _text_of(octets: bytes, charset: str | None) -> str:
    if charset:
        return decode(octets, charset)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode(LEGACY)
