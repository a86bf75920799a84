"""Who is locked out is so in every process, and while Redis is down."""

import http.cookiejar
import re
import urllib.parse
import urllib.request

import pytest
from django.core.cache import cache

from accounts.models import User
from foam.tests.processes import answers, environment, free_port, running, wait_until, web

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


class Browser:
    def __init__(self, base):
        self.base = base
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)

    def read(self, path, data=None):
        request = urllib.request.Request(self.base + path, data=data)
        with self.opener.open(request, timeout=20) as answer:
            return answer.url, answer.read().decode()

    def sign_in(self, email, password):
        _, page = self.read("/account/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        form = {"csrfmiddlewaretoken": token, "login": email, "password": password}
        return self.read("/account/login/", urllib.parse.urlencode(form).encode())


def test_lock_out_holds_in_all_processes_and_without_redis(tmp_path, settings):
    # As the processes have it.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    cache.clear()
    User.objects.create_user("ada", "ada@example.com", "enigma-1843")
    User.objects.create_user("eve", "eve@example.com", "enigma-1843")
    ports = [free_port(), free_port()]
    # Nobody listens there.
    env = environment(REDIS_URL="redis://127.0.0.1:1/0", FOAM_BASE_URL="http://127.0.0.1")
    first, second = (f"http://127.0.0.1:{port}" for port in ports)
    with (
        running(web(ports[0]), env, tmp_path / "first.log"),
        running(web(ports[1]), env, tmp_path / "second.log"),
    ):
        for base in (first, second):
            wait_until(lambda base=base: answers(f"{base}/healthz"), 60, f"{base} answers")
        for number in range(5):
            _, page = Browser((first, second)[number % 2]).sign_in("ada@example.com", "wrong")
            assert "not correct" in page
        for base in (first, second):
            _, page = Browser(base).sign_in("ada@example.com", "enigma-1843")
            assert "Too many failed login attempts" in page
        url, _ = Browser(second).sign_in("eve@example.com", "enigma-1843")
        assert url == f"{second}/account/"
