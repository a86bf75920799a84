"""IANA zones for the names by which other programs call them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from accounts import timezones

MAX_NAME_LENGTH = 200
_OFFSET = re.compile(
    r"\(?\s*(?:UTC|GMT|Z)?\s*([+\-\u2212])\s*(\d{1,2})(?:[:.]?(\d{2}))?\s*\)?", re.IGNORECASE
)
_DISPLAY_NAME = re.compile(
    r"\s*\((?:UTC|GMT)\s*(?:([+\-\u2212])?\s*(\d{1,2})[:.]?(\d{2})?)?\)\s*(.+)", re.I
)
_WORD = re.compile(r"[^\W_]+")

# The display names of Windows and Outlook for zones that are no city of the tz database.
# The registry of Windows has them, as Display below Time Zones.
_WINDOWS_IDS_BY_DISPLAY_NAME = {
    "International Date Line West": "Dateline Standard Time",
    "Eniwetok, Kwajalein": "Dateline Standard Time",
    "Midway Island, Samoa": "UTC-11",
    "Coordinated Universal Time-11": "UTC-11",
    "Aleutian Islands": "Aleutian Standard Time",
    "Hawaii": "Hawaiian Standard Time",
    "Marquesas Islands": "Marquesas Standard Time",
    "Alaska": "Alaskan Standard Time",
    "Coordinated Universal Time-09": "UTC-09",
    "Tijuana, Baja California": "Pacific Standard Time (Mexico)",
    "Baja California": "Pacific Standard Time (Mexico)",
    "Coordinated Universal Time-08": "UTC-08",
    "Pacific Time (US and Canada)": "Pacific Standard Time",
    "Pacific Time (US and Canada); Tijuana": "Pacific Standard Time",
    "Pacific Time": "Pacific Standard Time",
    "Arizona": "US Mountain Standard Time",
    "Chihuahua, La Paz, Mazatlan": "Mountain Standard Time (Mexico)",
    "La Paz, Mazatlan": "Mountain Standard Time (Mexico)",
    "Mountain Time (US and Canada)": "Mountain Standard Time",
    "Mountain Time": "Mountain Standard Time",
    "Yukon": "Yukon Standard Time",
    "Central America": "Central America Standard Time",
    "Central Time (US and Canada)": "Central Standard Time",
    "Central Time": "Central Standard Time",
    "Easter Island": "Easter Island Standard Time",
    "Guadalajara, Mexico City, Monterrey": "Central Standard Time (Mexico)",
    "Saskatchewan": "Canada Central Standard Time",
    "Bogota, Lima, Quito": "SA Pacific Standard Time",
    "Bogota, Lima, Quito, Rio Branco": "SA Pacific Standard Time",
    "Chetumal": "Eastern Standard Time (Mexico)",
    "Eastern Time (US and Canada)": "Eastern Standard Time",
    "Eastern Time": "Eastern Standard Time",
    "Haiti": "Haiti Standard Time",
    "Indiana (East)": "US Eastern Standard Time",
    "Turks and Caicos": "Turks And Caicos Standard Time",
    "Atlantic Time (Canada)": "Atlantic Standard Time",
    "Georgetown, La Paz, Manaus, San Juan": "SA Western Standard Time",
    "Georgetown, La Paz, San Juan": "SA Western Standard Time",
    "Caracas, La Paz": "SA Western Standard Time",
    "Newfoundland": "Newfoundland Standard Time",
    "Newfoundland and Labrador": "Newfoundland Standard Time",
    "Brasilia": "E. South America Standard Time",
    "Cayenne, Fortaleza": "SA Eastern Standard Time",
    "City of Buenos Aires": "Argentina Standard Time",
    "Buenos Aires, Georgetown": "SA Eastern Standard Time",
    "Greenland": "Greenland Standard Time",
    "Punta Arenas": "Magallanes Standard Time",
    "Saint Pierre and Miquelon": "Saint Pierre Standard Time",
    "Salvador": "Bahia Standard Time",
    "Coordinated Universal Time-02": "UTC-02",
    "Azores": "Azores Standard Time",
    "Cabo Verde Is.": "Cape Verde Standard Time",
    "Cape Verde Is.": "Cape Verde Standard Time",
    "Coordinated Universal Time": "UTC",
    "Casablanca, Monrovia": "Greenwich Standard Time",
    "Dublin, Edinburgh, Lisbon, London": "GMT Standard Time",
    "Greenwich Mean Time: Dublin, Edinburgh, Lisbon, London": "GMT Standard Time",
    "Greenwich Mean Time; Dublin, Edinburgh, London": "GMT Standard Time",
    "Monrovia, Reykjavik": "Greenwich Standard Time",
    "Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna": "W. Europe Standard Time",
    "Belgrade, Bratislava, Budapest, Ljubljana, Prague": "Central Europe Standard Time",
    "Belgrade, Pozsony, Budapest, Ljubljana, Prague": "Central Europe Standard Time",
    "Brussels, Copenhagen, Madrid, Paris": "Romance Standard Time",
    "Sarajevo, Skopje, Warsaw, Zagreb": "Central European Standard Time",
    "Sarajevo/Warsaw/Zagreb": "Central European Standard Time",
    "West Central Africa": "W. Central Africa Standard Time",
    "Athens, Bucharest": "GTB Standard Time",
    "Athens, Bucharest, Istanbul": "GTB Standard Time",
    "Athens, Istanbul, Minsk": "GTB Standard Time",
    "Bucharest": "GTB Standard Time",
    "Eastern Europe": "E. Europe Standard Time",
    "E. Europe": "E. Europe Standard Time",
    "Gaza, Hebron": "West Bank Standard Time",
    "Harare, Pretoria": "South Africa Standard Time",
    "Helsinki, Kyiv, Riga, Sofia, Tallinn, Vilnius": "FLE Standard Time",
    "Helsinki, Kiev, Riga, Sofia, Tallinn, Vilnius": "FLE Standard Time",
    "Helsinki, Riga, Tallinn": "FLE Standard Time",
    "Jerusalem, Tel Aviv": "Israel Standard Time",
    "Kuwait, Riyadh": "Arab Standard Time",
    "Moscow, St. Petersburg": "Russian Standard Time",
    "Moscow, St. Petersburg, Volgograd": "Russian Standard Time",
    "Abu Dhabi, Muscat": "Arabian Standard Time",
    "Astrakhan, Ulyanovsk": "Astrakhan Standard Time",
    "Izhevsk, Samara": "Russia Time Zone 3",
    "Port Louis": "Mauritius Standard Time",
    "Baku, Tbilisi, Yerevan": "Caucasus Standard Time",
    "Ashgabat, Tashkent": "West Asia Standard Time",
    "Ekaterinburg": "Ekaterinburg Standard Time",
    "Islamabad, Karachi": "Pakistan Standard Time",
    "Islamabad, Karachi, Tashkent": "West Asia Standard Time",
    "Chennai, Kolkata, Mumbai, New Delhi": "India Standard Time",
    "Calcutta, Chennai, Mumbai, New Delhi": "India Standard Time",
    "Bombay, Calcutta, Madras, New Delhi": "India Standard Time",
    "Sri Jayawardenepura": "Sri Lanka Standard Time",
    "Sri Jayawardenepura Kotte": "Sri Lanka Standard Time",
    "Astana": "Central Asia Standard Time",
    "Astana, Dhaka": "Central Asia Standard Time",
    "Almaty, Novosibirsk": "N. Central Asia Standard Time",
    "Yangon (Rangoon)": "Myanmar Standard Time",
    "Bangkok, Hanoi, Jakarta": "SE Asia Standard Time",
    "Barnaul, Gorno-Altaysk": "Altai Standard Time",
    "Beijing, Chongqing, Hong Kong, Urumqi": "China Standard Time",
    "Beijing, Chongqing, Hong Kong SAR, Urumqi": "China Standard Time",
    "Irkutsk, Ulaanbaatar": "North Asia East Standard Time",
    "Irkutsk, Ulaan Bataar": "North Asia East Standard Time",
    "Kuala Lumpur, Singapore": "Singapore Standard Time",
    "Osaka, Sapporo, Tokyo": "Tokyo Standard Time",
    "Canberra, Melbourne, Sydney": "AUS Eastern Standard Time",
    "Guam, Port Moresby": "West Pacific Standard Time",
    "Chokurdakh": "Russia Time Zone 10",
    "Norfolk Island": "Norfolk Standard Time",
    "Solomon Is., New Caledonia": "Central Pacific Standard Time",
    "Magadan, Solomon Is., New Caledonia": "Central Pacific Standard Time",
    "Anadyr, Petropavlovsk-Kamchatsky": "Russia Time Zone 11",
    "Auckland, Wellington": "New Zealand Standard Time",
    "Coordinated Universal Time+12": "UTC+12",
    "Fiji": "Fiji Standard Time",
    "Fiji, Kamchatka, Marshall Is.": "Fiji Standard Time",
    "Chatham Islands": "Chatham Islands Standard Time",
    "Coordinated Universal Time+13": "UTC+13",
    "Nuku'alofa": "Tonga Standard Time",
    "Samoa": "Samoa Standard Time",
    "Kiritimati Island": "Line Islands Standard Time",
}


def known_name(name: str) -> str | None:
    """Return the IANA name for an id of IANA or Windows, also after a maker's prefix."""
    name = name.strip().strip('"').strip()
    if not name or len(name) > MAX_NAME_LENGTH:
        return None
    windows = _windows_ids().get(name.lower())
    if windows:
        return windows
    # As in /mozilla.org/20070129_1/Europe/Berlin.
    parts = name.strip("/").replace(" ", "_").split("/")
    for begin in range(min(len(parts), 5)):
        if zone := _any_case().get("/".join(parts[begin:]).lower()):
            return zone
    return None


