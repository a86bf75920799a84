"""Time zones: Europe/Berlin, in Berlin, New York time, UTC."""

from functools import cache
from importlib import resources

from accounts.timezones import names
from reminders.natural_language.cursor import ClauseValues, Cursor
from reminders.natural_language.errors import ambiguous, refuse

# Abbreviations that name several zones of the world, or a zone for a part of the year.
ABBREVIATIONS = {
    *("est", "edt", "et", "cst", "cdt", "ct", "mst", "mdt", "mt", "pst", "pdt", "pt", "akst"),
    *("hst", "ast", "adt", "nst", "cet", "cest", "met", "bst", "ist", "wet", "eet", "eest", "msk"),
    *("jst", "kst", "sgt", "hkt", "aest", "aedt", "acst", "awst", "nzst", "nzdt"),
}
_WORDS = 4


def zone(c: Cursor) -> ClauseValues:
    """Read a zone; a city is one only right after a part of the schedule, or before "time"."""
    has_in = c.word("in", "(") is not None
    name = c.attempt(lambda: _read_name(c)) or c.attempt(lambda: _city(c, has_in=has_in))
    if name is None:
        return None
    c.word(")")
    return {"zone": name}


def _read_name(c: Cursor) -> str | None:
    token = c.token
    if token is None:
        return None
    if token.kind == "zone":
        c.at += 1
        name = _by_lower().get(token.text)
        if name is None and token.text.split("/")[0] in _areas():
            refuse(f"“{token.text}” is no time zone: write a name such as Europe/Berlin.")
        return name
    if c.word("utc", "gmt") or (c.is_after_clause and c.word("z", "zulu")):
        c.word("time")
        return "UTC"
    if token.text in ABBREVIATIONS and token.kind == "word" and c.is_after_clause:
        ambiguous(
            f"“{token.text.upper()}” is not one time zone: write a place, such as Europe/Berlin "
            "or “in New York”, or UTC."
        )
    return None


def _city(c: Cursor, *, has_in: bool) -> str | None:
    begin = c.at
    for count in range(_WORDS, 0, -1):
        words = c.tokens[begin : begin + count]
        name = " ".join(token.text for token in words)
        if len(words) == count and name in cities():
            c.at = begin + count
            zone_name = cities()[name]
            _country(c, zone_name)
            has_time = c.word("time") is not None
            return zone_name if has_time or (has_in and c.is_after_clause) else None
    return None


def _country(c: Cursor, zone_name: str) -> None:
    """Read the country after a city, if it is that of the zone: Paris, France."""
    begin = c.at
    c.word(",")
    name = " ".join(token.text for token in c.tokens[c.at : c.at + _WORDS])
    for country in _countries().get(zone_name, ()):
        if f"{name} ".startswith(f"{country} "):
            c.at += len(country.split())
            return
    c.at = begin


@cache
def _by_lower() -> dict[str, str]:
    return {name.lower(): name for name in names()}


@cache
def _areas() -> frozenset[str]:
    return frozenset(name.split("/")[0] for name in _by_lower() if "/" in name)


@cache
def _countries() -> dict[str, tuple[str, ...]]:
    """Return the names of each zone's country, in lower case."""
    names = dict(row[:2] for row in _table("iso3166.tab"))
    names_by_code = {
        code: (name.lower(), *_COUNTRIES.get(code, ())) for code, name in names.items()
    }
    return {row[2].strip(): names_by_code.get(row[0], ()) for row in _table("zone.tab")}


# Usual names of countries that differ from those of tzdata.
_COUNTRIES = {
    "US": ("usa", "us", "united states of america"),
    "GB": ("uk", "united kingdom", "england", "great britain"),
    "AE": ("uae",),
    "KR": ("south korea", "korea"),
    "CZ": ("czechia",),
}


@cache
def cities() -> dict[str, str]:
    """Return the names of zones by their cities in lower case: new york, berlin."""
    zones = [row[2].strip() for row in _table("zone.tab")]
    return {name.split("/")[-1].replace("_", " ").lower(): name for name in zones}


def _table(name: str) -> list[list[str]]:
    text = resources.files("tzdata").joinpath("zoneinfo", name).read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return [row for row in rows if len(row) > 1]
