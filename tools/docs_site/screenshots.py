"""python -m tools.docs_site.screenshots [NAME ...]: pictures for docs/, of a throw-away FOAM.

Each line of SHOTS is a page.
"""

import argparse
import http
import logging
import shutil
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

from tools.local_stack.data_dir import PROJECT
from tools.local_stack.programs import beat, web, worker
from tools.local_stack.terminal import Problem, say, step
from tools.testbed.cli import run_for
from tools.testbed.receiver import BEHAVIOURS, Receiver
from tools.testbed.testbed import Rig

FOLDER = PROJECT / "docs" / "screenshots"
NOT_HERE = (
    "Pictures are made of a FOAM of their own, whose servers are not installed here: make install."
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# In bytes: people read the pages over slow lines, too.
LARGEST = 200_000
PATIENCE = 60
DESKTOP, TALL, PHONE = (1280, 800), (1280, 1500), (390, 844)


@dataclass(frozen=True)
class Shot:
    """A picture of a page. `{reminder}` and `{troubled}` in `path` are ids of the sample data."""

    name: str
    path: str
    size: tuple[int, int] = DESKTOP
    dark: bool = False
    signed_in: bool = True


SHOTS = [
    Shot("sign-in", "/account/login/", signed_in=False),
    Shot("admin", "/admin/"),
    Shot("dark", "/admin/reminders/reminder/", dark=True),
    Shot("reminder", "/admin/reminders/reminder/{reminder}/change/", size=TALL),
    Shot("explain", "/admin/reminders/reminder/{troubled}/explain"),
    Shot("deliveries", "/admin/notifications/delivery/"),
    Shot("api", "/api/v1/reminders/{reminder}/"),
    Shot("phone", "/account/", size=PHONE),
]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make screenshots", description="Take the pictures of the documentation anew."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(s.name for s in SHOTS))
    names = parser.parse_args().names
    if unknown := set(names) - {shot.name for shot in SHOTS}:
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    shots = [shot for shot in SHOTS if not names or shot.name in names]
    return run_for(lambda: take(shots), NOT_HERE, is_json=False)


def take(shots: list[Shot]) -> int:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise Problem(f"There is no browser here; any of these will do: {', '.join(BROWSERS)}.")
    with Rig() as rig, Receiver([BEHAVIOURS["instant"], BEHAVIOURS["dead"]]) as receiver:
        rig.enter()
        django.setup()
        # Imported here, as models need the settings of the test bed.
        from tools.docs_site import sample_data  # noqa: PLC0415

        with step("A team's last week"):
            # The failures of the dead receiver would be logged.
            logging.disable()
            ids = sample_data.set_up(*receiver.urls)
        rig.start("web", web(rig.port))
        rig.start("dispatch", worker("dispatch", 1))
        rig.start("deliver", worker("deliver", 1))
        rig.start("beat", beat())
        base = f"http://127.0.0.1:{rig.port}"
        with step("Web, workers and beat started"):
            # Before the first tick every page would say that nothing fires.
            rig.wait_until(lambda: is_ready(base), PATIENCE, "FOAM is ready")
        photograph(browser, base, shots, ids, sample_data)
    return 0


def is_ready(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/readyz", timeout=5) as answer:  # noqa: S310  our own server
            return bool(answer.status == http.HTTPStatus.OK)
    except OSError:
        return False


def photograph(
    browser: str, base: str, shots: list[Shot], ids: dict[str, int], account: Any
) -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for shot in shots:
            width, height = shot.size
            context = chromium.new_context(
                base_url=base,
                viewport={"width": width, "height": height},
                color_scheme="dark" if shot.dark else "light",
                timezone_id=account.ZONE,
                locale="en-GB",
            )
            page = context.new_page()
            if shot.signed_in:
                page.goto("/account/login/")
                page.fill("input[name=login]", account.EMAIL)
                page.fill("input[name=password]", account.PASSWORD)
                page.get_by_role("button", name="Sign in", exact=True).click()
                page.wait_for_url(lambda url: "login" not in url)
            page.goto(shot.path.format(**ids))
            page.wait_for_load_state("networkidle")
            path = FOLDER / f"{shot.name}.png"
            page.screenshot(path=path)
            context.close()
            keep(path)
        chromium.close()


def keep(path: Path) -> None:
    """Refuse a picture that is too large for the documentation."""
    size = path.stat().st_size
    if size > LARGEST:
        raise Problem(f"{path.name} has {size:,} bytes; at most {LARGEST:,} are allowed.")
    say(f"  {path.relative_to(PROJECT)}  {size // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())