def zone_of_display_name(name: str) -> str | None:
    """Return the IANA zone of a display name of Outlook: (UTC+01:00) Amsterdam, Berlin, ….

    The offset in it has to be the standard offset of the zone; without one it has to be a phrase
    that Windows knows.
    """
    match = _DISPLAY_NAME.fullmatch(name.strip().strip('"'))
    phrase = match[4] if match else name
    offset = _signed(match[1] or "+", match[2] or "0", match[3]) if match else None
    zone = _display_zones().get(_key(phrase))
    if offset is None:
        return zone
    candidates = [*([zone] if zone else []), *_cities(phrase)]
    return next((zone for zone in candidates if standard_offset(zone) == offset), None)


def fixed_zone(name: str) -> str | None:
    """Return the zone of a name that is an offset and no more: GMT+0100, (UTC-05:00), +05:30."""
    parsed = _OFFSET.fullmatch(name.strip().strip('"'))
    if parsed is None or not 0 <= int(parsed[2]) <= 14:
        return None
    offset = _signed(parsed[1], parsed[2], parsed[3])
    zones = (*etc_zones(), *_fixed_zones())
    return next((zone for zone in zones if standard_offset(zone) == offset), None)


def hints(name: str) -> list[str]:
    """Return the zones that the words of a name may mean, to choose one among equals."""
    suffixed = _windows_ids().get(f"{name.strip().lower()} standard time")
    spelled = known_name(name.replace("-", "/", 1))
    zones = [known_name(name), zone_of_display_name(name), spelled, suffixed, *_cities(name)]
    return [zone for zone in zones if zone]


