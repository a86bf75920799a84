"""People sign up, in and out in a real browser; codes come by a real mail server."""

import re
import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from playwright.sync_api import expect

from accounts.models import User
from notifications.tests.receivers import SmtpReceiver
from notifications.tests.transports.test_email import use

from .test_pages import browser, fits, once, page, pytestmark  # noqa: F401

PASSWORD = "correct horse battery"
# Of Chromium's own, which makes passkeys.
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
CODE = re.compile(r"^([A-Z0-9-]{6,}) is your code", re.MULTILINE)


@pytest.fixture(autouse=True)
def _no_limits_from_before(db):
    cache.clear()


@pytest.fixture
def mails(settings, live_server):
    with SmtpReceiver() as receiver:
        use(settings, receiver)
        settings.FOAM_BASE_URL = live_server.url
        yield receiver


def code_in(receiver, number=1):
    mail = receiver.wait_for(number)[-1]
    return CODE.search(mail.message.get_body(("plain",)).get_content())[1]


def totp(secret):
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def sign_in(page, email, password=PASSWORD):  # noqa: F811
    page.goto("/account/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.fixture
def ada(db):
    return User.objects.create_user("ada", "ada@example.com", PASSWORD)


@pytest.fixture
def signed_in(page, ada):  # noqa: F811
    sign_in(page, "ada@example.com")
    page.wait_for_url("**/account/")
    return page


def test_sign_up_with_the_code_of_a_mail(page, mails, settings):  # noqa: F811
    settings.FOAM_SIGNUP = "open"
    page.goto("/account/signup/")
    page.fill("input[name=email]", "new@example.com")
    page.fill("input[name=password1]", PASSWORD)
    page.fill("input[name=password2]", PASSWORD)
    assert fits(page)
    page.get_by_role("button", name="Make an account").click()
    page.wait_for_url("**/confirm-email/")
    assert fits(page)
    page.fill("input[name=code]", code_in(mails))
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/account/")
    user = User.objects.get()
    assert user.username == "new"
    assert EmailAddress.objects.get(user=user).verified
    assert "new@example.com" in page.inner_text("main")
    assert fits(page)


def test_forgotten_password_is_replaced_by_a_code(page, ada, mails):  # noqa: F811
    page.goto("/account/password/reset/")
    page.fill("input[name=email]", "ada@example.com")
    page.get_by_role("button", name="Send a code").click()
    page.fill("input[name=code]", code_in(mails))
    page.get_by_role("button", name="Confirm").click()
    page.fill("input[name=password1]", "another horse battery")
    page.fill("input[name=password2]", "another horse battery")
    assert fits(page)
    page.get_by_role("button", name="Change Password").click()
    page.wait_for_url("**/password/reset/done/")
    sign_in(page, "ada@example.com", "another horse battery")
    page.wait_for_url("**/account/")


@once
def test_sixth_wrong_password_locks_out_and_the_right_one_too(page, ada):  # noqa: F811
    for _ in range(5):
        sign_in(page, "ada@example.com", "wrong horse")
        expect(page.get_by_role("alert")).to_contain_text("not correct")
    sign_in(page, "ada@example.com")
    expect(page.get_by_role("alert")).to_contain_text("Too many failed login attempts")


@once
def test_time_zone_and_quiet_hours_are_set_at_home(signed_in, ada):
    page = signed_in  # noqa: F811
    page.fill("input[name=timezone]", "Europe/Berlin")
    page.fill("input[name=quiet_from]", "22:00")
    page.fill("input[name=quiet_until]", "22:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose another time")
    page.fill("input[name=quiet_until]", "07:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    ada.refresh_from_db()
    assert (ada.timezone, ada.quiet_until.hour) == ("Europe/Berlin", 7)


def confirm_password(page):  # noqa: F811
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def set_up_app(page):  # noqa: F811
    page.goto("/account/2fa/totp/activate/")
    if page.locator("input[name=password]").count():
        confirm_password(page)
    secret = page.input_value("#authenticator_secret")
    type_code(page, secret, "Activate")
    page.wait_for_url("**/recovery-codes/**")
    return secret


def type_code(page, secret, button):  # noqa: F811
    """Type the code of this step; when it ended meanwhile, as people do, that of the next."""
    for _ in range(2):
        page.fill("input[name=code]", totp(secret))
        with page.expect_navigation():
            page.get_by_role("button", name=button).click()
        if not page.get_by_text("Incorrect code").count():
            return


def test_second_factor_is_set_up_and_asked_for(signed_in):
    page = signed_in  # noqa: F811
    secret = set_up_app(page)
    (code, *_) = page.input_value("#recovery_codes").split()
    assert fits(page)
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, "ada@example.com")
    page.wait_for_url("**/2fa/authenticate/")
    assert fits(page)
    # Forget that the code of this half minute set the app up: it would be refused.
    cache.clear()
    type_code(page, secret, "Sign In")
    page.wait_for_url("**/account/")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, "ada@example.com")
    page.fill("input[name=code]", code)
    page.get_by_role("button", name="Sign In").click()
    page.wait_for_url("**/account/")


@once
def test_app_is_kept_encrypted(signed_in):
    secret = set_up_app(signed_in)
    kept = Authenticator.objects.get(type="totp").data["secret"]
    assert secret not in kept
    assert kept.startswith("gAAAA")


def test_passkey_is_made_and_signs_in(browser, live_server, ada):  # noqa: F811
    # A passkey belongs to a name, which an address is not.
    base = live_server.url.replace("127.0.0.1", "localhost")
    context = browser.new_context(base_url=base)
    page = context.new_page()  # noqa: F811
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    sign_in(page, "ada@example.com")
    expect(page).to_have_url(f"{base}/account/")
    page.goto("/account/2fa/webauthn/add/")
    confirm_password(page)
    page.check("input[name=passwordless]")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/recovery-codes/**")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login/**")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/account/")
    assert "ada@example.com" in page.inner_text("main")
    context.close()


def test_account_is_closed_by_its_owner(signed_in, ada):
    page = signed_in  # noqa: F811
    page.get_by_role("link", name="Close this account").click()
    confirm_password(page)
    assert fits(page)
    page.fill("input[name=email]", "somebody@example.com")
    page.get_by_role("button", name="Close it for good").click()
    expect(page.get_by_role("alert")).to_contain_text("not the address")
    page.fill("input[name=email]", "ada@example.com")
    page.get_by_role("button", name="Close it for good").click()
    expect(page.get_by_role("heading")).to_have_text("Your account is closed")
    ada.refresh_from_db()
    assert not ada.is_active
    page.goto("/account/")
    page.wait_for_url("**/login/**")
