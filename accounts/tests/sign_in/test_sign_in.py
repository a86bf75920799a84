"""Who gets in, and who does not: limits, addresses, second factors, programs."""

import json
import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from accounts.models import User
from conftest import confirm

pytestmark = pytest.mark.django_db

PASSWORD = "enigma-1843"
CODE = re.compile(r"^([A-Z0-9-]{6,}) is your code", re.MULTILINE)


@pytest.fixture(autouse=True)
def _no_limits_from_before(db):
    cache.clear()


@pytest.fixture(autouse=True)
def _mail(settings):
    settings.EMAIL_URL = "smtp://mail.example.com"


def log_in(client, email="ada@example.com", password=PASSWORD, **extra):
    return client.post("/account/login/", {"login": email, "password": password}, **extra)


def text_of(answer):
    return answer.content.decode()


def test_user_made_by_staff_or_command_signs_in_at_once(client, user, staff):
    assert log_in(client)["Location"] == "/account/"
    call_command("createsuperuser", "--no-input", username="root1", email="root@example.com")
    assert EmailAddress.objects.get(email="root@example.com").verified


def test_address_in_other_letters_is_the_same(client, user):
    assert log_in(client, "ADA@Example.com")["Location"] == "/account/"


def test_sign_up_is_closed_where_the_operator_has_not_opened_it(client, settings):
    settings.FOAM_SIGNUP = "closed"
    assert "Sign-up is closed" in text_of(client.get("/account/signup/"))
    form = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/account/signup/", form)
    assert not User.objects.exists()


def test_sign_up_without_a_mail_server_says_so(client, settings):
    settings.FOAM_SIGNUP, settings.EMAIL_URL, settings.PRODUCTION = "open", "", True
    assert "EMAIL_URL" in text_of(client.get("/account/signup/"))
    settings.PRODUCTION = False
    assert "at the terminal" in text_of(client.get("/account/signup/"))


def sign_up(client, email):
    form = {"email": email, "password1": "correct horse", "password2": "correct horse"}
    return client.post("/account/signup/", form)


def test_sign_up_tells_nobody_whether_an_address_is_known(client, user, settings):
    settings.FOAM_SIGNUP = "open"
    known, unknown = sign_up(Client(), "ada@example.com"), sign_up(Client(), "new@example.com")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert mail.outbox[0].subject == "FOAM: You have an account already"
    assert CODE.search(mail.outbox[1].body)


def test_reset_tells_nobody_whether_an_address_is_known(client, user):
    pages = []
    for email in ("ada@example.com", "nobody@example.com"):
        asked = Client().post("/account/password/reset/", {"email": email}, follow=True)
        pages.append(re.sub(r"csrfmiddlewaretoken.*?>", "", text_of(asked)).replace(email, ""))
    assert pages[0] == pages[1]
    assert len(mail.outbox) == 2


def test_mail_has_the_code_as_text_and_as_a_page(client, settings):
    settings.FOAM_SIGNUP = "open"
    sign_up(client, "new@example.com")
    (sent,) = mail.outbox
    (page, kind), *_ = sent.alternatives
    code = CODE.search(sent.body)[1]
    assert kind == "text/html"
    assert f">{code}</p>" in page
    assert "src=" not in page


def test_mail_that_cannot_be_sent_is_told(client, settings):
    settings.FOAM_SIGNUP = "open"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    sign_up(client, "new@example.com")
    assert "No mail could be sent" in text_of(client.get("/account/confirm-email/"))


def test_sixth_wrong_password_locks_the_account_for_everyone(user):
    for _ in range(5):
        log_in(Client(), password="wrong")
    answer = log_in(Client(), REMOTE_ADDR="203.0.113.9")
    assert "Too many failed login attempts" in text_of(answer)


def test_another_port_of_the_host_is_no_way_around_it(user):
    for port in range(5):
        log_in(Client(), password="wrong", HTTP_HOST=f"localhost:{port + 1}")
    answer = log_in(Client(), HTTP_HOST="localhost:9")
    assert "Too many failed login attempts" in text_of(answer)


