"""Schedules in words."""

from datetime import datetime, timedelta

import pytest

from reminders.recurrence import Schedule

START = datetime(2026, 11, 23, 18, 0)

# recurrence, words before the zone, words after it
WORDS = [
    (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,MO;UNTIL=20261224T170000Z",
        "every 2 weeks on Monday and Thursday at 18:00",
        ", until 24 December 2026",
    ),
    ("FREQ=DAILY", "every day at 18:00", ""),
    ("FREQ=DAILY;COUNT=10", "every day at 18:00", ", 10 times"),
    ("FREQ=WEEKLY", "every week on Monday at 18:00", ""),
    ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every week on Monday to Friday at 18:00", ""),
    ("FREQ=MONTHLY", "every month on the 23rd at 18:00", ""),
    ("FREQ=MONTHLY;BYMONTHDAY=-1", "every month on the last day of the month at 18:00", ""),
    (
        "FREQ=MONTHLY;BYDAY=-1FR,2TU",
        "every month on the 2nd Tuesday and the last Friday at 18:00",
        "",
    ),
    ("FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR", "every month on the 13th if it is Friday at 18:00", ""),
    (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=9,17",
        "every month on Monday to Friday (only the last of these) at 09:00 and 17:00",
        "",
    ),
    ("FREQ=YEARLY", "every year on 23 November at 18:00", ""),
    ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", "every year on 24 December at 18:00", ""),
    ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "every year in November on the 4th Thursday at 18:00", ""),
    ("FREQ=YEARLY;BYDAY=20MO", "every year on the 20th Monday of the year at 18:00", ""),
    ("FREQ=YEARLY;BYWEEKNO=20", "every year in the 20th week of the year on Monday at 18:00", ""),
    (
        "FREQ=YEARLY;BYYEARDAY=1,100,-1",
        "every year on the 1st day, the 100th day and the last day of the year at 18:00",
        "",
    ),
    ("FREQ=YEARLY;BYMONTH=1,7", "every year in January and July on the 23rd at 18:00", ""),
    (
        "FREQ=HOURLY;INTERVAL=2;BYHOUR=9,10,11,15",
        "every 2 hours in the hours 9 to 11 and 15 at minute 0",
        "",
    ),
    ("FREQ=MINUTELY;INTERVAL=20;BYDAY=MO", "every 20 minutes on Monday", ""),
    (
        "FREQ=DAILY;BYHOUR=8,9,10,11;BYMINUTE=0,15,30,45",
        "every day at minutes 0, 15, 30 and 45 in the hours 8 to 11",
        "",
    ),
    ("FREQ=DAILY;UNTIL=20261224T000000", "every day at 18:00", ", until 24 December 2026 at 00:00"),
    ("0 9 * * 1-5", "on Monday to Friday at 09:00", ""),
    ("*/5 * * * *", "every 5 minutes", ""),
    ("*/15 9-17 * * 1-5", "on Monday to Friday every 15 minutes in the hours 9 to 17", ""),
    ("30 * * * *", "every hour at minute 30", ""),
    ("* * * * *", "every minute", ""),
    ("30 2 13 * 5", "on the 13th or on Friday at 02:30", ""),
    ("0 9 */10 * 1", "on the 1st, the 11th, the 21st and the 31st if it is Monday at 09:00", ""),
    ("0 9 L,15W * *", "on the weekday nearest the 15th and the last day of the month at 09:00", ""),
    ("0 9 LW * *", "on the last weekday of the month at 09:00", ""),
    ("0 9 * * 1#2,5L", "on the 2nd Monday and the last Friday at 09:00", ""),
    ("0 0 1 1,7 *", "on the 1st at 00:00 in January and July", ""),
    ("5,35 * * * *", "every hour at minutes 5 and 35", ""),
    ("7 */2 * * *", "every 2 hours at minute 7", ""),
    ("7 */6 * * *", "every day at 00:07, 06:07, 12:07 and 18:07", ""),
    (
        "7 1-23/2 * * *",
        "every day at minute 7 in the hours 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21 and 23",
        "",
    ),
    ("FREQ=HOURLY", "every hour at minute 0", ""),
    ("FREQ=MINUTELY", "every minute", ""),
    ("FREQ=DAILY;BYMONTH=6,7", "every day in June and July at 18:00", ""),
    ("FREQ=WEEKLY;BYDAY=SA,SU;BYMONTH=6", "every week in June on Saturday and Sunday at 18:00", ""),
    (
        "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1,-1",
        "every year in January on the 1st and the last day of the month at 18:00",
        "",
    ),
    (
        "FREQ=HOURLY;UNTIL=20261124T120000",
        "every hour at minute 0",
        ", until 24 November 2026 at 12:00",
    ),
    ("FREQ=DAILY;COUNT=1", "every day at 18:00", ", 1 time"),
    ("30 9,17 * * *", "every day at 09:30 and 17:30", ""),
]


@pytest.mark.parametrize(("recurrence", "words", "end"), WORDS, ids=lambda value: value)
def test_words_for(recurrence, words, end):
    schedule = Schedule(starts_at=START, timezone="Europe/Berlin", recurrence=recurrence)
    assert schedule.text == f"{words} (Europe/Berlin){end}"


def test_words_for_once():
    schedule = Schedule(starts_at=START, timezone="Europe/Berlin")
    assert schedule.text == "once on 23 November 2026 at 18:00 (Europe/Berlin)"


def test_seconds_are_told_where_there_are_any():
    schedule = Schedule(starts_at=START.replace(second=5), timezone="UTC")
    assert schedule.text == "once on 23 November 2026 at 18:00:05 (UTC)"


def test_exceptions_are_told():
    schedule = Schedule(
        starts_at=START,
        timezone="UTC",
        recurrence="FREQ=DAILY",
        exdates=[START + timedelta(days=n) for n in range(5)],
        rdates=[START + timedelta(days=9, hours=1)],
    )
    assert schedule.text == "every day at 18:00 (UTC), except on 5 dates, also on 2 December 2026"
