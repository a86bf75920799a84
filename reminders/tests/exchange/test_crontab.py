"""Crontabs, as cron(8) reads them."""

import pytest

from reminders.exchange import crontab
from reminders.exchange.limits import Unreadable

MINE = rb"""
# m h  dom mon dow   command
MAILTO=ada@example.com

# Back up the database
0 3 * * * /usr/bin/backup --all
*/15 9-17 * * mon-fri  check
@weekly rotate {logs}
@reboot warm-up
CRON_TZ=Europe/Berlin
30 18 1,15 * * mail -s "50\% off" ada%Dear Ada,%hello
#0 5 * * * old
0 6 * * * new
"""


def read(content, read=crontab.read):
    return read(content, "UTC")


def by_title(reading):
    return {draft.fields["title"]: draft for draft in reading.drafts}


@pytest.fixture
def mine():
    return read(MINE)


def test_each_line_is_a_reminder_of_its_command(mine):
    draft = by_title(mine)["check"]
    assert draft.where == "line 7"
    assert draft.fields == {
        "title": "check",
        "body": "check",
        "starts_at": "2000-01-01T00:00:00",
        "timezone": "UTC",
        "recurrence": "*/15 9-17 * * 1-5",
        "external_id": draft.fields["external_id"],
    }


def test_comment_right_above_a_line_is_its_title(mine):
    draft = by_title(mine)["Back up the database"]
    assert draft.fields["body"] == "/usr/bin/backup --all"


def test_comment_of_several_lines_is_a_title_as_a_whole():
    content = b"""
# Of something else

# Adjust the time zone if the CMOS clock keeps local time, as opposed to
# UTC time.  See adjkerntz(8) for details.
1,31 0-5 * * * root adjkerntz -a
"""
    (draft,) = read(content, crontab.read_system).drafts
    assert draft.fields["title"] == (
        "Adjust the time zone if the CMOS clock keeps local time, as opposed to UTC time. "
        "See adjkerntz(8) for details."
    )


def test_comment_before_an_entry_that_was_switched_off_is_that_entrys():
    content = b"# Back up\n#0 3 * * * backup\n# Clean up\n0 4 * * * clean\n"
    assert list(by_title(read(content))) == ["Clean up"]


def test_entry_that_was_switched_off_is_no_title(mine):
    assert "new" in by_title(mine)


def test_nickname_is_written_out(mine):
    assert by_title(mine)["rotate {{logs}}"].fields["recurrence"] == "0 0 * * 0"


@pytest.mark.parametrize(
    ("nickname", "schedule"),
    [
        ("@hourly", "0 * * * *"),
        ("@DAILY", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
    ],
)
def test_nicknames(nickname, schedule):
    (draft,) = read(f"{nickname} x".encode()).drafts
    assert draft.fields["recurrence"] == schedule


def test_zone_counts_for_the_lines_below_it(mine):
    zones = [draft.fields["timezone"] for draft in mine.drafts]
    assert zones == ["UTC", "UTC", "UTC", "Europe/Berlin", "Europe/Berlin"]


def test_percent_begins_what_the_command_reads(mine):
    body = 'mail -s "50% off" ada\nDear Ada,\nhello'
    assert body in {draft.fields["body"] for draft in mine.drafts}


def test_what_is_not_carried_over_is_told(mine):
    assert [(loss.where, loss.what) for loss in mine.losses] == [
        ("the file", crontab.REMINDS),
        ("line 3", "MAILTO=ada@example.com is for commands, which FOAM does not run."),
        ("line 9", "@reboot is no time, so this is not carried over: warm-up"),
    ]


def test_plain_tz_is_read_as_the_zone_and_told():
    reading = read(b"TZ=Asia/Tokyo\n0 6 * * * x")
    assert reading.drafts[0].fields["timezone"] == "Asia/Tokyo"
    assert "Asia/Tokyo" in reading.losses[1].what


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("0 12 ? * WED", "cron day of month ?"),
        ("61 * * * *", "must be 0 to 59"),
        ("0~30 * * * *", "cron minute 0~30"),
        ("0 0 * * fri-mon", "a range runs upwards"),
        ("0 0 * * 1#6", "the number after # must be 1 to 5"),
    ],
)
def test_dialect_is_told_in_the_words_of_the_engine(schedule, why):
    reading = read(f"{schedule} x".encode())
    assert reading.drafts == []
    assert why in reading.losses[0].what


def test_same_line_twice_is_one_reminder():
    reading = read(b"0 6 * * * x\n0 6 * * *   x")
    assert len(reading.drafts) == 1
    assert reading.losses[1].what == "Is the same as line 1: one reminder is enough."


def test_line_keeps_its_id_wherever_it_stands():
    one, two = read(b"0 6 * * * x").drafts, read(b"\n# X\n0 6  * * * x\n").drafts
    assert one[0].fields["external_id"] == two[0].fields["external_id"]


def test_crontab_of_the_system_has_a_user_in_each_line():
    content = b"SHELL=/bin/sh\n17 *\t* * *\troot\tcd / && run-parts /etc/cron.hourly\n"
    (draft,) = read(content, crontab.read_system).drafts
    assert draft.fields["title"] == "cd / && run-parts /etc/cron.hourly"
    assert draft.fields["body"] == "cd / && run-parts /etc/cron.hourly\n(as root)"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"hello world", 1),
        (b"0 6 * * * x\n0 6 * * *", 2),
        (b"\n\xff\xfe\n", 2),
        (b"BEGIN:VCALENDAR\nVERSION:2.0\n", 1),
        (b'{"type":"foam","version":1}', 1),
        (b"\0\0\0", 1),
    ],
)
def test_what_is_no_crontab_is_refused_with_the_line(content, line):
    with pytest.raises(Unreadable, match=f"^Line {line}: "):
        read(content)


def test_long_command_has_a_title_that_fits():
    (draft,) = read(b"0 6 * * * " + b"{x}" * 300).drafts
    assert len(draft.fields["title"]) <= 200
    assert draft.fields["title"].endswith("…")