def test_eleventh_wrong_password_from_one_place_locks_it_out(user):
    for number in range(10):
        log_in(Client(), f"nobody{number}@example.com", "wrong")
    assert "Too many failed login attempts" in text_of(log_in(Client()))
    assert log_in(Client(), REMOTE_ADDR="203.0.113.9").status_code == 302


@pytest.mark.parametrize(
    ("trusted", "locked"), [(0, True), (1, False)], ids=["no proxy", "behind a proxy"]
)
def test_forwarded_address_counts_behind_a_proxy_only(user, settings, trusted, locked):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = trusted
    for number in range(10):
        headers = {"HTTP_X_FORWARDED_FOR": f"198.51.100.{number}"}
        log_in(Client(), f"nobody{number}@example.com", "wrong", **headers)
    answer = log_in(Client(), HTTP_X_FORWARDED_FOR="198.51.100.77")
    assert ("Too many" in text_of(answer)) is locked


def test_what_a_client_adds_before_the_proxy_is_not_believed(user, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(10):
        headers = {"HTTP_X_FORWARDED_FOR": f"198.51.100.{number}, 203.0.113.9"}
        log_in(Client(), f"nobody{number}@example.com", "wrong", **headers)
    answer = log_in(Client(), HTTP_X_FORWARDED_FOR="198.51.100.77, 203.0.113.9")
    assert "Too many failed login attempts" in text_of(answer)


# Staff


@pytest.fixture
def strict(settings):
    settings.FOAM_STAFF_SECOND_FACTOR = True


@pytest.fixture(autouse=True)
def late_codes(settings):
    """The code of a step that ended while it was typed is taken: no test looks at the clock."""
    settings.MFA_TOTP_TOLERANCE = 1


def with_app(user):
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def code_of(secret, ahead=0):
    import time

    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + ahead))


def test_staff_without_a_second_factor_are_led_to_set_one_up(client, staff, strict):
    log_in(client, "grace@example.com")
    for path in ("/admin/", "/admin/accounts/user/"):
        assert client.get(path)["Location"] == "/account/2fa/"
    page = text_of(client.get("/account/2fa/"))
    assert "Staff need a second factor" in page


def test_staff_with_a_second_factor_come_in_by_it(client, staff, strict):
    secret = with_app(staff)
    log_in(client, "grace@example.com")
    assert client.get("/admin/").status_code == 302
    client.post("/account/2fa/authenticate/", {"code": code_of(secret)})
    assert client.get("/admin/").status_code == 200


def test_session_from_before_has_to_show_the_factor(client, staff, strict):
    log_in(client, "grace@example.com")
    with_app(staff)
    location = client.get("/admin/")["Location"]
    assert location.startswith("/account/2fa/reauthenticate/?next=%2Fadmin%2F")


@pytest.mark.django_db(transaction=True)
def test_who_sets_up_a_factor_goes_on_at_once(client, staff, strict):
    log_in(client, "grace@example.com")
    client.get("/account/2fa/totp/activate/")
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    client.get("/account/2fa/totp/activate/")
    secret = client.session["mfa.totp.secret"]
    client.post("/account/2fa/totp/activate/", {"code": code_of(secret)})
    assert client.get("/admin/").status_code == 200


def test_recovery_codes_alone_are_no_second_factor(client, staff, strict):
    Authenticator.objects.create(user=staff, type="recovery_codes", data={})
    log_in(client, "grace@example.com")
    assert client.get("/admin/")["Location"] == "/account/2fa/"


def test_code_of_an_app_is_good_once(user):
    secret = with_app(user)
    code = code_of(secret)
    locations = []
    for client in (Client(), Client()):
        log_in(client)
        answer = client.post("/account/2fa/authenticate/", {"code": code})
        locations.append(answer.headers.get("Location"))
    assert locations == ["/account/", None]


