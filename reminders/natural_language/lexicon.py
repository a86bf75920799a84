"""The words that have a meaning in a sentence; all in lower case."""

WEEKDAYS = {
    name: day
    for day, names in enumerate(
        (
            "monday mon",
            "tuesday tue tues",
            "wednesday wed weds",
            "thursday thu thur thurs",
            "friday fri",
            "saturday sat",
            "sunday sun",
        )
    )
    for name in names.split()
}
# A plural means every such day: "on Mondays".
PLURAL_WEEKDAYS = {f"{name}s": day for name, day in WEEKDAYS.items() if name.endswith("day")}
WORKDAYS = (0, 1, 2, 3, 4)
WEEKEND = (5, 6)

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}

_TEENS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_SMALL = _TEENS.split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
TENS = {word: 10 * number for number, word in enumerate(_TENS.split(), start=2)}
DIGITS = dict(zip(_SMALL[:9], range(1, 10), strict=True))
NUMBERS = {
    **dict(zip(_SMALL, range(1, 20), strict=True)),
    **TENS,
    **{f"{ten}-{one}": TENS[ten] + DIGITS[one] for ten in TENS for one in DIGITS},
}
_TO_TWENTIETH = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_NTHS = _TO_TWENTIETH.split()
# Ordinals that count days; -1 counts from the end.
ORDINALS = {
    **{word: number for number, word in enumerate(_NTHS, start=1)},
    **{f"twenty-{word}": 20 + number for number, word in enumerate(_NTHS[:9], start=1)},
    **{"thirtieth": 30, "thirty-first": 31, "last": -1},
}

# The parts of a day: their default hour, and the first and last hour of a time in them.
PARTS = {
    "morning": (9, 0, 11),
    "afternoon": (15, 12, 17),
    "evening": (18, 16, 23),
    "night": (21, 18, 23),
    "tonight": (20, 17, 23),
}

# unit: the frequency of a rule, and its interval
UNITS = {
    "minute": ("MINUTELY", 1),
    "hour": ("HOURLY", 1),
    "day": ("DAILY", 1),
    "week": ("WEEKLY", 1),
    "fortnight": ("WEEKLY", 2),
    "month": ("MONTHLY", 1),
    "quarter": ("MONTHLY", 3),
    "year": ("YEARLY", 1),
}
UNIT_NAMES = {
    **{name: unit for unit in UNITS for name in (unit, f"{unit}s")},
    **dict.fromkeys(("min", "mins"), "minute"),
    **dict.fromkeys(("hr", "hrs"), "hour"),
    **dict.fromkeys(("wk", "wks"), "week"),
    **dict.fromkeys(("yr", "yrs"), "year"),
}

ADVERBS = {
    "hourly": "hour",
    "daily": "day",
    "weekly": "week",
    "fortnightly": "fortnight",
    "monthly": "month",
    "quarterly": "quarter",
    "yearly": "year",
    "annually": "year",
}
# Units of a half year or a half hour, in a word or two.
HALVES = {
    **dict.fromkeys(("semiannually", "semi-annually", "half-yearly", "half yearly"), "half year"),
    **dict.fromkeys(("half-hourly", "half hourly"), "half hour"),
}
# Words that each have two meanings.
_TWO_WEEKS = ("every 2 weeks", "twice a week on Monday and Thursday")
_TWO_MONTHS = ("every 2 months", "on the 1st and 15th of every month")
_TWO_YEARS = ("every 6 months", "every 2 years")
TWO_MEANINGS = {
    **dict.fromkeys(("biweekly", "bi-weekly", "semiweekly", "semi-weekly"), _TWO_WEEKS),
    **dict.fromkeys(("bimonthly", "bi-monthly"), _TWO_MONTHS),
    **dict.fromkeys(("biannually", "bi-annually", "biyearly", "bi-yearly"), _TWO_YEARS),
    **dict.fromkeys(("biennially", "bi-ennially"), _TWO_YEARS[::-1]),
    **dict.fromkeys(
        ("semimonthly", "semi-monthly"), ("on the 1st and 15th of every month", "every 2 weeks")
    ),
    **dict.fromkeys(("bihourly", "bi-hourly"), ("every 2 hours", "every 30 minutes")),
    **dict.fromkeys(("bidaily", "bi-daily"), ("every 2 days", "twice a day at 8 and 20")),
    **dict.fromkeys(("triweekly", "tri-weekly"), ("every 3 weeks", "3 times a week on …")),
}

# Words of a repeat, an end or a day. If no clause has read one, the sentence is refused: no title
# has them.
TELLING = {
    *("every", "each", "until", "till", "except", "excluding", "starting", "beginning", "repeat"),
    *("weekday", "weekdays", "weekend", "weekends", "workday", "workdays", "nightly", "recurring"),
    *("today", "tomorrow", "tonight", "yesterday", "ago", "noon", "midnight", "fortnight"),
    *("everyday", "repeatedly", "am", "pm", "a.m", "p.m", "thrice", "o'clock", "oclock"),
    *("biannual", "semiannual", "semi-annual", "half-year", "half-hour", "quarter-hour"),
    *ADVERBS,
    *HALVES,
    *TWO_MEANINGS,
    *PLURAL_WEEKDAYS,
}
# No title beside a schedule begins or ends with these words.
LINKS = {
    *("at", "on", "in", "by", "from", "for", "before", "after", "between", "during", "around"),
    *("and", "or", "but", "not", "the", "of", "than", "then", "starts", "ends", "through", "@"),
    *("next", "this", "only", "also", "past", "half", "without", "within", "since", "about"),
}
# Words between a schedule and the title after it.
OPENERS = {"to", "that", "about", "of"}
