"""The word check finds each kind of offence."""

import pytest

from tools import word_check
from tools.word_check import offences_in, repeated_classes

OFFENCES = [
    ('"""Whatever is late."""', 1, 'docstring: "Whatever"'),
    ('class Row:\n    """Name what of it is told."""', 1, 'docstring: "what of"'),
    ('async def send():\n    """Send those that wait."""', 1, 'docstring: "those that"'),
    ('def due():\n    """Who is reminded."""', 1, 'docstring begins with "Who"'),
    ('"""How a tick works."""', 1, 'docstring begins with "How"'),
    ("x = 1\nx = 2  # nobody reads it", 2, 'comment: "nobody"'),
    ("found = 1", 1, 'name: "found"'),
    ("_KEPT: int = 1", 1, 'name: "_KEPT"'),
    ("def send(*, asked): ...", 1, 'name: "asked"'),
    ("def told(): ...", 1, 'name: "told"'),
    ("for each in (): ...", 1, 'name: "each"'),
    ("try: ...\nexcept ValueError as why: ...", 2, 'name: "why"'),
    ("def tick(): ...", 1, 'the function "tick" is called like its module'),
]


@pytest.mark.parametrize(("source", "line", "text"), OFFENCES)
def test_each_kind_is_found(source, line, text):
    (offence,) = offences_in(source, "reminders/engine/tick.py")
    assert (offence.path, offence.line) == ("reminders/engine/tick.py", line)
    assert offence.text.startswith(text)


@pytest.mark.parametrize(
    "source",
    [
        '"""Return the reminders due at `now`, oldest first."""',
        'def is_late():\n    """Whether the reminder is overdue."""',
        "tick = 1  # No other worker takes a leased row.",
        "print(found)",
        "class A:\n    def tick(self): ...",
    ],
)
def test_plain_words_are_taken(source):
    assert not list(offences_in(source, "reminders/engine/tick.py"))


def test_package_is_not_called_like_its_function_either():
    assert list(offences_in("def doctor(): ...", "foam/doctor/__init__.py"))


def test_name_is_counted_once_a_line():
    assert len(list(offences_in("found, found = 1, 2\nfound = 3", "a.py"))) == 2


def test_class_name_of_two_files_is_an_offence_in_both():
    sources = {"a.py": "class Plan: ...", "b.py": "\nclass Plan: ...", "c.py": "class Row: ..."}
    assert [str(offence) for offence in repeated_classes(sources)] == [
        "a.py:1: class Plan is defined in b.py:2 too",
        "b.py:2: class Plan is defined in a.py:1 too",
    ]


def test_every_management_command_is_called_command():
    assert not list(repeated_classes({"a.py": "class Command: ...", "b.py": "class Command: ..."}))


def test_tests_and_migrations_are_left_out():
    files = [str(file) for file in word_check.python_files([word_check.PROJECT / "tools"])]
    assert files
    assert not [file for file in files if "/tests/" in file or "/migrations/" in file]
