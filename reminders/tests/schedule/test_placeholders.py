import pytest
from django.core.exceptions import ValidationError

from notifications.models import Delivery
from reminders.engine import tick
from reminders.models import Reminder
from reminders.schedule.placeholders import PLACEHOLDERS, placeholder_error, render

VALUES = {name: f"<{name}>" for name in PLACEHOLDERS}


def test_every_placeholder_is_filled_in():
    text = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    assert placeholder_error(text) == ""
    assert render(text, VALUES, 200) == "<due> <due_date> <due_time> <lead> <number>"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{dew}", "There is no placeholder {dew}."),
        ("{}", "There is no placeholder {}."),
        ("{due }", "There is no placeholder {due }."),
        ("{due.__class__}", "There is no placeholder {due.__class__}."),
        ("{due!r}", "There is no placeholder {due!r}."),
        ("{number:>1000000000}", "There is no placeholder {number:>1000000000}."),
        ("{" + "x" * 5000 + "}", "There is no placeholder {" + "x" * 30 + "…}."),
        ("{due", "A single { is part of no placeholder."),
        ("{due}}", "A single } is part of no placeholder."),
        ("{{{", "A single { is part of no placeholder."),
        ("{due\n{due}", "A single { is part of no placeholder."),
    ],
)
def test_broken_template_is_told_what_is_wrong_and_shown_as_it_is(text, named):
    assert placeholder_error(text).startswith(named)
    assert "Use {due}, {due_date}, {due_time}, {lead} or {number}" in placeholder_error(text)
    assert render(text, VALUES, 20_000) == text


@pytest.mark.parametrize("text", ["", "plain", "}", "}}", "10 % {{off}}"])
def test_text_without_a_placeholder_is_good(text):
    assert placeholder_error(text) == ""


def test_what_is_filled_in_is_not_read_again():
    assert render("{{due}} {due}", {**VALUES, "due": "{lead}"}, 200) == "{due} {lead}"


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["title", "body"])
def test_broken_template_is_refused_at_save_and_its_field_named(make_reminder, field):
    with pytest.raises(ValidationError) as refused:
        make_reminder(**{field: "Take {dose}"})
    assert list(refused.value.message_dict) == [field]
    assert not Reminder.objects.exists()


@pytest.mark.django_db
def test_title_with_a_brace_from_before_there_were_templates_still_fires(reminder, now, woken):
    Reminder.objects.update(title="a { b", body='{"x": {"y": 1}}')
    tick.run(now)
    delivery = Delivery.objects.get()
    assert (delivery.title, delivery.body) == ("a { b", '{"x": {"y": 1}}')
