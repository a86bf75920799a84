"""The examples of RFC 5545, 3.8.5.3: all start in 1997 at 9:00 in New York."""

from datetime import UTC, datetime

import pytest

from reminders.recurrence import Schedule, local_time

NEW_YORK = "America/New_York"


def run(month, days, time="09:00", year=1997):
    """`run("09", "2-4,9")` is 1997-09-02, -03, -04 and -09, each at 09:00."""
    found = []
    for part in days.split(","):
        first, _, last = part.partition("-")
        for day in range(int(first), int(last or first) + 1):
            found.append(f"{year}-{month}-{day:02} {time}")
    return found


def each(*days, time="09:00"):
    return [f"{day} {time}" for day in days]


def times(day, *clock):
    return [f"{day} {time}" for time in clock]


SEPT_2 = "1997-09-02 09:00"
# id, start, rule, the occurrences, whether they are all
EXAMPLES = [
    (
        "daily for 10 occurrences",
        SEPT_2,
        "FREQ=DAILY;COUNT=10",
        run("09", "2-11"),
        True,
    ),
    (
        "daily until 24 December 1997",
        SEPT_2,
        "FREQ=DAILY;UNTIL=19971224T000000Z",
        run("09", "2-30") + run("10", "1-31") + run("11", "1-30") + run("12", "1-23"),
        True,
    ),
    (
        "every other day",
        SEPT_2,
        "FREQ=DAILY;INTERVAL=2",
        run("09", "2,4,6,8,10,12,14,16,18,20,22,24,26,28,30")
        + run("10", "2,4,6,8,10,12,14,16,18,20,22,24,26,28,30")
        + run("11", "1,3,5"),
        False,
    ),
    (
        "every 10 days, 5 occurrences",
        SEPT_2,
        "FREQ=DAILY;INTERVAL=10;COUNT=5",
        run("09", "2,12,22") + run("10", "2,12"),
        True,
    ),
    (
        "every day in January for 3 years, yearly",
        "1998-01-01 09:00",
        "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
        [day for year in (1998, 1999, 2000) for day in run("01", "1-31", year=year)],
        True,
    ),
    (
        "every day in January for 3 years, daily",
        "1998-01-01 09:00",
        "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1",
        [day for year in (1998, 1999, 2000) for day in run("01", "1-31", year=year)],
        True,
    ),
    (
        "weekly for 10 occurrences",
        SEPT_2,
        "FREQ=WEEKLY;COUNT=10",
        run("09", "2,9,16,23,30") + run("10", "7,14,21,28") + run("11", "4"),
        True,
    ),
    (
        "weekly until 24 December 1997",
        SEPT_2,
        "FREQ=WEEKLY;UNTIL=19971224T000000Z",
        run("09", "2,9,16,23,30")
        + run("10", "7,14,21,28")
        + run("11", "4,11,18,25")
        + run("12", "2,9,16,23"),
        True,
    ),
    (
        "every other week",
        SEPT_2,
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        run("09", "2,16,30") + run("10", "14,28") + run("11", "11,25") + run("12", "9,23"),
        False,
    ),
    (
        "weekly on Tuesday and Thursday for five weeks",
        SEPT_2,
        "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
        run("09", "2,4,9,11,16,18,23,25,30") + run("10", "2"),
        True,
    ),
    (
        "weekly on Tuesday and Thursday, 10 times",
        SEPT_2,
        "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH",
        run("09", "2,4,9,11,16,18,23,25,30") + run("10", "2"),
        True,
    ),
    (
        "every other week on Monday, Wednesday and Friday until 24 December",
        "1997-09-01 09:00",
        "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        run("09", "1,3,5,15,17,19,29")
        + run("10", "1,3,13,15,17,27,29,31")
        + run("11", "10,12,14,24,26,28")
        + run("12", "8,10,12,22"),
        True,
    ),
    (
        "every other week on Tuesday and Thursday, 8 times",
        SEPT_2,
        "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        run("09", "2,4,16,18,30") + run("10", "2,14,16"),
        True,
    ),
    (
        "monthly on the first Friday, 10 times",
        "1997-09-05 09:00",
        "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        each("1997-09-05", "1997-10-03", "1997-11-07", "1997-12-05", "1998-01-02")
        + each("1998-02-06", "1998-03-06", "1998-04-03", "1998-05-01", "1998-06-05"),
        True,
    ),
    (
        "monthly on the first Friday until 24 December 1997",
        "1997-09-05 09:00",
        "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR",
        each("1997-09-05", "1997-10-03", "1997-11-07", "1997-12-05"),
        True,
    ),
    (
        "every other month on the first and last Sunday, 10 times",
        "1997-09-07 09:00",
        "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        each("1997-09-07", "1997-09-28", "1997-11-02", "1997-11-30", "1998-01-04")
        + each("1998-01-25", "1998-03-01", "1998-03-29", "1998-05-03", "1998-05-31"),
        True,
    ),
    (
        "monthly on the second-to-last Monday, 6 times",
        "1997-09-22 09:00",
        "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        each("1997-09-22", "1997-10-20", "1997-11-17")
        + each("1997-12-22", "1998-01-19", "1998-02-16"),
        True,
    ),
    (
        "monthly on the third-to-the-last day",
        "1997-09-28 09:00",
        "FREQ=MONTHLY;BYMONTHDAY=-3",
        each("1997-09-28", "1997-10-29", "1997-11-28", "1997-12-29", "1998-01-29", "1998-02-26"),
        False,
    ),
    (
        "monthly on the 2nd and 15th, 10 times",
        SEPT_2,
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        run("09", "2,15")
        + run("10", "2,15")
        + run("11", "2,15")
        + run("12", "2,15")
        + run("01", "2,15", year=1998),
        True,
    ),
    (
        "monthly on the first and last day, 10 times",
        "1997-09-30 09:00",
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        run("09", "30")
        + run("10", "1,31")
        + run("11", "1,30")
        + run("12", "1,31")
        + run("01", "1,31", year=1998)
        + run("02", "1", year=1998),
        True,
    ),
    (
        "every 18 months on the 10th to 15th, 10 times",
        "1997-09-10 09:00",
        "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        run("09", "10-15") + run("03", "10-13", year=1999),
        True,
    ),
    (
        "every Tuesday, every other month",
        SEPT_2,
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        run("09", "2,9,16,23,30")
        + run("11", "4,11,18,25")
        + run("01", "6,13,20,27", year=1998)
        + run("03", "3,10,17,24,31", year=1998),
        False,
    ),
    (
        "yearly in June and July, 10 times",
        "1997-06-10 09:00",
        "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        [f"{year}-{month}-10 09:00" for year in range(1997, 2002) for month in ("06", "07")],
        True,
    ),
    (
        "every other year in January, February and March, 10 times",
        "1997-03-10 09:00",
        "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        each("1997-03-10")
        + each(*[f"{y}-{m}-10" for y in (1999, 2001, 2003) for m in ("01", "02", "03")]),
        True,
    ),
    (
        "every third year on the 1st, 100th and 200th day, 10 times",
        "1997-01-01 09:00",
        "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
        each("1997-01-01", "1997-04-10", "1997-07-19", "2000-01-01", "2000-04-09")
        + each("2000-07-18", "2003-01-01", "2003-04-10", "2003-07-19", "2006-01-01"),
        True,
    ),
    (
        "every 20th Monday of the year",
        "1997-05-19 09:00",
        "FREQ=YEARLY;BYDAY=20MO",
        each("1997-05-19", "1998-05-18", "1999-05-17"),
        False,
    ),
    (
        "Monday of week number 20",
        "1997-05-12 09:00",
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        each("1997-05-12", "1998-05-11", "1999-05-17"),
        False,
    ),
    (
        "every Thursday in March",
        "1997-03-13 09:00",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
        run("03", "13,20,27")
        + run("03", "5,12,19,26", year=1998)
        + run("03", "4,11,18,25", year=1999),
        False,
    ),
    (
        "every Thursday in June, July and August",
        "1997-06-05 09:00",
        "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        run("06", "5,12,19,26")
        + run("07", "3,10,17,24,31")
        + run("08", "7,14,21,28")
        + run("06", "4,11,18,25", year=1998),
        False,
    ),
    (
        "every Friday the 13th",
        SEPT_2,
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        each("1998-02-13", "1998-03-13", "1998-11-13", "1999-08-13", "2000-10-13"),
        False,
    ),
    (
        "the first Saturday after the first Sunday",
        "1997-09-13 09:00",
        "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
        each("1997-09-13", "1997-10-11", "1997-11-08", "1997-12-13", "1998-01-10")
        + each("1998-02-07", "1998-03-07", "1998-04-11", "1998-05-09", "1998-06-13"),
        False,
    ),
    (
        "US presidential election day",
        "1996-11-05 09:00",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        each("1996-11-05", "2000-11-07", "2004-11-02"),
        False,
    ),
    (
        "the third Tuesday, Wednesday or Thursday, 3 times",
        "1997-09-04 09:00",
        "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
        each("1997-09-04", "1997-10-07", "1997-11-06"),
        True,
    ),
    (
        "the second-to-last weekday of the month",
        "1997-09-29 09:00",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        each("1997-09-29", "1997-10-30", "1997-11-27", "1997-12-30", "1998-01-29")
        + each("1998-02-26", "1998-03-30"),
        False,
    ),
    (
        "every 3 hours from 9:00 to 17:00",
        SEPT_2,
        "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z",
        times("1997-09-02", "09:00", "12:00", "15:00"),
        True,
    ),
    (
        "every 15 minutes, 6 times",
        SEPT_2,
        "FREQ=MINUTELY;INTERVAL=15;COUNT=6",
        times("1997-09-02", "09:00", "09:15", "09:30", "09:45", "10:00", "10:15"),
        True,
    ),
    (
        "every hour and a half, 4 times",
        SEPT_2,
        "FREQ=MINUTELY;INTERVAL=90;COUNT=4",
        times("1997-09-02", "09:00", "10:30", "12:00", "13:30"),
        True,
    ),
    (
        "every 20 minutes from 9:00 to 16:40, daily",
        SEPT_2,
        "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40",
        times(
            "1997-09-02",
            *[f"{hour:02}:{minute:02}" for hour in range(9, 17) for minute in (0, 20, 40)],
        )
        + times("1997-09-03", "09:00", "09:20"),
        False,
    ),
    (
        "every 20 minutes from 9:00 to 16:40, minutely",
        SEPT_2,
        "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16",
        times(
            "1997-09-02",
            *[f"{hour:02}:{minute:02}" for hour in range(9, 17) for minute in (0, 20, 40)],
        )
        + times("1997-09-03", "09:00", "09:20"),
        False,
    ),
    (
        "week start on Monday",
        "1997-08-05 09:00",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
        run("08", "5,10,19,24"),
        True,
    ),
    (
        "week start on Sunday",
        "1997-08-05 09:00",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
        run("08", "5,17,19,31"),
        True,
    ),
    (
        "an invalid date is ignored",
        "2007-01-15 09:00",
        "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
        each("2007-01-15", "2007-01-30", "2007-02-15", "2007-03-15", "2007-03-30"),
        True,
    ),
]


@pytest.mark.parametrize(
    ("start", "rule", "expected", "is_all"),
    [pytest.param(*example, id=name) for name, *example in EXAMPLES],
)
def test_example_of_the_rfc(start, rule, expected, is_all):
    schedule = Schedule.validate(
        starts_at=datetime.fromisoformat(start), timezone=NEW_YORK, recurrence=rule
    )
    due = schedule.upcoming(datetime(1990, 1, 1, tzinfo=UTC), len(expected) + is_all)
    assert [f"{local_time(at, NEW_YORK):%Y-%m-%d %H:%M}" for at in due] == expected


def test_friday_the_13th_without_its_start():
    """EXDATE of the RFC's example takes a start away that the rule does not contain anyway."""
    schedule = Schedule(
        starts_at=datetime(1997, 9, 2, 9),
        timezone=NEW_YORK,
        recurrence="FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        exdates=[datetime(1997, 9, 2, 9)],
    )
    due = schedule.after(datetime(1990, 1, 1, tzinfo=UTC))
    assert due == datetime(1998, 2, 13, 14, tzinfo=UTC)
