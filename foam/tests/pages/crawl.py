"""Walks through pages in a real browser as a person would: opens each link, sends each form."""

import re
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve
from django.utils import timezone

# Files, feeds and figures, which are no pages; and the ways out, which end the walk.
NOT_FOLLOWED = re.compile(
    r"^/static/|^/openapi|^/metrics|^/healthz|^/readyz|^/calendar/|^/_allauth/|export|format=json"
    r"|/logout/|^/account/close/|_popup="
)
# Drawn by programs that are not FOAM's.
FOREIGN = ("/docs", "/redoc")
# Of the worst two kinds of what axe finds.
IMPACTS = ("critical", "serious")
MOST_PAGES = 250
MOST_SECONDS = 400
# For the answer to one form.
MOST_MILLISECONDS = 10_000

# What a page leads to, and what none may show.
STATE = """() => {
  const hasButton = (form) => [...form.elements].some((input) => input.type === "submit");
  document.querySelectorAll("details").forEach((details) => details.open = true);
  const forms = [...document.forms].map((form, index) => ({
    index,
    method: form.dataset.method || form.method.toUpperCase(),
    path: new URL(form.getAttribute("action") || location.href, location.href).pathname,
    names: [...new Set([...form.elements].map((input) => input.name).filter(Boolean))].join(" "),
    isReplaced: !("foamImport" in form.dataset),
    isSent: form.method !== "dialog" && hasButton(form),
  }));
  return {
    links: [...document.querySelectorAll("a[href]")].map((link) => link.href),
    forms: forms.filter((form) => form.isSent),
    hasInvalidName: document.documentElement.innerHTML.includes("[invalid name]"),
    hasTitle: document.title.trim() !== "",
  };
}"""

AXE = """async (impacts) => {
  const results = await axe.run(document, { resultTypes: ["violations"] });
  return results.violations.filter((each) => impacts.includes(each.impact)).flatMap((each) =>
    each.nodes.map((node) => `${each.id} at ${node.target.join(" ")}: ${node.html.slice(0, 160)}`));
}"""

# Touches every input of a form, and presses its first button.
SEND = """async ([index, words]) => {
  const form = document.forms[index];
  document.body.dataset.crawled = "";
  const touch = (input) => {
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  // A choice that is searched for: the first that the server offers.
  const search = async (input) => {
    const { "ajax-Url": url, appLabel, modelName, fieldName } = input.dataset;
    const query = new URLSearchParams({
      term: "", app_label: appLabel, model_name: modelName, field_name: fieldName,
    });
    const { results } = await (await fetch(`${url}?${query}`)).json();
    if (results.length) input.add(new Option(results[0].text, results[0].id, true, true));
  };
  const wordsFor = (input) =>
    words[input.name] ?? words[`type:${input.type}`] ?? (input.placeholder || words.other);
  for (const input of form.elements) {
    if (input.type === "hidden" || input.disabled || input.readOnly || !input.name) continue;
    if (input.name in words && words[input.name] === null) continue;
    if (input.type === "submit" || input.type === "button") continue;
    if (input.type === "file") {
      const files = new DataTransfer();
      files.items.add(new File(["0 3 * * * backup\\n"], "mine.crontab", { type: "text/plain" }));
      input.files = files.files;
    } else if (input.type === "checkbox") {
      input.checked = !input.checked;
    } else if (input.type === "radio") {
      input.checked = true;
    } else if (input.tagName === "SELECT") {
      if (input.dataset["ajax-Url"] && !input.value) await search(input);
      const options = [...input.options].filter((option) => option.value && !option.disabled);
      const option =
        options.find((each) => each.value === words[input.name]) ||
        options.find((each) => !each.selected) || options[0];
      if (option) option.selected = true;
    } else if ("raw" in form.dataset || input.dataset.kind === "json") {
      input.value ||= "{}";
    } else {
      input.value = wordsFor(input);
    }
    touch(input);
  }
  form.noValidate = true;
  form.requestSubmit([...form.elements].find((input) => input.type === "submit"));
}"""