def test_code_that_enrolled_an_app_signs_nobody_in(client, user):
    log_in(client)
    confirm(client, user)
    client.get("/account/2fa/totp/activate/")
    code = code_of(client.session["mfa.totp.secret"])
    client.post("/account/2fa/totp/activate/", {"code": code})
    assert Authenticator.objects.filter(type="totp").exists()
    other = Client()
    log_in(other)
    other.post("/account/2fa/authenticate/", {"code": code})
    assert other.get("/account/")["Location"].startswith("/account/login/")


def test_code_that_enrolled_an_app_of_a_program_signs_nobody_in(user):
    _, said = ask("auth/login", {"email": "ada@example.com", "password": PASSWORD})
    token = said["meta"]["session_token"]
    ask("auth/reauthenticate", {"password": PASSWORD}, token)
    _, said = ask("account/authenticators/totp", token=token, method="get")
    code = code_of(said["meta"]["secret"])
    assert ask("account/authenticators/totp", {"code": code}, token)[0] == 200
    _, said = ask("auth/login", {"email": "ada@example.com", "password": PASSWORD})
    assert ask("auth/2fa/authenticate", {"code": code}, said["meta"]["session_token"])[0] == 400


def test_admin_signs_in_where_everybody_does(client):
    assert client.get("/admin/login/")["Location"] == "/account/login/?next=%2Fadmin%2Flogin%2F"


def test_api_pages_link_to_sign_in_and_out(client, user):
    page = text_of(client.get("/api/v1/", HTTP_ACCEPT="text/html"))
    assert "/account/login/?next=/api/v1/" in page
    client.force_login(user)
    assert "/account/logout/" in text_of(client.get("/api/v1/", HTTP_ACCEPT="text/html"))


def test_pages_load_nothing_from_elsewhere_and_are_shown_in_no_frame(client):
    answer = client.get("/account/login/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    scripts = re.findall(r"<script(.*?)>", text_of(answer))
    assert all("src=" in each or 'type="application/json"' in each for each in scripts)


# Programs


def ask(path, body=None, token=None, method="post"):
    headers = {"HTTP_X_SESSION_TOKEN": token} if token else {}
    client, url = Client(enforce_csrf_checks=True), f"/_allauth/app/v1/{path}"
    content = "" if body is None else json.dumps(body)
    answer = client.generic(method.upper(), url, content, "application/json", **headers)
    return answer.status_code, answer.json()


def test_program_signs_a_person_in_and_out_by_a_token_of_the_session(user):
    status, said = ask("auth/login", {"email": "ada@example.com", "password": PASSWORD})
    token = said["meta"]["session_token"]
    assert status == 200
    assert ask("auth/session", token=token, method="get")[0] == 200
    answer = Client().get("/api/v1/me/", HTTP_X_SESSION_TOKEN=token)
    assert answer.json()["email"] == "ada@example.com"
    ask("auth/session", token=token, method="delete")
    assert Client().get("/api/v1/me/", HTTP_X_SESSION_TOKEN=token).status_code == 401


def test_program_has_to_show_the_second_factor_too(user):
    secret = with_app(user)
    status, said = ask("auth/login", {"email": "ada@example.com", "password": PASSWORD})
    token = said["meta"]["session_token"]
    assert status == 401
    assert Client().get("/api/v1/me/", HTTP_X_SESSION_TOKEN=token).status_code == 401
    status, said = ask("auth/2fa/authenticate", {"code": code_of(secret)}, token)
    assert status == 200


@pytest.mark.parametrize("path", ["auth/phone/verify", "auth/provider/token", "account/phone"])
def test_what_is_of_no_use_to_programs_is_not_there(path):
    assert Client().post(f"/_allauth/app/v1/{path}").status_code == 404


def test_browser_has_no_such_way_in_without_pages():
    assert Client().post("/_allauth/browser/v1/auth/login").status_code == 404


def test_what_codes_are_computed_from_is_stored_encrypted(user):
    secret = with_app(user)
    kept = Authenticator.objects.get().data["secret"]
    assert secret not in kept
    assert kept.startswith("gAAAA")
