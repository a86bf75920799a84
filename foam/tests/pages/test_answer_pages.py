"""The links of an e-mail, opened and pressed in a real browser."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.links.signed_links import LIFETIME
from notifications.models import Channel
from notifications.models.delivery import EPOCH
from notifications.outbox.round import deliver_due
from notifications.tests.receivers import SmtpReceiver
from notifications.tests.transports.test_email import use
from reminders.engine import tick
from reminders.models import Occurrence

from .test_pages import browser, fits, page, pytestmark  # noqa: F401


@pytest.fixture
def links(user, make_reminder, settings, live_server, woken):
    """Return a function that sends a reminder by e-mail and returns the links in it by action."""

    def send(age=timedelta(0)):
        now = timezone.now() - age
        work = Channel.objects.create(
            owner=user, kind="email", name="Work", address=user.email, verified_at=EPOCH
        )
        make_reminder(
            title="Water the plants",
            channels=[work],
            starts_at=now.replace(tzinfo=None, microsecond=0),
            stored_at=now - timedelta(hours=1),
        )
        with SmtpReceiver() as receiver:
            use(settings, receiver)
            settings.FOAM_BASE_URL = live_server.url
            tick.run(now)
            deliver_due(now)
            (mail,) = receiver.mails
        plain = mail.message.get_body(("plain",)).get_content()
        urls = re.findall(re.escape(live_server.url) + r"/do/\S+", plain)
        return {url.rsplit(".", 2)[1]: url for url in urls}

    return send


def press(page):  # noqa: F811
    page.get_by_role("button").click()
    page.wait_for_selector("[role=status]")


def heading(page):  # noqa: F811
    return page.get_by_role("heading").inner_text()


def test_done_from_an_email_is_done_once(page, links):  # noqa: F811
    done = links()["done"]
    page.goto(done)
    assert heading(page) == "Water the plants"
    assert "E-mail: Work" in page.inner_text("main")
    assert Occurrence.objects.get().status == "pending"
    assert fits(page)
    press(page)
    assert heading(page) == "Done"
    assert Occurrence.objects.get().status == "acknowledged"
    page.goto(done)
    assert heading(page) == "Already done"
    assert page.get_by_role("button").count() == 0
    assert Occurrence.objects.get().responses.count() == 1


def test_page_works_with_the_keyboard_and_without_javascript(browser, live_server, links):  # noqa: F811
    context = browser.new_context(java_script_enabled=False, base_url=live_server.url)
    page = context.new_page()  # noqa: F811
    page.goto(links()["snooze_1h"])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]")
    assert heading(page) == "Snoozed"
    assert context.cookies() == []
    context.close()


def test_not_me_is_told_and_done(page, links):  # noqa: F811
    page.goto(links()["not_me"])
    assert heading(page) == "Not for you?"
    press(page)
    assert heading(page) == "Stopped"
    channel = Channel.objects.get(name="Work")
    assert channel.disabled_reason == "The recipient said: not me."
    assert fits(page)


def test_link_that_has_expired_or_is_cut_is_told(page, links):  # noqa: F811
    link = links(age=LIFETIME)["done"]
    for url, words in ((link, "This link has expired"), (link[:-3], "This link does not work")):
        page.goto(url)
        assert heading(page) == words
        assert page.get_by_role("button").count() == 0
        assert fits(page)


def test_button_is_big_and_its_words_can_be_read_in_light_and_dark(page, links):  # noqa: F811
    page.goto(links()["done"])
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(CONTRASTS) >= 4.5
    box = page.get_by_role("button").bounding_box()
    assert box["height"] >= 48
    assert box["width"] >= 200


# The lowest contrast (WCAG 2) of a text with what is behind it.
CONTRASTS = """() => {
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : colour;
  };
  const texts = [...document.querySelectorAll("h1, dt, dd, p, button, footer")];
  return Math.min(...texts.map((element) => {
    const pair = [light(getComputedStyle(element).color), light(behind(element))];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  }));
}"""
