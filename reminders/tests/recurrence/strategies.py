"""Random rules that RFC 5545 allows and that have a chance to occur."""

from datetime import datetime, timedelta

from hypothesis import strategies as st

WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
FREQS = ["MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]

starts = st.builds(
    lambda minutes: datetime(2019, 1, 1) + timedelta(minutes=minutes),
    st.integers(0, 3 * 366 * 1440),
)


def signed(highest):
    return st.integers(1, highest) | st.integers(-highest, -1)


def some(values, most=3):
    return st.lists(values, min_size=1, max_size=most, unique=True)


@st.composite
def rules(draw, freqs=FREQS):
    freq = draw(st.sampled_from(freqs))
    parts = {"FREQ": freq}
    if draw(st.booleans()):
        parts["INTERVAL"] = str(draw(st.integers(1, 5) | st.integers(1, 40)))
    for name, values in optional_parts(draw, freq).items():
        if draw(st.integers(0, 3)) == 0:
            parts[name] = ",".join(map(str, draw(some(values))))
    if "BYWEEKNO" in parts:
        parts["BYDAY"] = ",".join(draw(some(st.sampled_from(WEEKDAYS))))
    if draw(st.integers(0, 4)) == 0:
        parts["WKST"] = draw(st.sampled_from(WEEKDAYS))
    chooses = any(name.startswith("BY") for name in parts)
    if chooses and freq != "WEEKLY" and draw(st.integers(0, 4)) == 0:
        parts["BYSETPOS"] = ",".join(map(str, draw(some(signed(4), most=2))))
    order = draw(st.permutations(list(parts)))
    return ";".join(f"{name}={parts[name]}" for name in order)


def optional_parts(draw, freq):
    days = st.sampled_from(WEEKDAYS)
    parts = {
        "BYMONTH": st.integers(1, 12),
        "BYHOUR": st.integers(0, 23),
        "BYMINUTE": st.integers(0, 59),
        "BYDAY": days,
    }
    if freq != "WEEKLY":
        parts["BYMONTHDAY"] = signed(31)
    if freq in ("YEARLY", "HOURLY", "MINUTELY"):
        parts["BYYEARDAY"] = signed(366)
    if freq in ("MONTHLY", "YEARLY") and draw(st.booleans()):
        # dateutil is wrong where some have an ordinal and some have none
        parts["BYDAY"] = st.builds("{}{}".format, signed(5), days)
    elif freq == "YEARLY" and draw(st.integers(0, 4)) == 0:
        # dateutil miscounts the last weeks of the year before; see test_readings
        parts["BYWEEKNO"] = st.integers(1, 51) | st.integers(-51, -1)
    return parts
