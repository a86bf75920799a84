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
# Said of every one of them: "on Mondays".
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

NUMBERS = {
    word: number
    for number, word in enumerate(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ],
        start=1,
    )
}
# Those by which days are counted; -1 counts from the end.
ORDINALS = {
    word: number
    for number, word in enumerate(["first", "second", "third", "fourth", "fifth"], start=1)
} | {"last": -1}

# The parts of a day: what it is where no time is said, and the first and last hour that fit.
PARTS = {
    "morning": (9, 0, 11),
    "afternoon": (15, 12, 17),
    "evening": (18, 16, 23),
    "night": (21, 18, 23),
    "tonight": (20, 17, 23),
}

# unit: the frequency of a rule, and how many of its steps
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
# Of two meanings each.
TWO_MEANINGS = {
    "biweekly": ("every 2 weeks", "twice a week on Monday and Thursday"),
    "bi-weekly": ("every 2 weeks", "twice a week on Monday and Thursday"),
    "bimonthly": ("every 2 months", "on the 1st and 15th of every month"),
    "bi-monthly": ("every 2 months", "on the 1st and 15th of every month"),
    "biannually": ("every 6 months", "every 2 years"),
    "semiweekly": ("twice a week on Monday and Thursday", "every 2 weeks"),
}

# Left over, these say of a repeat, an end or a day that was not understood: it is never a title.
TELLING = {
    *("every", "each", "until", "till", "except", "excluding", "starting", "beginning", "repeat"),
    *("weekday", "weekdays", "weekend", "weekends", "workday", "workdays", "nightly", "recurring"),
    *("today", "tomorrow", "tonight", "yesterday", "ago", "noon", "midnight", "fortnight"),
    *("everyday", "repeatedly", "biannual", "am", "pm", "a.m", "p.m"),
    *ADVERBS,
    *TWO_MEANINGS,
    *PLURAL_WEEKDAYS,
}
# No title begins or ends with them where a schedule is beside it.
LINKS = {
    *("at", "on", "in", "by", "from", "for", "before", "after", "between", "during", "around"),
    *("and", "or", "but", "not", "the", "of", "than", "then", "starts", "ends", "through", "@"),
    *("next", "this", "only", "also", "past", "half", "without", "within", "since", "about"),
}
# What may stand between a schedule and the title after it.
OPENERS = {"to", "that", "about", "of"}
