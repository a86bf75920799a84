"""F2: no dump of the settings shows a secret, whichever program makes it."""

import copy
import os
import pickle
import pprint
import subprocess
import sys

import pytest
from celery import Celery
from django.conf import LazySettings, Settings, settings
from django.views.debug import SafeExceptionReporterFilter

from foam.secret_text import SecretText
from foam.tests.deployment.test_deployment import PRODUCTION, load, production  # noqa: F401

MARK = "hush"
# Every variable that holds a secret, or an address with a login.
SECRETS = {
    "SECRET_KEY": f"{MARK}-key-{'x' * 50}",
    # Base64 of "hush" thrice and more.
    "FOAM_ENCRYPTION_KEYS": "hushhushhushhushhushhushhushhushhushhushhus=,"
    "AAAAhushhushhushhushhushhushhushhushhushhus=",
    "DATABASE_URL": f"postgres://foam:{MARK}@db.example.org/foam?sslpassword={MARK}",
    "REDIS_URL": f"redis://:{MARK}@redis.example.org:6379/0",
    "EMAIL_URL": f"smtp+tls://mail:{MARK}@mail.example.org:587",
    "FOAM_BOUNCE_MAILBOX": f"imaps://bounces:{MARK}@imap.example.org/INBOX",
    "FOAM_OUTBOUND_PROXY": f"http://foam:{MARK}@proxy.example.org:3128",
    "FOAM_HEARTBEAT_URL": f"https://hc-ping.com/{MARK}",
    "FOAM_METRICS_TOKEN": f"{MARK}-metrics-token",
    "SENTRY_DSN": f"https://{MARK}@sentry.example.org/1",
    "FOAM_OIDC_ISSUER": "https://sso.example.org",
    "FOAM_OIDC_CLIENT_ID": "foam",
    "FOAM_OIDC_CLIENT_SECRET": f"{MARK}-oidc",
}
BROKERS = [
    f"redis://:{MARK}@redis.example.org/0",
    f"rediss://:{MARK}@redis.example.org/0",
    f"amqp://foam:{MARK}@rabbit.example.org/foam",
    f"amqps://foam:{MARK}@rabbit.example.org/foam",
    f"sentinel://:{MARK}@one.example.org/0;sentinel://:{MARK}@two.example.org/0"
    f"?master_name=foam&sentinel_password={MARK}",
]


def public(values):
    return {name: value for name, value in values.items() if name.isupper()}


@pytest.fixture(params=BROKERS, ids=[broker.partition(":")[0] for broker in BROKERS])
def loaded(request, production, monkeypatch):  # noqa: F811
    """The settings of production with every secret there is."""
    for name, value in {**SECRETS, "FOAM_BROKER_URL": request.param}.items():
        monkeypatch.setenv(name, value)
    values = public(load())
    # They are there for their readers, or the test says nothing.
    assert MARK in values["SECRET_KEY"]
    assert MARK in values["CELERY_BROKER_URL"]
    assert values["DATABASES"]["default"]["PASSWORD"] == MARK
    return values


def test_no_repr_of_a_setting_has_a_secret(loaded):
    for name, value in loaded.items():
        # As manage.py diffsettings, pprint, a debugger and Sentry write them.
        for text in (f"{value!r}", pprint.pformat(value), repr(copy.deepcopy(value))):
            assert MARK not in text, name


def test_what_is_shown_as_text_alone_has_no_login(loaded):
    assert loaded["EMAIL_URL"] == "smtp+tls://mail.example.org:587"
    assert loaded["EMAIL_HOST_PASSWORD"] == MARK


def test_configuration_of_celery_has_no_secret(loaded):
    app = Celery("dump", set_as_current=False)
    app.config_from_object(type("Loaded", (), loaded), namespace="CELERY")
    report = (
        app.bugreport() + app.conf.humanize(with_defaults=True) + pprint.pformat(dict(app.conf))
    )
    assert "broker_url" in report
    assert MARK not in report
    assert app.conf.worker_enable_remote_control is False


def test_page_of_an_error_has_no_secret(loaded, monkeypatch):
    """Django's own debug page: FOAM never shows it, but a module of somebody's might."""
    holder = LazySettings()
    holder._wrapped = Settings("foam.settings")
    for name, value in loaded.items():
        setattr(holder._wrapped, name, value)
    monkeypatch.setattr("django.views.debug.settings", holder)
    shown = SafeExceptionReporterFilter().get_safe_settings()
    assert shown["FOAM_BASE_URL"] == PRODUCTION["FOAM_BASE_URL"]
    assert MARK not in pprint.pformat(shown)


@pytest.mark.system
@pytest.mark.parametrize(
    "words", [["manage.py", "diffsettings", "--all"], ["-m", "celery", "-A", "foam", "report"]]
)
def test_program_that_dumps_the_settings_shows_no_secret(words):
    names = {**SECRETS, "FOAM_BROKER_URL": BROKERS[0]}
    # Sentry's library is not installed everywhere.
    del names["SENTRY_DSN"]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=settings.BASE_DIR,
        env={**os.environ, **names},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "mail.example.org" in done.stdout
    assert MARK not in done.stdout + done.stderr


def test_secret_is_the_text_that_it_hides_but_in_its_repr():
    secret = SecretText("hush")
    assert (str(secret), f"{secret}", secret) == ("hush", "hush", "hush")
    assert repr(pickle.loads(pickle.dumps(secret))) == repr(secret) == "'[secret]'"
    assert repr(SecretText("")) == "''"
