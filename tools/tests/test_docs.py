"""What our pages promise: every command in them runs, and all that they name is there."""

import argparse
import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from django.db import connection, transaction

from benchmarks import __main__ as benchmarks
from foam.tests.pages.test_pages import CHROMIUM, FLAGS
from foam.tests.races.fences import COMMANDS, FENCES, PAGES, ROOT, Fence, name
from reminders.management.argument_types import user
from tools.capacity.options import add_arguments as capacity_arguments
from tools.docs_site.commands import make_targets, parser
from tools.docs_site.screenshots import FOLDER, LARGEST, SHOTS
from tools.drill.options import add_arguments as drill_arguments
from tools.tests.terminal import Terminal, committed, first_run, in_use, terminal

# What is to be read: output, data, code of others.
TO_READ = {"text", "json", "jsonl", "yaml", "python", "sql", "ini"}
# A line that looks like a command, where none is to be.
COMMAND = re.compile(r"^(\$ |make |curl |python3? |manage\.py |docker |sudo |cd |export |pip )")
# These begin where `make run` has just shown its first delivery, and go on from there.
WALKS = {"README.md", "docs/quickstart.md"}
RUN = [path for path in PAGES if any(f.is_run for f in FENCES if f.page == name(path))]
OPENAPI = json.loads((ROOT / "docs" / "openapi.json").read_text())
TARGETS = dict(make_targets())
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
SOURCES = [
    file
    for app in ("foam", "reminders", "notifications", "accounts", "tools", "benchmarks")
    for file in (ROOT / app).rglob("*.py")
]
TESTS = {
    test
    for file in SOURCES
    if file.name.startswith("test_")
    for test in re.findall(r"^ *def (test_\w+)", file.read_text(), re.MULTILINE)
}


def of_language(*languages: str) -> list[Fence]:
    return [fence for fence in FENCES if fence.language in languages]


@pytest.fixture(scope="module")
def site(django_db_setup, django_db_blocker) -> Iterator[Terminal]:
    folder = Path(tempfile.mkdtemp(prefix="foam-docs-"))
    try:
        with django_db_blocker.unblock(), terminal(folder) as here:
            yield here
    finally:
        shutil.rmtree(folder)


@pytest.mark.e2e
# Of the database itself nothing is asked within the test's own transaction.
@pytest.mark.django_db
@pytest.mark.parametrize("path", RUN, ids=name)
def test_commands_of_the_page_run(path: Path, site: Terminal):
    fences = [fence for fence in FENCES if fence.page == name(path) and fence.is_run]
    env = {}
    if name(path) in WALKS:
        committed(first_run, site)
    else:
        env["TOKEN"] = committed(in_use)
    done = site.run(fences, **env)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("fence", [fence for fence in FENCES if fence.is_parsed], ids=str)
def test_words_that_are_only_parsed_can_be_parsed(fence: Fence):
    for words in fence.commands:
        for part in split(words):
            check_words(part)


@pytest.mark.parametrize("fence", [f for f in FENCES if "docker compose" in f.text], ids=str)
def test_services_and_commands_for_docker_are_there(fence: Fence):
    for words in fence.commands:
        if words[:2] == ["docker", "compose"]:
            named = {word.partition("=")[0] for word in words if word.startswith("foam_")}
            assert named <= SERVICES.keys()
        if "manage.py" in words:
            check_words(words)


