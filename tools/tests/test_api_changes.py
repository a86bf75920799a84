"""Every change of the API is listed in docs/api-changes.md."""

import copy
import json

import pytest

from tools import api_changes
from tools.api_changes import ApiChange

DOCUMENT = json.loads(api_changes.DOCUMENT.read_text())
LIST = "/api/v1/reminders/"


def actual():
    before = json.loads(api_changes.BASELINE.read_text())
    return api_changes.changes(before, api_changes.surface_of(DOCUMENT))


def changed(edit):
    """Return the changes that an edit of the document makes."""
    document = copy.deepcopy(DOCUMENT)
    edit(document)
    surfaces = map(api_changes.surface_of, (DOCUMENT, document))
    return [str(change) for change in api_changes.changes(*surfaces)]


def schema(document, name):
    return document["components"]["schemas"][name]


def test_changelog_lists_every_change():
    listed = api_changes.listed_changes(api_changes.CHANGELOG.read_text())
    missing = [str(change) for change in api_changes.unlisted(actual(), listed)]
    assert not missing, "Tell of them in docs/api-changes.md, under Unreleased."


def test_changelog_lists_no_change_that_was_not_made():
    listed = api_changes.listed_changes(api_changes.CHANGELOG.read_text())
    assert not api_changes.outdated(actual(), listed)


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (lambda d: schema(d, "Reminder")["properties"].pop("title"), "removed `Reminder.title`"),
        (
            lambda d: schema(d, "Reminder")["properties"].update(mood={"type": "string"}),
            "added `Reminder.mood`",
        ),
        (
            lambda d: schema(d, "ReminderRequest")["required"].append("body"),
            "changed `ReminderRequest.body`",
        ),
        (lambda d: schema(d, "Gap")["enum"].append("never"), "changed `Gap`"),
        (lambda d: d["paths"][LIST].pop("get"), "removed `reminders_list`"),
        (lambda d: d["paths"][LIST]["get"]["responses"].pop("410"), "removed `reminders_list 410`"),
        (
            lambda d: d["paths"][LIST]["get"]["parameters"].append(
                {"name": "mood", "in": "query", "schema": {"type": "string"}}
            ),
            "added `reminders_list?mood`",
        ),
        (lambda d: d["webhooks"].pop("reminder.due"), "removed `webhook reminder.due`"),
        (lambda d: d["components"]["headers"].pop("ETag"), "removed `header ETag`"),
    ],
)
def test_change_that_a_program_could_notice_is_named(edit, change):
    assert changed(edit) == [change]


def test_other_words_are_no_change():
    assert not changed(lambda d: schema(d, "Reminder").update(description="Another."))
    assert not changed(lambda d: schema(d, "Reminder")["properties"]["id"].update(title="Id"))


def test_field_that_is_called_as_a_word_of_the_schema_is_no_word():
    change = changed(lambda d: schema(d, "Reminder")["properties"]["title"].update(maxLength=9))
    assert change == ["changed `Reminder.title`"]


def test_line_with_an_asterisk_lists_every_name_that_it_fits():
    listed = api_changes.listed_changes(
        "# A\n\n## Unreleased\n\n* added `* 503`\n\n## 1\n\nadded `b`"
    )
    changes = [ApiChange("added", "me_retrieve 503"), ApiChange("added", "b")]
    assert api_changes.unlisted(changes, listed) == [ApiChange("added", "b")]
