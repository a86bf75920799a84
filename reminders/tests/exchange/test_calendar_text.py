"""The text of calendars: encodings, old phones, lines that cannot be read, and sizes."""

import base64
import quopri

import pytest

from reminders.exchange.drafts import FileContent
from reminders.exchange.icalendar.file_reader import read
from reminders.exchange.limits import COMMAND, WEB, Unreadable
from reminders.tests.exchange.calendars import alarm, calendar, event

HOME = "Europe/Berlin"
TEXT = "Käse für Łódź, 日本 — und vieles mehr, was in eine Zeile nicht passt; Ende = aus"


def told(reading: FileContent) -> str:
    return "\n".join(f"{loss.where}: {loss.what}" for loss in reading.losses)


def title(line: bytes) -> str:
    content = calendar(event("SUMMARY:HERE")).replace(b"SUMMARY:HERE", line)
    (draft,) = read(content, HOME).drafts
    return draft.fields["title"]


@pytest.mark.parametrize(
    ("line", "read_as"),
    [
        (b"SUMMARY;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:K=C3=A4se=20kaufen", "Käse kaufen"),
        (b"SUMMARY;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:K=E4se", "Käse"),
        (b"SUMMARY;ENCODING=QUOTED-PRINTABLE:K=e4se", "Käse"),
        (b"SUMMARY;QUOTED-PRINTABLE:K=C3=A4se", "Käse"),
        (b"SUMMARY;ENCODING=BASE64:S8Okc2U=", "Käse"),
        (b"SUMMARY;ENCODING=b;CHARSET=utf-8:S8Okc2U=", "Käse"),
        (b"SUMMARY;BASE64:S8Ok\r\n c2U=", "Käse"),
        (b"SUMMARY;CHARSET=ISO-8859-1:K\xe4se", "Käse"),
        (b"SUMMARY;CHARSET=windows-1251:\xd1\xfb\xf0", "Сыр"),
        (b"SUMMARY;CHARSET=NONSENSE:K\xc3\xa4se", "Käse"),
        (b"SUMMARY;ENCODING=8BIT:Kuchen=20", "Kuchen=20"),
        (b"SUMMARY:K=C3=A4se", "K=C3=A4se"),
        (b"SUMMARY;ENCODING=QUOTED-PRINTABLE:Zeile=\r\n zwei", "Zeilezwei"),
        (b"SUMMARY;ENCODING=QUOTED-PRINTABLE:K=C3=\r\n =A4se", "Käse"),
        (b"SUMMARY;ENCODING=QUOTED-PRINTABLE:K=C3=\r\n=A4se", "Käse"),
    ],
)
def test_encoded_text_is_read(line, read_as):
    assert title(line) == read_as


def test_text_that_another_program_has_encoded_is_read_whole():
    quoted = quopri.encodestring(TEXT.encode()).replace(b"\n", b"\r\n")
    assert b"=\r\n" in quoted
    assert title(b"SUMMARY;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:" + quoted) == TEXT
    coded = base64.encodebytes(TEXT.encode()).replace(b"\n", b"\r\n ").strip()
    assert title(b"SUMMARY;ENCODING=BASE64;CHARSET=UTF-8:" + coded) == TEXT


def test_line_after_a_text_that_ends_with_an_equals_sign_is_one_of_its_own():
    lines = "DESCRIPTION;ENCODING=QUOTED-PRINTABLE:Text=0D=0A=", "", "LOCATION:Home"
    (draft,) = read(calendar(event(*lines)), HOME).drafts
    assert draft.fields["body"] == "Text\n\nWhere: Home"


def test_old_phone_folds_at_blanks_and_keeps_them():
    content = calendar(event("SUMMARY;ENCODING=QUOTED-PRINTABLE:M=C3=BCll und=", " Papier"))
    (draft,) = read(content.replace(b"VERSION:2.0", b"VERSION:1.0"), HOME).drafts
    assert draft.fields["title"] == "Müll und Papier"


@pytest.mark.parametrize(
    "line", ["SUMMARY;ENCODING=BASE64:%%%", "SUMMARY;ENCODING=X-UU:abc", "no property"]
)
def test_line_that_cannot_be_read_is_told_with_its_number(line):
    content = calendar(event(line))
    number = content.decode().split("\r\n").index(line) + 1
    assert f"VEVENT: a line that cannot be read: line {number}" in told(read(content, HOME))