def split(words: list[str]) -> list[list[str]]:
    """Return the commands of a line that are joined by &&."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == "&&":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def check_words(words: list[str]) -> None:
    """Fail where a command would not understand its words; those that we know how to ask."""
    if words[0] == "make":
        target, asked = words[1], [word for word in words[2:] if word.startswith("ARGS=")]
        assert target in TARGETS, f"make {target}"
        arguments = asked[0].removeprefix("ARGS=").split() if asked else []
        if target == "manage":
            check_words(["manage.py", *arguments])
        elif target in PROGRAMS:
            PROGRAMS[target](arguments)
    elif "manage.py" in words:
        command, *arguments = words[words.index("manage.py") + 1 :]
        asked = parser(get_commands()[command], command)
        for action in asked._actions:
            # That there is nobody of that name is no matter of words.
            action.type = str if action.type is user else action.type
        asked.parse_args(arguments)
    elif words[:2] == ["python", "-m"]:
        assert find_spec(words[2])
    else:
        raise AssertionError(f"nobody knows how to parse {words[0]}")


def parse(add_arguments: Callable[[argparse.ArgumentParser], None]) -> Callable[[list[str]], Any]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args


# How to have the words in ARGS parsed, of the targets that have a parser.
PROGRAMS = {
    "drill": parse(drill_arguments),
    "bench": benchmarks.parse_options,
    "capacity": parse(capacity_arguments),
}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_block_says_what_it_is(path: Path):
    fences = [fence for fence in FENCES if fence.page == name(path)]
    unknown = [
        f"{fence}: a block is one of {', '.join(sorted({*COMMANDS, 'http', *TO_READ}))}"
        for fence in fences
        if fence.language not in {*COMMANDS, "http", *TO_READ}
    ]
    hidden = [
        f"{fence}: {line!r} looks like a command: make it a block of sh, or of console"
        for fence in fences
        if fence.language not in COMMANDS
        for line in fence.text.splitlines()
        if COMMAND.match(line)
    ]
    assert not unknown + hidden


def test_every_marker_stands_above_commands():
    markers = sum(path.read_text().count("<!-- not run: ") for path in PAGES)
    markers += sum(path.read_text().count("<!-- parsed: ") for path in PAGES)
    assert markers == len([fence for fence in of_language(*COMMANDS) if fence.how])


def test_few_commands_are_not_run_and_these_are_why():
    """Each reason is one that no machine without root, Docker or minutes to spare could help."""
    reasons = {re.split(r"[,;]", f.why)[0] for f in FENCES if f.how == "not run"}
    assert reasons <= {
        "does not end by itself",
        "needs Docker",
        "needs root and systemd",
        "needs a machine of its own",
        "needs a database of another program",
        "needs the index of packages",
        "needs a code from a mail or a phone",
        "would replace what is installed here",
    }


@pytest.mark.parametrize("fence", of_language("http"), ids=str)
def test_request_is_one_that_the_api_knows(fence: Fence):
    asked = re.findall(r"^(GET|POST|PUT|PATCH|DELETE) +(\S+)", fence.text, re.MULTILINE)
    # Of an answer only headers are shown.
    assert asked or re.match(r"[\w-]+: ", fence.text)
    for method, address in asked:
        path, _, query = address.partition("?")
        operation = find_operation(method, path)
        assert operation, f"{method} {path}"
        known = {one["name"] for one in operation.get("parameters", [])}
        assert {part.partition("=")[0] for part in query.split("&") if part} <= known


def find_operation(method: str, path: str) -> dict | None:
    whole = path if path.startswith("/") else f"/api/v1/{path}"
    for pattern, item in OPENAPI["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), whole) and method.lower() in item:
            return item[method.lower()]
    return None


@pytest.mark.parametrize("fence", of_language("yaml", "python"), ids=str)
def test_yaml_and_python_can_be_read(fence: Fence):
    if fence.language == "yaml":
        assert yaml.safe_load(fence.text)
    else:
        ast.parse(fence.text)


@pytest.mark.parametrize("fence", of_language("json"), ids=str)
def test_json_can_be_read_but_for_what_is_left_out(fence: Fence):
    # `…` stands for a part of a list or an object.
    whole = re.sub(r",?\s*…\s*(?=[\]},])", "", fence.text).replace("\n", " ")
    whole = re.sub(r",(\s*[\]}])", r"\1", whole)
    if "…" not in re.sub(r'"[^"]*"', "", whole):
        json.loads(whole)


@pytest.mark.django_db
@pytest.mark.parametrize("fence", of_language("sql"), ids=str)
def test_sql_is_done_by_this_postgresql(fence: Fence):
    """The role of a page is foam; here it is whoever runs the tests."""
    sql = fence.text.replace("ROLE foam", "ROLE CURRENT_USER")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        transaction.set_rollback(True)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_and_targets_that_are_mentioned_exist(path: Path):
    text = path.read_text()
    commands = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert commands <= get_commands().keys()
    assert set(re.findall(r"`make ([a-z]+)", text)) <= TARGETS.keys()
    # And the options of those that are mentioned in a line.
    for command, words in re.findall(r"`manage\.py ([a-z_]+)([^`…]*)`", text):
        known = {
            o for a in parser(get_commands()[command], command)._actions for o in a.option_strings
        }
        assert set(re.findall(r"--[a-z-]+", words)) <= known


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_tests_and_files_that_are_named_are_there(path: Path):
    named = set(re.findall(r"`(test_\w+)(?=[`\[])", path.read_text()))
    assert named <= TESTS | {file.stem for file in SOURCES}
    files = set(
        re.findall(r"`((?:foam|reminders|notifications|accounts)/[\w/]+\.py)`", path.read_text())
    )
    assert files <= {name(file) for file in SOURCES}


def test_pictures_are_small_and_each_is_taken_and_shown():
    pictures = {picture.stem for picture in FOLDER.glob("*.png")}
    assert pictures == {shot.name for shot in SHOTS}
    shown = set(re.findall(r"screenshots/([\w-]+)\.png", "".join(p.read_text() for p in PAGES)))
    assert shown == pictures
    assert all(picture.stat().st_size <= LARGEST for picture in FOLDER.glob("*.png"))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The site, as `make docs` builds it; it ends with an error where there is a warning."""
    pytest.importorskip("mkdocs", reason="make docs installs it")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "tools.docs_site", "build", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_has_every_page_as_it_was_meant(built: Path):
    pages = list(built.rglob("*.html"))
    assert len(pages) > len(list((ROOT / "docs").rglob("*.md")))
    for page in pages:
        # A list or table that is shown as it was typed.
        assert not re.search(r"<p>[^<]*\n(\* |\| ?-|\d\. )", page.read_text()), page.name


def test_no_page_of_the_site_loads_from_elsewhere(built: Path):
    loads = re.compile(r"<(?:script|img|iframe|source|link)\s[^>]*>")
    for page in built.rglob("*.html"):
        for tag in loads.findall(page.read_text()):
            assert not re.search(r"(?:src|href)=\"?(?:https?:)?//", tag), f"{page.name}: {tag}"
    for style in built.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text())


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_site_can_be_searched_from_a_folder_and_asks_nobody(built: Path):
    sync_api = pytest.importorskip("playwright.sync_api")
    asked: list[str] = []
    with (
        sync_api.sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser,
    ):
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto((built / "index.html").as_uri())
        page.get_by_placeholder("Search").click()
        page.keyboard.type("at_most_once", delay=20)
        page.locator(".md-search-result__link").first.wait_for()
        page.locator(".md-search-result__link").first.click()
        page.wait_for_url(re.compile(r"\.html"))
    assert {url.partition(":")[0] for url in asked} <= {"file", "data", "blob", "about"}