def words(number: int, email: str) -> dict[str, str | None]:
    """Return what a person writes, by the name or the type of an input; None leaves it.

    `number` tells names apart that must be unique.
    """
    tomorrow = f"{timezone.now() + timedelta(days=1):%Y-%m-%d}"
    instant, duration, time_of_day = f"{tomorrow}T18:00", "PT15M", "08:30"
    return {
        **dict.fromkeys(("is_active", "is_staff", "is_superuser")),
        # Of each of these pairs only one may be given.
        **dict.fromkeys(("updated_since", "digest_every", "for", "days")),
        **dict.fromkeys(("leads", "grace", "nag_every", "escalate_after"), duration),
        **dict.fromkeys(("starts_at", "exdates", "at", "type:datetime-local"), instant),
        **dict.fromkeys(("due_after", "due_before"), f"{instant}Z"),
        **dict.fromkeys(("until_0", "expires_at_0", "expires_0", "clocked_time_0"), tomorrow),
        **dict.fromkeys(("until_1", "expires_at_1", "expires_1", "clocked_time_1"), time_of_day),
        **dict.fromkeys(("minute", "hour", "day_of_month", "month_of_year", "day_of_week"), "1"),
        "quiet_from": "22:00",
        "digest_at": time_of_day,
        "rdates": f"{tomorrow}T19:00",
        "timezone": "Europe/Berlin",
        "recurrence": "FREQ=DAILY",
        "external_id": f"tea {number}",
        "kind": "webhook",
        "scope": "tag",
        "scopes": "reminders:read",
        "text": "stand-up every Monday at 6pm in Berlin",
        "address": "https://example.com/hook",
        "count": "3",
        "type:email": email,
        "type:url": "https://example.com/hook",
        "type:password": "enigma-1843",
        "type:number": "2",
        "type:date": tomorrow,
        "type:time": time_of_day,
        "type:color": "#336699",
        "other": "tea",
    }


