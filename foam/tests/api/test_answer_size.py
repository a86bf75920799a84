"""Answers to hostile requests are not much larger than these, and cheap to make."""

import json
import time

import pytest

from reminders.models import Reminder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken")]

B = "/api/v1/"
MANY = 30_000
TEA = {"title": "Tea", "starts_at": "2030-01-01T09:00:00"}
NAMES = {f"nobody_knows_{n}": n for n in range(MANY)}
LONG = "x" * 900_000

BODIES = {
    "unknown names": ("reminders/", NAMES),
    "unknown names of a channel": ("channels/", NAMES),
    "unknown names of a token": ("tokens/", NAMES),
    "unknown names of a pause": ("pauses/", NAMES),
    "unknown names of a sentence": ("reminders/parse/", NAMES),
    "unknown names of a preview": ("reminders/preview/", NAMES),
    "unknown names of a batch": ("reminders/batch/", NAMES),
    "a long name": ("reminders/", {LONG: 1}),
    "a long choice": ("reminders/", {**TEA, "gap": LONG}),
    "a long zone": ("reminders/", {**TEA, "timezone": LONG}),
    "a long rule": ("reminders/", {**TEA, "recurrence": LONG}),
    "a long title": ("reminders/", {**TEA, "title": LONG}),
    "a long time": ("reminders/", {**TEA, "starts_at": LONG}),
    "a long sentence": ("reminders/parse/", {"text": LONG}),
    "a long kind": ("channels/", {"kind": LONG}),
    "a long address": ("channels/", {"kind": "webhook", "address": LONG}),
    "a long scope": ("tokens/", {"name": "t", "scopes": [LONG]}),
    "many dates": ("reminders/", {**TEA, "exdates": ["no"] * MANY}),
    "many leads": ("reminders/", {**TEA, "leads": ["no"] * MANY}),
    "many tags": ("reminders/", {**TEA, "tags": [5] * MANY}),
    "many long tags": ("reminders/", {**TEA, "tags": ["y" * 60] * 20}),
    "many dates within the limit": ("reminders/", {**TEA, "exdates": ["no"] * 500}),
    "many channels": ("reminders/", {**TEA, "channels": list(range(1, MANY))}),
    "one channel many times": ("reminders/", {**TEA, "channels": [1] * MANY}),
    "many scopes": ("tokens/", {"name": "t", "scopes": ["no"] * MANY}),
    "many items": ("reminders/batch/", {"items": [{}] * MANY}),
    "items that are none": ("reminders/batch/", {"items": [5] * 1000}),
    "items of unknown names": (
        "reminders/batch/",
        {"items": [{"op": "create", "fields": dict(list(NAMES.items())[:25])}] * 1000},
    ),
    "items with unknown names": ("reminders/batch/", {"items": [{"op": "create", "a": 1}] * 1000}),
    "items with long choices": (
        "reminders/batch/",
        {"items": [{"op": "create", "fields": {**TEA, "gap": "z" * 800}}] * 1000},
    ),
    "items with many dates": (
        "reminders/batch/",
        {"items": [{"op": "create", "fields": {**TEA, "exdates": ["no"] * 100}}] * 1000},
    ),
}


@pytest.mark.parametrize("shape", BODIES)
def test_answer_is_about_as_large_as_the_question(api, shape):
    path, body = BODIES[shape]
    raw = json.dumps(body, separators=(",", ":"))
    assert len(raw) < 1024 * 1024
    began = time.process_time()
    answer = api.generic("POST", B + path, raw, "application/json")
    assert len(answer.content) <= 2 * len(raw) + 10_000
    assert time.process_time() - began < 2
    assert answer.status_code in {200, 400}
    assert not Reminder.objects.exists()


def test_first_unknown_name_says_what_is_allowed_and_the_last_line_how_many_are_left(api):
    errors = api.post(f"{B}reminders/", NAMES).json()["errors"]
    assert errors[0]["detail"].startswith("Unknown field. Allowed: title, body,")
    assert [error["code"] for error in errors] == ["unknown"] * 20 + ["more"]
    assert errors[-1]["detail"] == "… and 29,980 more."
    assert sum("Allowed" in error["detail"] for error in errors) == 1


def test_smallest_items_of_a_batch_have_each_an_error(api):
    answer = api.post(f"{B}reminders/batch/", {"items": [{"op": "create"}] * 1000})
    results = answer.json()["results"]
    assert all(result["errors"] for result in results)
    assert len(answer.content) < 300_000


@pytest.mark.parametrize(
    "line",
    [
        {"type": "reminder", **TEA, "gap": "z" * 500},
        {"type": "reminder"},
        {"type": "reminder", **TEA, "leads": ["no"] * 10},
        {"type": "channel", "kind": "z" * 500, "address": "y" * 500},
    ],
)
def test_report_of_an_import_is_about_as_large_as_the_file(api, line):
    file = "\n".join([json.dumps({"type": "foam", "version": 1}), *[json.dumps(line)] * 500])
    answer = api.generic("POST", f"{B}reminders/import/", file, "application/x-ndjson")
    assert len(answer.content) <= 2 * len(file) + 150_000
    assert answer.status_code in {200, 400}