def test_latin_lines_are_read_as_such_and_that_is_told():
    content = calendar(event("SUMMARY:Kaese"), event("SUMMARY:Łódź"))
    reading = read(content.replace(b"Kaese", "Käse für 5 €".encode("cp1252")), HOME)
    assert [draft.fields["title"] for draft in reading.drafts] == ["Käse für 5 €", "Łódź"]
    assert "the file: line 6 is not UTF-8, and read as Windows-1252" in told(reading)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n", "Line 3: END:VCALENDAR without"),
        (b"BEGIN:VCALENDAR\r\nSUMMARY:\x81\r\nEND:VCALENDAR\r\n", "Line 2 is not UTF-8"),
        (b"BEGIN:VCALENDAR\r\nSUMMARY:\xff\xfe\r\nEND:VCALENDAR\r\n", "Line 2 is not UTF-8"),
        (b"BEGIN:VCALENDAR\r\nX:a\r\n b\0\r\nEND:VCALENDAR\r\n", "Line 2 holds the byte 0"),
        (b"\r" * 300_001, "It holds more than 300000 lines."),
        (b"BEGIN:VCALENDAR\r\n" * 100, "Line 9: components lie more than 8 deep"),
    ],
)
def test_what_is_refused_as_a_whole_names_the_line(content, message):
    with pytest.raises(Unreadable, match=message):
        read(content, HOME)


@pytest.mark.parametrize(
    ("rule", "read_as"),
    [
        ("D1 #10", "FREQ=DAILY;INTERVAL=1;COUNT=10"),
        ("D2 #0", "FREQ=DAILY;INTERVAL=2"),
        ("D1", "FREQ=DAILY;INTERVAL=1;COUNT=2"),
        ("W1 MO #4", "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO;COUNT=4"),
        ("W1 TU TH #5", "FREQ=WEEKLY;INTERVAL=1;BYDAY=TU,TH;COUNT=10"),
        ("W2 MO 20270201T000000Z", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;UNTIL=20270201T000000Z"),
        ("MP1 1+ FR #10", "FREQ=MONTHLY;INTERVAL=1;BYDAY=1FR;COUNT=10"),
        ("MP2 1+ 1- SU #5", "FREQ=MONTHLY;INTERVAL=2;BYDAY=1SU,-1SU;COUNT=10"),
        ("MP1 1+ MO 2+ TU #0", "FREQ=MONTHLY;INTERVAL=1;BYDAY=1MO,2TU"),
        ("MD1 2 15 #0", "FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=2,15"),
        ("MD1 LD #3", "FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=-1;COUNT=3"),
        ("YM1 6 7 #0", "FREQ=YEARLY;INTERVAL=1;BYMONTH=6,7"),
        ("YD3 1 100 #0", "FREQ=YEARLY;INTERVAL=3;BYYEARDAY=1,100"),
    ],
)
def test_rule_of_an_old_phone_is_read_and_told(rule, read_as):
    reading = read(calendar(event("DTSTART:20270104T090000Z", f"RRULE:{rule}")), HOME)
    assert f"its rule {rule} is of vCalendar 1.0, and is read as {read_as}" in told(reading)
    assert len(reading.drafts) == 1


@pytest.mark.parametrize("rule", ["W1 XX #4", "M5 #3", "YM1 6 MP1 1+ MO #0", "0 9 * * 1", ""])
def test_rule_of_no_calendar_is_refused_in_a_sentence_about_calendars(rule):
    reading = read(calendar(event(f"RRULE:{rule}")), HOME)
    assert reading.drafts == []
    assert "in its rule" in told(reading) or "it has no FREQ" in told(reading)
    assert "cron" not in told(reading)


def test_alarms_of_an_old_phone_are_leads_of_each_of_a_series():
    lines = "RRULE:W1 #3", "DALARM:20270104T084500Z;PT5M;1;Go", "AALARM:20270104T080000Z;;;ring.wav"
    (draft,) = read(calendar(event("DTSTART:20270104T090000Z", *lines)), HOME).drafts
    assert draft.fields["leads"] == ["PT10M", "PT15M", "PT1H"]


@pytest.mark.parametrize(
    ("head", "zone"),
    [
        ("TZ:+01\nDAYLIGHT:FALSE\n", "Europe/Berlin"),
        ("TZ:01\n", "Europe/Berlin"),
        ("TZ:-0500\n", "Etc/GMT+5"),
        ("TZ:+05:30\n", "Asia/Calcutta"),
    ],
)
def test_offset_of_an_old_phone_is_that_of_its_times(head, zone):
    (draft,) = read(calendar(event("DTSTART:20270104T090000"), head=head), HOME).drafts
    assert draft.fields["timezone"] == zone


def test_alarms_are_no_entries_of_a_calendar():
    events = [event(f"UID:{number}", alarm("TRIGGER:-PT5M")) for number in range(6_000)]
    assert len(read(calendar(*events), HOME).drafts) == len(events)


def test_command_reads_what_is_too_large_for_the_web():
    padding = "X-PADDING:" + "x" * 70_000 + "\n"
    content = calendar(event(), head=padding * 160)
    assert len(content) > WEB.megabytes * 1024 * 1024
    with pytest.raises(Unreadable, match="It is larger than 10 MiB"):
        read(content, HOME)
    assert len(read(content, HOME, COMMAND).drafts) == 1


def test_command_reads_more_entries_than_the_web():
    content = calendar(*["BEGIN:VEVENT\nDTSTART:20270104\nEND:VEVENT\n"] * (WEB.entries + 1))
    with pytest.raises(Unreadable, match="more than 10000 components"):
        read(content, HOME)
    assert len(read(content, HOME, COMMAND).drafts) == WEB.entries + 1
