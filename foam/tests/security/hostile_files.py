"""Shapes of hostile files: each is a function from a size in bytes to the text of a file."""

# A shape is a line, as a table: some are long.
# ruff: noqa: E501, UP031

from collections.abc import Callable

Shape = Callable[[int], str]
HEADER = '{"type":"foam","version":1}\n'


def calendar(body: str) -> str:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{body}END:VCALENDAR\r\n"


def event(body: str, number: int = 0) -> str:
    begin = f"BEGIN:VEVENT\r\nUID:u{number}@x\r\nSUMMARY:t{number}\r\n"
    return f"{begin}DTSTART:20300101T090000Z\r\n{body}END:VEVENT\r\n"


def fill(part: Callable[[int], str], size: int) -> str:
    """Return parts, numbered from 0, up to a size."""
    parts: list[str] = []
    length = number = 0
    while length < size:
        parts.append(part(number))
        length += len(parts[-1])
        number += 1
    return "".join(parts)


SHAPES: dict[str, dict[str, Shape]] = {
    "crontab": {
        "one huge line": lambda s: "* * * * * " + "a" * s + "\n",
        "one huge blank-separated": lambda s: "* * * * * " + "a " * (s // 2) + "\n",
        "blanks only": lambda s: " " * s + "x\n",
        "blanks in fields": lambda s: "* * * *" + " " * s + "* a\n",
        "five fields of blanks": lambda s: ("*" + " " * (s // 6)) * 5 + "\n",
        "no command spaces": lambda s: "*" + " " * s + "\n",
        "braces": lambda s: "* * * * * " + "{" * s + "\n",
        "percent": lambda s: "* * * * * " + "%" * s + "\n",
        "huge comment": lambda s: "#" * s + "\n0 9 * * * a\n",
        "comments before": lambda s: "# comment x\n" * (s // 12) + "0 9 * * * a\n",
        "comment letters": lambda s: "#a\n" * (s // 3) + "0 9 * * * a\n",
        "tiny lines": lambda s: "\n" * s,
        "spaces lines": lambda s: " \n" * (s // 2),
        "same line": lambda s: "0 9 * * * a\n" * (s // 12),
        "distinct": lambda s: fill(lambda i: f"0 9 * * * a{i}\n", s),
        "bad fields": lambda s: fill(lambda i: f"99 99 * * * a{i}\n", s),
        "reboot": lambda s: "@reboot a\n" * (s // 10),
        "reboot distinct": lambda s: fill(lambda i: f"@reboot a{i}\n", s),
        "variables": lambda s: "A=1\n" * (s // 4),
        "tz": lambda s: "TZ=1\n" * (s // 5),
        "huge var": lambda s: "A=" + "b" * s + "\n",
        "huge var name": lambda s: "A" * s + "=b\n",
        "tz huge then lines": lambda s: (
            "CRON_TZ=" + "b" * (s // 2) + "\n" + fill(lambda i: f"0 9 * * * a{i}\n", s // 2)
        ),
        "huge schedule list": lambda s: "0" + ",1" * (s // 2) + " * * * * a\n",
        "huge word schedule": lambda s: "a" * s + " * * * * a\n",
        "digits": lambda s: "9" * s + " * * * * a\n",
        "at word": lambda s: "@" + "a" * s + "\n",
        "step": lambda s: "*/" + "9" * s + " * * * * a\n",
        "names lists": lambda s: "0 0 * " + "jan," * (s // 4) + "jan * a\n",
        "many list lines": lambda s: ("0" + ",1" * 50 + " * * * * a\n") * (s // 112),
        "distinct list lines": lambda s: fill(
            lambda i: "0" + f",{i % 60}" * 50 + f" * * * * a{i}\n", s
        ),
        "line sep": lambda s: "0 9 * * * a" + "\u2028" * (s // 3) + "\n",
        "tabs": lambda s: "0\t9\t*\t*\t*\t" + "\t" * s + "a\n",
        "quotes": lambda s: "'" * s + "\n",
        "minus": lambda s: "-" * s + " * * * *\n",
        "cr": lambda s: "\r" * s + "\n",
        "wide": lambda s: "* * * * * " + "\u0130" * (s // 2) + "\n",
        "wide title": lambda s: "# " + "\ufdfa" * (s // 3) + "\n0 9 * * * a\n",
        "hash fields": lambda s: fill(lambda i: f"0 9 * * {i % 7}#{i % 5 + 1} a{i}\n", s),
        "five stars rows": lambda s: "* * * * *\n" * (s // 10),
        "1 row, fields repeated": lambda s: "* * * * * " * (s // 10) + "\n",
    },
    "jsonl": {
        "one huge string": lambda s: HEADER + '{"type":"reminder","title":"' + "a" * s + '"}\n',
        "huge number": lambda s: HEADER + '{"type":"reminder","title":' + "9" * s + "}\n",
        "4000 digit numbers": lambda s: (
            HEADER + '{"type":"reminder","exdates":[' + ("9" * 4200 + ",") * (s // 4201) + "1]}\n"
        ),
        "nest": lambda s: HEADER + "[" * s + "\n",
        "nest obj": lambda s: HEADER + '{"a":' * (s // 5) + "\n",
        "shallow nests": lambda s: (
            HEADER + '{"type":"reminder","title":' + "[" * 900 + "]" * 900 + "}\n"
        ),
        "tiny": lambda s: HEADER + "\n" * s,
        "tiny space": lambda s: HEADER + " \n" * (s // 2),
        "empty objs": lambda s: HEADER + "{}\n" * (s // 3),
        "reminders": lambda s: (
            HEADER
            + fill(
                lambda i: (
                    '{"type":"reminder","title":"t%d","starts_at":"2030-01-01T09:00:00"}\n' % i
                ),
                s,
            )
        ),
        "min reminders": lambda s: HEADER + '{"type":"reminder"}\n' * (s // 20),
        "min channels": lambda s: HEADER + '{"type":"channel"}\n' * (s // 19),
        "deleted channels": lambda s: HEADER + '{"type":"reminder","channels":[]}\n' * (s // 34),
        "deleted both": lambda s: (
            HEADER
            + '{"type":"reminder","channels":[],"escalate_after":"PT1H","escalate_channels":[]}\n'
            * (s // 80)
        ),
        "tags": lambda s: HEADER + '{"type":"reminder","tags":[' + '"a",' * (s // 4) + '"a"]}\n',
        "lists of lists": lambda s: (
            HEADER + '{"type":"reminder","tags":[' + "[]," * (s // 3) + "[]]}\n"
        ),
        "lists of objs": lambda s: (
            HEADER + '{"type":"reminder","tags":[' + "{}," * (s // 3) + "{}]}\n"
        ),
        "channels keys": lambda s: (
            HEADER + '{"type":"reminder","channels":[' + '"a",' * (s // 4) + '"a"]}\n'
        ),
        "many names": lambda s: (
            HEADER + '{"type":"reminder",' + fill(lambda i: f'"n{i}":1,', s) + '"z":1}\n'
        ),
        "same names": lambda s: HEADER + '{"type":"reminder",' + '"z":1,' * (s // 6) + '"z":1}\n',
        "skipped": lambda s: (
            HEADER
            + (
                '{"type":"reminder","skipped":['
                + '"2030-01-01T00:00:00Z",' * 900
                + '"2030-01-01T00:00:00Z"]}\n'
            )
            * (s // 20700)
        ),
        "escapes": lambda s: (
            HEADER + '{"type":"reminder","title":"' + "\\u0041" * (s // 6) + '"}\n'
        ),
        "backslashes": lambda s: (
            HEADER + '{"type":"reminder","title":"' + "\\\\" * (s // 2) + '\\u0000"}\n'
        ),
        "body huge many": lambda s: (
            HEADER
            + ('{"type":"reminder","title":"a","body":"' + "b" * 10000 + '"}\n') * (s // 10040)
        ),
        "long header": lambda s: '{"type":"foam","version":1' + " " * s + "}\n",
        "small numbers": lambda s: (
            HEADER + '{"type":"reminder","leads":[' + "1," * (s // 2) + "1]}\n"
        ),
        "floats": lambda s: HEADER + '{"type":"reminder","leads":[' + "1e9," * (s // 4) + "1]}\n",
        "lone": lambda s: HEADER + '{"type":"reminder","title":"' + "\\ud83d" * (s // 6) + '"}\n',
    },
}
ICALENDAR: dict[str, Shape] = {
    "events": lambda s: calendar(fill(lambda i: event("", i), s)),
    "series": lambda s: calendar(fill(lambda i: event("RRULE:FREQ=WEEKLY;BYDAY=MO,WE\r\n", i), s)),
    "small events": lambda s: calendar(
        fill(lambda i: "BEGIN:VEVENT\nDTSTART:20300101\nEND:VEVENT\n", s)
    ),
    "empty events": lambda s: calendar("BEGIN:VEVENT\nEND:VEVENT\n" * (s // 25)),
    "9990 tz events": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:{i}\nDTSTART;TZID=Europe/Berlin:20200101T090000\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;COUNT=100\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "rare rule": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:{i}\nDTSTART:20200229T090000\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;COUNT={i % 90 + 1}\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "until+count": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:{i}\nDTSTART:20200229T090000\nRRULE:FREQ=MINUTELY;COUNT={99999 - i % 100};UNTIL=20990101T000000Z\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "early start": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:{i}\nDTSTART:0004{i % 12 + 1:02}01T090000\nRRULE:FREQ=DAILY;COUNT=999999\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "early start min": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:{i}\nDTSTART:0004{i % 12 + 1:02}01T090000\nRRULE:FREQ=MINUTELY;COUNT=999999\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "early one": lambda s: calendar(
        "BEGIN:VEVENT\nUID:1\nDTSTART:00040101T090000\nRRULE:FREQ=SECONDLY;COUNT=999999999999\nEND:VEVENT\n"
    ),
    "huge count": lambda s: calendar(event("RRULE:FREQ=DAILY;COUNT=" + "9" * s + "\r\n")),
    "huge count until": lambda s: calendar(
        event("RRULE:FREQ=DAILY;UNTIL=20310101T000000Z;COUNT=" + "9" * s + "\r\n")
    ),
    "huge count until unicode": lambda s: calendar(
        event("RRULE:FREQ=DAILY;UNTIL=20310101T000000Z;COUNT=" + "٣" * (s // 2) + "\r\n")
    ),
    "early huge count": lambda s: calendar(
        "BEGIN:VEVENT\nUID:1\nDTSTART:00040101T090000\nRRULE:FREQ=DAILY;COUNT="
        + "9" * s
        + "\nEND:VEVENT\n"
    ),
    "early 4300 count": lambda s: calendar(
        "BEGIN:VEVENT\nUID:1\nDTSTART:00040101T090000\nRRULE:FREQ=DAILY;COUNT="
        + "9" * 4300
        + "\nEND:VEVENT\n"
    ),
    "huge interval": lambda s: calendar(event("RRULE:FREQ=DAILY;INTERVAL=" + "9" * s + "\r\n")),
    "bysecond list": lambda s: calendar(
        event("RRULE:FREQ=DAILY;BYHOUR=" + "1," * (s // 2) + "1\r\n")
    ),
    "byday list": lambda s: calendar(
        event("RRULE:FREQ=MONTHLY;BYDAY=" + "1MO," * (s // 4) + "1MO\r\n")
    ),
    "byday list many": lambda s: calendar(
        fill(lambda i: event("RRULE:FREQ=MONTHLY;BYDAY=" + "1MO," * 2000 + "1MO\r\n", i), s)
    ),
    "bymany": lambda s: calendar(
        fill(
            lambda i: event(
                "RRULE:FREQ=YEARLY;BYDAY=MO,TU;BYSETPOS="
                + ",".join(map(str, range(1, 366)))
                + ";BYYEARDAY="
                + ",".join(map(str, range(1, 366)))
                + "\r\n",
                i,
            ),
            s,
        )
    ),
    "rule parts": lambda s: calendar(event("RRULE:FREQ=DAILY" + ";X-A=1" * (s // 6) + "\r\n")),
    "rule parts2": lambda s: calendar(event("RRULE:FREQ=DAILY" + ";A=1" * (s // 4) + "\r\n")),
    "rule parts3": lambda s: calendar(
        event("RRULE:FREQ=DAILY" + fill(lambda i: f";A{i}=1", s) + "\r\n")
    ),
    "v1 rule": lambda s: calendar(event("RRULE:MP1 " + "1+ MO " * (s // 6) + "#0\r\n")),
    "v1 rule ordinals": lambda s: calendar(
        event("RRULE:MP1 " + "1+ " * (s // 6) + "MO " * (s // 6) + "#0\r\n")
    ),
    "v1 rule ordinals distinct": lambda s: calendar(
        fill(
            lambda i: event(
                "RRULE:MP1 "
                + "".join(f"{k}+ " for k in range(1, 999))
                + "MO TU WE TH " * 1000
                + "#0\r\n",
                i,
            ),
            s,
        )
    ),
    "exdates": lambda s: calendar(event("EXDATE:20300101T090000Z\r\n" * (s // 26))),
    "exdates 4999": lambda s: calendar(
        fill(
            lambda i: event(
                "RRULE:FREQ=DAILY\r\nEXDATE:" + ",".join(["20300101T090000Z"] * 4990) + "\r\n", i
            ),
            s,
        )
    ),
    "rdates 4999": lambda s: calendar(
        fill(
            lambda i: event(
                "RDATE:"
                + ",".join(
                    f"2030{j % 12 + 1:02}01T{j // 60 % 24:02}{j % 60:02}00Z" for j in range(4990)
                )
                + "\r\n",
                i,
            ),
            s,
        )
    ),
    "rdates zone": lambda s: calendar(
        fill(
            lambda i: event(
                "RDATE;TZID=Europe/Berlin:"
                + ",".join(
                    f"2030{j % 12 + 1:02}01T{j // 60 % 24:02}{j % 60:02}00" for j in range(4990)
                )
                + "\r\n",
                i,
            ),
            s,
        )
    ),
    "rdates of days": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:{i}\nDTSTART;VALUE=DATE:20300101\nRRULE:FREQ=WEEKLY\nEXDATE:"
                + ",".join(
                    f"2030{j % 12 + 1:02}01T{j // 60 % 24:02}{j % 60:02}00Z" for j in range(4990)
                )
                + "\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "alarms in one": lambda s: calendar(
        event("BEGIN:VALARM\nTRIGGER:-PT5M\nACTION:DISPLAY\nEND:VALARM\n" * (s // 56))
    ),
    "alarms in one distinct": lambda s: calendar(
        event(
            fill(
                lambda i: (
                    f"BEGIN:VALARM\nTRIGGER:-PT{i}M\nACTION:DISPLAY\nREPEAT:9\nDURATION:PT1M\nEND:VALARM\n"
                ),
                s,
            )
        )
    ),
    "alarms texts": lambda s: calendar(
        event(
            fill(lambda i: f"SUMMARY:a{i}\nDESCRIPTION:b{i}\n", s // 2)
            + fill(lambda i: f"BEGIN:VALARM\nTRIGGER:-PT5M\nDESCRIPTION:{i}\nEND:VALARM\n", s // 2)
        )
    ),
    "alarms props": lambda s: calendar(
        event("BEGIN:VALARM\nTRIGGER:-PT5M\n" + "TRIGGER:-PT5M\n" * (s // 14) + "END:VALARM\n")
    ),
    "aalarm": lambda s: calendar(event("AALARM:20300101T084500Z;;;\n" * (s // 27))),
    "aalarm bad": lambda s: calendar(event("AALARM:x;;;\n" * (s // 12))),
    "alarm actions": lambda s: calendar(
        event(fill(lambda i: f"BEGIN:VALARM\nACTION:X{i}\nEND:VALARM\n", s))
    ),
    "alarm errors": lambda s: calendar(event("BEGIN:VALARM\nEND:VALARM\n" * (s // 24))),
    "x-props same": lambda s: calendar(event("X-A:1\n" * (s // 6))),
    "x-props distinct": lambda s: calendar(event(fill(lambda i: f"X-A{i}:1\n", s))),
    "x-props params": lambda s: calendar(event("X-A;B=1:1\n" * (s // 10))),
    "summary repeat": lambda s: calendar(event("SUMMARY:1\n" * (s // 10))),
    "uid repeat": lambda s: calendar(event("UID:1\n" * (s // 6))),
    "dtstart repeat": lambda s: calendar(event("DTSTART:20300101\n" * (s // 17))),
    "rrule repeat": lambda s: calendar(event("RRULE:FREQ=DAILY\n" * (s // 17))),
    "categories": lambda s: calendar(event("CATEGORIES:a,b,c\n" * (s // 17))),
    "categories one": lambda s: calendar(event("CATEGORIES:" + "a," * (s // 2) + "\n")),
    "categories many": lambda s: calendar(
        fill(lambda i: event("CATEGORIES:" + "a," * 9000 + "\n", i), s)
    ),
    "attendees": lambda s: calendar(
        event("ATTENDEE;CN=x;ROLE=y;PARTSTAT=z:mailto:a@b\n" * (s // 43))
    ),
    "comments": lambda s: calendar(event("COMMENT:a\nCONTACT:c\nLOCATION:d\nURL:e\n" * (s // 42))),
    "one huge line": lambda s: calendar(event("DESCRIPTION:" + "a" * s + "\n")),
    "huge summary": lambda s: calendar(event("SUMMARY:" + "{" * s + "\n")),
    "huge desc many": lambda s: calendar(
        fill(lambda i: event("DESCRIPTION:" + "{" * 100000 + "\n", i), s)
    ),
    "esc desc many": lambda s: calendar(
        fill(lambda i: event("DESCRIPTION:" + "\\n" * 50000 + "\n", i), s)
    ),
    "folded 1": lambda s: calendar(event("DESCRIPTION:a\n" + " a\n" * (s // 3))),
    "folded empty": lambda s: calendar(event("DESCRIPTION:a\n" + " \n" * (s // 2))),
    "soft": lambda s: calendar(
        event("DESCRIPTION;ENCODING=QUOTED-PRINTABLE:a=\n" + "a=\n" * (s // 3))
    ),
    "soft empty": lambda s: calendar(
        event("DESCRIPTION;ENCODING=QUOTED-PRINTABLE:a=\n" + "=\n" * (s // 2))
    ),
    "qp": lambda s: calendar(
        event("DESCRIPTION;ENCODING=QUOTED-PRINTABLE:" + "=41" * (s // 3) + "\n")
    ),
    "b64": lambda s: calendar(event("DESCRIPTION;ENCODING=BASE64:" + "QUFB" * (s // 4) + "\n")),
    "tiny lines": lambda s: calendar("\n" * s),
    "tiny cr": lambda s: calendar("\r" * s),
    "tiny bad lines": lambda s: calendar("x\n" * (s // 2)),
    "tiny bad lines blanks": lambda s: calendar("x\n\n\n\n" * (s // 5)),
    "300k bad": lambda s: calendar(
        "x" * (s // 290000 - 1) + "\n" if s < 290000 else ("x" * (s // 290000 - 1) + "\n") * 290000
    ),
    "nesting": lambda s: calendar("BEGIN:A\n" * (s // 8)),
    "nest7": lambda s: calendar(("BEGIN:A\n" * 6 + "END:A\n" * 6) * (s // 84)),
    "components": lambda s: calendar("BEGIN:A\nEND:A\n" * (s // 14)),
    "components distinct": lambda s: calendar(fill(lambda i: f"BEGIN:A{i}\nEND:A{i}\n", s)),
    "vcalendars": lambda s: "BEGIN:VCALENDAR\nEND:VCALENDAR\n" * (s // 30),
    "vcalendars2": lambda s: fill(
        lambda i: "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Nowhere%d\nEND:VCALENDAR\n" % i, s
    ),
    "vcalendar zones": lambda s: fill(
        lambda i: (
            f"BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:A{i}\nBEGIN:STANDARD\nDTSTART:20000101T000000\nTZOFFSETFROM:+0{i % 9}{i % 50 + 10}\nTZOFFSETTO:+0{i % 9}{i % 50 + 10}\nEND:STANDARD\nEND:VTIMEZONE\nBEGIN:VEVENT\nDTSTART;TZID=A{i}:20300101T090000\nEND:VEVENT\nEND:VCALENDAR\n"
        ),
        s,
    ),
    "zones rules": lambda s: calendar(
        "".join(
            f"BEGIN:VTIMEZONE\nTZID:A{i}\nBEGIN:STANDARD\nDTSTART:20000101T000000\nRRULE:FREQ=YEARLY;BYMONTH={i % 12 + 1};BYDAY=1SU\nTZOFFSETFROM:+0{i % 9}{i % 50 + 10}\nTZOFFSETTO:+0{(i + 1) % 9}{i % 50 + 10}\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:20000101T000000\nRRULE:FREQ=YEARLY;BYMONTH={(i + 5) % 12 + 1};BYDAY=1SU\nTZOFFSETTO:+0{i % 9}{i % 50 + 10}\nTZOFFSETFROM:+0{(i + 1) % 9}{i % 50 + 10}\nEND:DAYLIGHT\nEND:VTIMEZONE\n"
            for i in range(199)
        )
        + fill(
            lambda i: (
                f"BEGIN:VEVENT\nDTSTART;TZID=A{i % 199}:{1970 + i % 100}0101T090000\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "zone obs": lambda s: calendar(
        "BEGIN:VTIMEZONE\nTZID:A\n"
        + fill(
            lambda i: (
                f"BEGIN:STANDARD\nDTSTART:{1900 + i % 200}0101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0{i % 9}{i % 50 + 10}\nRDATE:{1900 + i % 200}0601T000000\nEND:STANDARD\n"
            ),
            s,
        )
        + "END:VTIMEZONE\n"
        + "".join(
            f"BEGIN:VEVENT\nDTSTART;TZID=A:{1970 + i % 100}0101T090000\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
            for i in range(3000)
        )
    ),
    "zone obs rules": lambda s: calendar(
        "BEGIN:VTIMEZONE\nTZID:A\n"
        + fill(
            lambda i: (
                f"BEGIN:STANDARD\nDTSTART:{1900 + i % 200}0101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0{i % 9}{i % 50 + 10}\nRRULE:FREQ=DAILY\nEND:STANDARD\n"
            ),
            s,
        )
        + "END:VTIMEZONE\n"
        + "".join(
            f"BEGIN:VEVENT\nDTSTART;TZID=A:{1970 + i % 100}0101T090000\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
            for i in range(3000)
        )
    ),
    "tzids": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nDTSTART;TZID=Foo{i}/Bar, City {i}:20300101T090000\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "tzids offsets": lambda s: calendar(
        fill(
            lambda i: (
                f'BEGIN:VEVENT\nDTSTART;TZID="GMT+0{i % 10}{i % 60:02} ":20300101T090000\nEND:VEVENT\n'
            ),
            s,
        )
    ),
    "tzid long": lambda s: calendar(
        fill(
            lambda i: (
                "BEGIN:VEVENT\nDTSTART;TZID=" + "a/" * 3000 + f"{i}:20300101T090000\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "tzid colons": lambda s: calendar(
        fill(lambda i: "BEGIN:VEVENT\nDTSTART;TZID=" + ":" * 60000 + f"{i}:x\nEND:VEVENT\n", s)
    ),
    "params semis": lambda s: calendar(
        fill(lambda i: "BEGIN:VEVENT\nDTSTART" + ";a" * 60000 + ":x\nEND:VEVENT\n", s)
    ),
    "params quotes": lambda s: calendar(
        fill(lambda i: "BEGIN:VEVENT\nDTSTART;A=" + '"b",' * 30000 + '"b":x\nEND:VEVENT\n', s)
    ),
    "params quotes open": lambda s: calendar(
        fill(lambda i: "BEGIN:VEVENT\nDTSTART;A=" + '"' * 120000 + ":x\nEND:VEVENT\n", s)
    ),
    "params distinct": lambda s: calendar(
        fill(
            lambda i: (
                "BEGIN:VEVENT\nDTSTART"
                + "".join(f";p{j}=1" for j in range(9000))
                + ":x\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "params backslash": lambda s: calendar(
        fill(lambda i: "BEGIN:VEVENT\nDTSTART;A=" + "\\" * 120000 + ":x\nEND:VEVENT\n", s)
    ),
    "params caret": lambda s: calendar(
        fill(lambda i: "BEGIN:VEVENT\nDTSTART;A=" + "^n" * 60000 + ":x\nEND:VEVENT\n", s)
    ),
    "name blanks": lambda s: calendar(fill(lambda i: " " + " " * 120000 + "\n", s)),
    "name blanks2": lambda s: calendar(fill(lambda i: "A" + " " * 120000 + "\n", s)),
    "name nbsp": lambda s: calendar(fill(lambda i: "\u00a0" * 60000 + "\n", s)),
    "same uid masters": lambda s: calendar(
        fill(lambda i: f"BEGIN:VEVENT\nUID:a\nSUMMARY:{i}\nDTSTART:20300101\nEND:VEVENT\n", s)
    ),
    "same uid seq": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:a\nSEQUENCE:{i}\nSUMMARY:{i}\nDTSTART:20300101\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "same uid masters dtstarts": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:a\nSUMMARY:{i}\n" + "DTSTART:20300101\n" * 3 + "END:VEVENT\n"
            ),
            s,
        )
    ),
    "uid masters x changes": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:a\nSUMMARY:{i}\nDTSTART:20300101\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
            ),
            s // 2,
        )
        + fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:2030{i % 12 + 1:02}{i % 28 + 1:02}\nSUMMARY:{i}\nDTSTART:20300101\nEND:VEVENT\n"
            ),
            s // 2,
        )
    ),
    "uid masters x changes min": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:a\nSUMMARY:{i}\nDTSTART:20300101T000000\nRRULE:FREQ=MINUTELY\nEND:VEVENT\n"
            ),
            s // 2,
        )
        + fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:2030{i % 12 + 1:02}{i % 28 + 1:02}T000001\nSUMMARY:{i}\nDTSTART:20300101T000000\nEND:VEVENT\n"
            ),
            s // 2,
        )
    ),
    "changes of one": lambda s: calendar(
        event("RRULE:FREQ=HOURLY\r\n", 0)
        + fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:u0@x\nRECURRENCE-ID:2030{i // 24 % 12 + 1:02}{i // 288 % 28 + 1:02}T{i % 24:02}0000Z\nSUMMARY:{i}\nDTSTART:20300101T000000Z\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "changes same date": lambda s: calendar(
        event("RRULE:FREQ=HOURLY\r\n", 0)
        + fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:u0@x\nRECURRENCE-ID:20300102T090000Z\nSUMMARY:{i}\nDTSTART:20300101T000000Z\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "cancelled starts": lambda s: calendar(
        fill(
            lambda i: (
                f"BEGIN:VEVENT\nUID:a\nSTATUS:CANCELLED\nSUMMARY:{i}\nDTSTART:20300101\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "method cancel": lambda s: calendar("METHOD:CANCEL\n" * (s // 14)),
    "todos": lambda s: calendar(
        fill(lambda i: f"BEGIN:VTODO\nUID:{i}\nDUE:20300101T090000\nEND:VTODO\n", s)
    ),
    "latin": lambda s: calendar(fill(lambda i: event("", i), s)).replace("t", "é"),
    "binary": lambda s: "\x01\x02é" * (s // 4),
    "v1 escapes": lambda s: (
        "BEGIN:VCALENDAR\nVERSION:1.0\n"
        + fill(
            lambda i: (
                "BEGIN:VEVENT\nDTSTART:20300101\nCATEGORIES:" + "a;" * 30000 + "\nEND:VEVENT\n"
            ),
            s,
        )
        + "END:VCALENDAR\n"
    ),
    "percent": lambda s: calendar(event("DESCRIPTION;A=1:" + "%" * s + "\n")),
    "x-foam": lambda s: calendar(event("X-FOAM-A:1\n" * (s // 11))),
    "durations": lambda s: calendar(
        fill(lambda i: event(f"DURATION:P{i}D\nX-APPLE-TRAVEL-DURATION:P1D\n", i), s)
    ),
    "v1 fold": lambda s: (
        "BEGIN:VCALENDAR\nVERSION:1.0\nBEGIN:VEVENT\nDESCRIPTION;QUOTED-PRINTABLE:=\n"
        + " a=\n" * (s // 4)
        + "END:VEVENT\nEND:VCALENDAR\n"
    ),
    "casefold": lambda s: calendar(
        fill(
            lambda i: (
                "BEGIN:VEVENT\nDTSTART;TZID="
                + "\u0390" * 30000
                + f"{i}:20300101T090000\nEND:VEVENT\n"
            ),
            s,
        )
    ),
    "alarm texts fold": lambda s: calendar(
        event("BEGIN:VALARM\nTRIGGER:PT1M\nDESCRIPTION:" + "\ufb03" * 40000 + "\nEND:VALARM\n")
        * (s // 120000 + 1)
    ),
}
SHAPES["icalendar"] = ICALENDAR
SHAPES["system-crontab"] = {
    "huge user": lambda s: "* * * * * " + "a" * s + " b\n",
    "distinct": lambda s: fill(lambda i: f"0 9 * * * root a{i}\n", s),
}
