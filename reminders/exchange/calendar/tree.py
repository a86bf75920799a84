"""A calendar's text as a tree of components, with limits on all that can grow."""

import re
from dataclasses import dataclass, field

from icalendar.parser import Contentline

from reminders.exchange.reading import Unreadable

MAX_BYTES = 10 * 1024 * 1024
MAX_COMPONENTS = 10_000
MAX_LINES = 300_000
MAX_DEPTH = 8
# Longer than any text that is kept, and than MAX_DATES; what follows is not looked at.
LONGEST_LINE = 128 * 1024
# In one component, over all its EXDATE and RDATE.
MAX_DATES = 5_000

_FOLD = re.compile(rb"(?:\r\n|\n|\r)[ \t]")
_BREAK = re.compile(r"\r\n|\n|\r")
_NAME = re.compile(r"\s*([A-Za-z0-9-]+)\s*[;:]")
_DATES = ("EXDATE", "RDATE")
_BYTE_ORDER = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


@dataclass(frozen=True, slots=True)
class Property:
    """One content line; `value` is as it stands there, with its escapes."""

    name: str
    params: dict[str, str]
    value: str


@dataclass(slots=True)
class Component:
    """What stands between BEGIN and END.

    Whoever reads takes: what nobody has taken is left, and so it is known what was not read.
    """

    name: str
    left: dict[str, list[Property]] = field(default_factory=dict)
    children: list["Component"] = field(default_factory=list)
    # Lines that are no property.
    broken: int = 0

    def take(self, name: str) -> list[Property]:
        return self.left.pop(name, [])

    def take_one(self, name: str) -> Property | None:
        """Take the first; further ones stay behind."""
        found = self.left.get(name)
        if not found:
            return None
        first = found.pop(0)
        if not found:
            del self.left[name]
        return first

    def take_children(self, name: str) -> list["Component"]:
        taken = [child for child in self.children if child.name == name]
        self.children = [child for child in self.children if child.name != name]
        return taken


def tree(content: bytes) -> Component:
    """Return what a file holds, its VCALENDARs among the children. Raises Unreadable."""
    root = Component("")
    open_ones = [root]
    count = dates = 0
    for number, line in enumerate(_lines(content), 1):
        found = _property(line)
        if found is None:
            open_ones[-1].broken += 1
            continue
        name = found.value.strip().upper()
        if found.name == "BEGIN":
            count, dates = count + 1, 0
            if count > MAX_COMPONENTS:
                raise Unreadable(f"It holds more than {MAX_COMPONENTS} components.")
            if len(open_ones) > MAX_DEPTH:
                raise Unreadable(f"Components lie more than {MAX_DEPTH} deep in each other.")
            component = Component(name)
            open_ones[-1].children.append(component)
            open_ones.append(component)
        elif found.name == "END":
            if name != open_ones[-1].name or len(open_ones) == 1:
                raise Unreadable(f"Unfolded line {number}: END:{name[:40]} without its BEGIN.")
            open_ones.pop()
        else:
            if found.name in _DATES:
                dates += found.value.count(",") + 1
                if dates > MAX_DATES:
                    raise Unreadable(f"A component holds more than {MAX_DATES} dates.")
            open_ones[-1].left.setdefault(found.name, []).append(found)
    if len(open_ones) > 1:
        raise Unreadable(f"It ends within a {open_ones[-1].name[:40]}: a part is missing.")
    if not any(child.name == "VCALENDAR" for child in root.children):
        raise Unreadable("There is no BEGIN:VCALENDAR: this is no iCalendar file.")
    return root


def _lines(content: bytes) -> list[str]:
    if len(content) > MAX_BYTES:
        raise Unreadable(f"It is larger than {MAX_BYTES // 1024 // 1024} MiB.")
    encoding = _BYTE_ORDER.get(content[:2]) or _BYTE_ORDER.get(content[:3])
    if encoding and encoding != "utf-8-sig":
        content, encoding = _decoded(content, encoding).encode(), None
    if content.count(b"\n") > MAX_LINES:
        raise Unreadable(f"It holds more than {MAX_LINES} lines.")
    # Before decoding: some programs fold within a character.
    text = _decoded(_FOLD.sub(b"", content), encoding or "utf-8")
    if "\0" in text:
        raise Unreadable("It holds the byte 0: this is no text.")
    return [line for line in _BREAK.split(text) if line.strip()]


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(f"It is not {encoding.upper()} at byte {error.start}.") from None


def _property(line: str) -> Property | None:
    """Read a content line; None for one that cannot be read."""
    named = _NAME.match(line)
    if named is None:
        return None
    if named[0].endswith(":"):
        return Property(named[1].upper(), {}, line[named.end() : LONGEST_LINE])
    try:
        name, params, value = Contentline(line[:LONGEST_LINE]).raw_parts()  # type: ignore[no-untyped-call]
    except ValueError:
        return None
    plain = {
        key.upper(): each if isinstance(each, str) else ",".join(each)
        for key, each in params.items()
    }
    return Property(name.upper(), plain, value)