@cache
def etc_zones() -> tuple[str, ...]:
    """Return the zones that are an offset of whole hours for ever, UTC first."""
    return ("UTC", *sorted(name for name in timezones.names() if name.startswith("Etc/GMT")))


@cache
def standard_offset(name: str) -> timedelta:
    """Return the offset of a zone outside of daylight saving time, by its newest rule."""
    year = 2037
    zone = timezones.zone(name)
    offsets = [datetime(year, month, 1, tzinfo=UTC).astimezone(zone) for month in (1, 7)]
    return min(local.utcoffset() or timedelta(0) for local in offsets)


@cache
def well_known() -> tuple[str, ...]:
    """Return all zones: first the zones with a Windows id, last old links."""
    first = [name for name in WINDOWS_TO_OLSON.values() if name in timezones.names()]
    further = sorted(timezones.names() - set(first), key=lambda name: ("/" not in name, name))
    return tuple(dict.fromkeys([*first, *further]))


def _signed(sign: str, hours: str, minutes: str | None) -> timedelta:
    offset = timedelta(hours=int(hours), minutes=int(minutes or "0"))
    return offset if sign == "+" else -offset


@cache
def _any_case() -> dict[str, str]:
    return {name.lower(): name for name in timezones.names()}


@cache
def _windows_ids() -> dict[str, str]:
    return {
        windows.lower(): name
        for windows, name in WINDOWS_TO_OLSON.items()
        if name in timezones.names()
    }


@cache
def _display_zones() -> dict[str, str]:
    zones = _windows_ids()
    return {
        _key(phrase): zones[windows.lower()]
        for phrase, windows in _WINDOWS_IDS_BY_DISPLAY_NAME.items()
        if windows.lower() in zones
    }


def _key(phrase: str) -> str:
    """Return the words of a phrase; programs differ in how they divide them."""
    return " ".join(_WORD.findall(phrase.replace("&", " and ").lower()))


def _cities(phrase: str) -> Iterator[str]:
    """Yield the zones of the cities that a phrase names, in its order."""
    for part in re.split(r"[,/;()]", phrase):
        if zone := _zones_of_cities().get(_key(part)):
            yield zone


@cache
def _zones_of_cities() -> dict[str, str]:
    """Return the zones by the city in their names; those of links and of regions come second."""
    zones: dict[str, str] = {}
    regions = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe")
    for name in sorted(timezones.names()):
        region, _, city = name.partition("/")
        if city and region in (*regions, "Indian", "Pacific"):
            zones.setdefault(_key(city.rpartition("/")[2].replace("_", " ")), name)
    return zones


@cache
def _fixed_zones() -> tuple[str, ...]:
    """Return the zones whose clock has been still for long, for offsets of part hours."""
    return tuple(name for name in well_known() if _is_fixed(name))


def _is_fixed(name: str) -> bool:
    zone = timezones.zone(name)
    moments = [datetime(year, m, 1, tzinfo=UTC) for year in (2026, 2037) for m in (1, 4, 7, 10)]
    return len({moment.astimezone(zone).utcoffset() for moment in moments}) == 1