@dataclass
class Crawl:
    """One walk, and what was wrong on its way."""

    page: Any
    axe: str
    troubles: list[str] = field(default_factory=list)
    routes: set[str] = field(default_factory=set)
    looked_at: set[tuple[str, int]] = field(default_factory=set)
    sent: dict[tuple[str, ...], int] = field(default_factory=dict)
    where: str = ""
    # Links that lead out of this part are not followed.
    within: str = "/"
    email: str = "crawler@example.com"

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        self.host = ""
        self.page.on("response", self._check_response)
        self.page.on("console", self._check_console)

    def run(self, starts: list[str]) -> None:
        """Open every page that `starts` lead to, then send each form once; deletions go last."""
        forms: dict[tuple[str, ...], tuple[str, dict[str, Any]]] = {}
        waiting = deque(starts)
        while waiting:
            path = waiting.popleft()
            if NOT_FOLLOWED.search(path) or not self._is_new(path):
                continue
            state = self.open(path)
            address = self.page.url
            self.routes.add(route(urlsplit(address).path))
            waiting.extend(self._own(state["links"]))
            for form in state["forms"]:
                if form["path"].startswith(self.within):
                    forms.setdefault(key(form), (address, form))
        for form_key, (address, form) in sorted(forms.items(), key=lambda item: is_last(item[0])):
            if form_key not in self.sent and not NOT_FOLLOWED.search(form["path"]):
                self._open_and_send(address, form)

    def open(self, path: str) -> dict[str, Any]:
        self._check_bounds()
        self.where = path
        answer = self.page.goto(path)
        return self.look(answer.status)

    def look(self, status: int) -> dict[str, Any]:
        """Check the page that is open, and return what it leads to."""
        url = urlsplit(self.page.url)
        self.host = url.netloc
        state: dict[str, Any] = self.page.evaluate(STATE)
        if state["hasInvalidName"]:
            self._note("shows “[invalid name]”")
        if not state["hasTitle"]:
            self._note("has no title")
        looked = kind(url.path), status
        if url.path not in FOREIGN and looked not in self.looked_at:
            self.looked_at.add(looked)
            if not self.page.evaluate("'axe' in window"):
                self.page.evaluate(self.axe)
            for finding in self.page.evaluate(AXE, IMPACTS):
                self._note(finding)
        return state

    def finish(self, address: str, path: str) -> None:
        """Send the form of a page that goes to `path`: one that ends the visit."""
        state = self.open(address)
        self.send(next(form for form in state["forms"] if form["path"] == path), follows=False)

    def _open_and_send(self, address: str, form: dict[str, Any]) -> None:
        self._check_bounds()
        self.page.goto(address)
        state = self.page.evaluate(STATE)
        same = [each for each in state["forms"] if key(each) == key(form)]
        # What a form before has changed may have taken this one away.
        if same:
            self.send(same[0])

    def send(self, form: dict[str, Any], follows: bool = True) -> None:
        """Send a form of the page that is open, and a form that its answer asks to fill in."""
        self.where = f"{form['method']} {form['path']} ({form['names']}) of {self.page.url}"
        self.sent[key(form)] = 0

        def is_answer(response: Any) -> bool:
            path = urlsplit(response.url).path
            return response.request.method == form["method"] and path == form["path"]

        # Imported only here: where there is no browser, Playwright is not installed.
        timeout = import_module("playwright.sync_api").TimeoutError
        try:
            with self.page.expect_response(is_answer, timeout=MOST_MILLISECONDS) as caught:
                self.page.evaluate(SEND, [form["index"], words(len(self.sent), self.email)])
        except timeout:
            self._note("sends nothing")
            return
        self.sent[key(form)] = caught.value.status
        if is_download(caught.value):
            return
        if form["isReplaced"]:
            self.page.wait_for_selector("body:not([data-crawled])", state="attached")
        self.page.wait_for_load_state()
        state = self.look(caught.value.status)
        here = urlsplit(self.page.url).path
        posts = [each for each in state["forms"] if each["method"] == form["method"] == "POST"]
        for following in posts if follows else ():
            if following["path"] == here and key(following) not in self.sent:
                self.send(following)
                break

    def _check_response(self, response: Any) -> None:
        if not response.url.startswith("http"):
            return
        request = response.request
        is_page = request.is_navigation_request() or "text/html" in request.headers.get(
            "accept", ""
        )
        if response.status >= 500:
            self._note(f"{request.method} {response.url} answers {response.status}")
        elif response.status >= 400 and not is_page:
            self._note(f"needs {response.url}, which answers {response.status}")
        is_json = "json" in response.headers.get("content-type", "")
        if is_page and is_json and not is_download(response):
            self._note(f"{request.method} {response.url} shows JSON")

    def _check_console(self, message: Any) -> None:
        # The browser's own word of a 403 or 404, which a page may be.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self._note(f"writes to the console: {message.text}")

    def _check_bounds(self) -> None:
        assert len(self.routes) + len(self.sent) <= MOST_PAGES, self.routes
        assert time.monotonic() - self.began < MOST_SECONDS, self.where

    def _is_new(self, path: str) -> bool:
        name = route(path.split("?", maxsplit=1)[0])
        is_new = name not in self.routes
        self.routes.add(name)
        return is_new

    def _own(self, links: list[str]) -> list[str]:
        parts = [urlsplit(link) for link in links]
        return [
            f"{part.path}?{part.query}" if part.query else part.path
            for part in parts
            if part.netloc == self.host and part.path.startswith(self.within)
        ]

    def _note(self, text: str) -> None:
        self.troubles.append(f"{self.where}: {text}")


def key(form: dict[str, Any]) -> tuple[str, ...]:
    """Return what tells a form from others: those of two rows of a kind are the same."""
    return form["method"], route(form["path"]), form["names"]


def route(path: str) -> str:
    try:
        return resolve(path).route
    except Resolver404:
        return path


def kind(path: str) -> str:
    """Return what has the same template: that of a row's history and deletion all models share."""
    return re.sub(r"^admin/\w+/\w+/(?=.*/(history|delete)/$)", "admin/", route(path))


def is_download(response: Any) -> bool:
    return "attachment" in response.headers.get("content-disposition", "")


def is_last(form_key: tuple[str, ...]) -> bool:
    return form_key[0] == "DELETE" or "delete" in form_key[1]
