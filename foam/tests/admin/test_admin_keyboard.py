"""The admin by keyboard alone, in a real browser: whatever a mouse reaches, Tab reaches as well."""

from datetime import datetime

from foam.tests.pages.test_pages import browser, once, page, pytestmark, staff_page  # noqa: F401
from notifications.models import Channel

ADD = "/admin/reminders/reminder/add/"


# As if Unfold's script, which shows the page, had run before any other.
SHOW_AT_ONCE = """new MutationObserver((changes, observer) => {
  const style = "<style>[x-cloak] { display: revert !important; }</style>";
  if (!document.head) return;
  document.head.insertAdjacentHTML("beforeend", style);
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });"""


def tab_to(page, text, most=120):  # noqa: F811
    """Press Tab until what has the focus says this; return how often that was."""
    names = []
    for count in range(most):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "(document.activeElement.getAttribute('aria-label')"
            " || document.activeElement.innerText || '').trim()"
        )
        names.append(name)
        if text in name:
            return count + 1
    raise AssertionError(f"{text} is not reached, but {names}")


@once
def test_first_stop_skips_to_the_content(staff_page):  # noqa: F811
    staff_page.add_init_script(SHOW_AT_ONCE)
    staff_page.goto(ADD)
    staff_page.keyboard.press("Tab")
    assert staff_page.evaluate("document.activeElement.innerText") == "Skip to the content"
    staff_page.keyboard.press("Enter")
    assert tab_to(staff_page, "Owner", 3) <= 3
    assert staff_page.locator("main").count() == 1


@once
def test_filters_open_and_are_entered(staff_page, make_reminder):  # noqa: F811
    make_reminder(starts_at=datetime(2090, 1, 2))
    staff_page.goto("/admin/reminders/reminder/")
    tab_to(staff_page, "Filters")
    staff_page.keyboard.press("Enter")
    staff_page.wait_for_function("document.activeElement.closest('#changelist-filter')")
    tab_to(staff_page, "Paused")
    staff_page.keyboard.press("Enter")
    staff_page.wait_for_url("**/?state=paused")


@once
def test_scheduler_opens_and_leads_to_its_lists(staff_page):  # noqa: F811
    staff_page.goto("/admin/")
    tab_to(staff_page, "Scheduler")
    staff_page.keyboard.press("Space")
    staff_page.wait_for_selector("[aria-expanded=true]:text('Scheduler')")
    tab_to(staff_page, "Intervals", 5)
    staff_page.keyboard.press("Enter")
    staff_page.wait_for_url("**/intervalschedule/")


@once
def test_log_out_is_reached(staff_page):  # noqa: F811
    staff_page.goto("/admin/")
    tab_to(staff_page, "grace")
    staff_page.keyboard.press("Enter")
    staff_page.wait_for_function("document.activeElement.innerText.includes('Light')")
    tab_to(staff_page, "Log out", 8)
    staff_page.keyboard.press("Enter")
    staff_page.wait_for_url("**/account/login/**")


@once
def test_second_tag_is_added_and_one_is_removed(staff_page):  # noqa: F811
    staff_page.goto(ADD)
    tags = staff_page.locator("input[name=tags]:visible")
    staff_page.focus("textarea[name=body]")
    tab_to(staff_page, "Add new item")
    staff_page.keyboard.press("Enter")
    tags.nth(1).wait_for()
    assert tags.count() == 2
    assert tags.last.get_attribute("aria-label") == "Tags"
    staff_page.focus("textarea[name=body]")
    tab_to(staff_page, "Remove: Tags")
    staff_page.keyboard.press("Space")
    tags.nth(1).wait_for(state="detached")
    assert tags.count() == 1


def test_log_out_needs_no_script(browser, live_server, client, staff):  # noqa: F811
    client.force_login(staff)
    cookie = client.cookies["sessionid"].value
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    plain = context.new_page()
    plain.goto(ADD)
    assert plain.locator("input[name=title]").is_visible()
    plain.get_by_role("button", name="Log out").first.click()
    plain.wait_for_url("**/account/login/**")
    context.close()


@once
def test_channels_of_the_chosen_owner_are_offered(staff_page, staff, user, channel):  # noqa: F811
    Channel.objects.inbox_of(staff)
    staff_page.goto(ADD)

    def offered():
        staff_page.evaluate("django.jQuery('#id_channels').select2('open')")
        options = staff_page.locator(".select2-results__option[role=option]")
        options.first.wait_for()
        staff_page.wait_for_selector(".loading-results", state="detached")
        return options.all_inner_texts()

    assert offered() == ["grace · In-app inbox: Inbox"]
    staff_page.keyboard.press("Enter")
    staff_page.click(".field-owner .select2-selection")
    staff_page.fill(".select2-search__field >> visible=true", "ada")
    staff_page.click(".select2-results__option:has-text('ada')")
    assert staff_page.locator("#id_channels option:checked").count() == 0
    assert offered() == ["ada · Webhook: Hook"]


@once
def test_channel_is_added_beside_the_field_for_the_same_owner(staff_page, user):  # noqa: F811
    staff_page.goto(f"{ADD}?owner={user.pk}")
    staff_page.click(".field-channels [role=button]")
    with staff_page.expect_popup() as opened:
        staff_page.click("#add_id_channels")
    popup = opened.value
    assert popup.locator("#id_owner option:checked").inner_text() == "ada"
    popup.select_option("#id_kind", "webhook")
    popup.fill("#id_name", "New hook")
    popup.fill("#id_address", "https://example.com/hook")
    popup.click("button[name=_save]")
    popup.wait_for_event("close")
    assert "New hook" in staff_page.locator("#id_channels option:checked").inner_text()


@once
def test_dates_have_no_warning_where_the_browser_is_elsewhere(staff_page):  # noqa: F811
    staff_page.add_init_script("Date.prototype.getTimezoneOffset = () => -60")
    staff_page.goto("/admin/accounts/pause/add/")
    staff_page.locator(".timezonewarning").first.wait_for(state="attached")
    assert staff_page.locator(".timezonewarning:visible").count() == 0
