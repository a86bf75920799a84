"""Every setting is read as it is meant, or refused in one sentence by everything that starts."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from foam.addresses import Proxy
from foam.environment_variables import Variables
from foam.tests.deployment.test_deployment import PRODUCTION, load, production, run  # noqa: F401
from tools.local_stack.external_servers import hosts_of
from tools.local_stack.servers import free_port

pytestmark = pytest.mark.usefixtures("production")

# Of the servers that run beside these tests, whatever the settings of one are.
SERVERS = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
KEY = PRODUCTION["FOAM_ENCRYPTION_KEYS"]


def database(**parts: Any) -> dict[str, Any]:
    usual = {"NAME": "foam", "USER": "u", "PASSWORD": "p", "HOST": "h", "PORT": ""}
    engine = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {}}
    return {**engine, **usual, **parts}


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("postgres://u:p@h/foam", {}),
        ("postgresql://u:p@h:5433/foam", {"PORT": "5433"}),
        ("psql://u:p@h/foam", {}),
        ("  postgres://u:p@h/foam  ", {}),
        ("postgres://u:a%40b%2Fc%23d%25@h/foam", {"PASSWORD": "a@b/c#d%"}),
        ("postgres://u:a+b@h/foam", {"PASSWORD": "a+b"}),
        ("postgres://u:a@b@h/foam", {"PASSWORD": "a@b"}),
        ("postgres://u:a#b@h/foam", {"PASSWORD": "a#b"}),
        ("postgres://u:$HOME@h/foam", {"PASSWORD": "$HOME"}),
        ("postgres://u@h/foam", {"PASSWORD": ""}),
        ("postgres://u:p@[::1]:5433/foam", {"HOST": "::1", "PORT": "5433"}),
        ("postgres://u:p@h1,h2/foam", {"HOST": "h1,h2"}),
        ("postgres://u:p@h1:1,[::1]:2/foam", {"HOST": "h1,::1", "PORT": "1,2"}),
        (
            "postgres://u:p@h1:5501,h2:5502/foam?target_session_attrs=read-write",
            {
                "HOST": "h1,h2",
                "PORT": "5501,5502",
                "OPTIONS": {"target_session_attrs": "read-write"},
            },
        ),
        ("postgres://u:p@h/foam?sslmode=require", {"OPTIONS": {"sslmode": "require"}}),
        ("postgres://u:p@/foam?host=/var/run/postgresql", {"HOST": "/var/run/postgresql"}),
        ("postgres://u:p@%2Fvar%2Frun%2Fpostgresql/foam", {"HOST": "/var/run/postgresql"}),
        ("postgres://u:p@//var/run/postgresql/foam", {"HOST": "/var/run/postgresql"}),
    ],
)
def test_address_of_a_database_is_read_as_its_client_reads_it(url: str, parts: dict[str, Any]):
    assert Variables({"DATABASE_URL": url}).database("DATABASE_URL") == database(**parts)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:secret@h/foam",
        "u:secret@h/foam",
        "postgres://",
        "postgres://u:secret@h",
        "postgres://u:secret@h:port/foam",
        "postgres://u:secret@h:0/foam",
        "postgres://u:secret@h:65536/foam",
        "postgres://u:secret@h1:1,h2:2,h3/foam?port=1,2",
        "postgres://u:secret@h:5432-5440/foam",
        "postgres://u:secret@[::1/foam",
        "postgres://u:sec%ret@h/foam",
        "postgres://u:secret@h/fo am",
        "postgres://u:secret@h/foam?sslmod=require",
    ],
)
def test_address_of_no_database_is_refused_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    sentence = refusal("DATABASE_URL", url, monkeypatch)
    assert sentence.startswith("DATABASE_URL must")
    assert sentence.endswith("such as postgres://user:password@host:5432/name.")
    assert "sec" not in sentence


def refusal(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as refused:
        load()
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "setting", "expected"),
    [
        ("FOAM_ENV", " development ", "PRODUCTION", False),
        ("FOAM_BASE_URL", "https://foam.example.org:8443/ ", None, "https://foam.example.org:8443"),
        ("FOAM_BASE_URL", "http://[::1]:8000", None, "http://[::1]:8000"),
        (
            "ALLOWED_HOSTS",
            "a.example , [::1],.b.example,",
            None,
            ["a.example", "[::1]", ".b.example"],
        ),
        ("ALLOWED_HOSTS", "*", None, ["*"]),
        ("SECRET_KEY", "$ecret, with all in it ", None, "$ecret, with all in it "),
        ("FOAM_ENCRYPTION_KEYS", f"{KEY}, {KEY}", None, [KEY, KEY]),
        ("FOAM_TRUST_PROXY", "TRUE", None, True),
        ("FOAM_TRUST_PROXY", "0", None, False),
        ("FOAM_STAFF_SECOND_FACTOR", "off ", None, False),
        ("FOAM_PGBOUNCER", "yes", None, True),
        ("REDIS_URL", "redis://:p%40ss@[::1]:6380/3", None, "redis://:p%40ss@[::1]:6380/3"),
        ("REDIS_URL", "rediss://h", None, "rediss://h?ssl_cert_reqs=required"),
        ("FOAM_BROKER_URL", "", "CELERY_BROKER_URL", PRODUCTION["REDIS_URL"]),
        ("FOAM_REDIS_PREFIX", "two:", "CELERY_BROKER_TRANSPORT_OPTIONS", "two:"),
        ("EMAIL_URL", "smtp+tls://foam%40x.org:a+b%2F@h", "EMAIL_HOST_PASSWORD", "a+b/"),
        ("EMAIL_URL", "smtp+tls://foam%40x.org:a+b%2F@h", "EMAIL_HOST_USER", "foam@x.org"),
        ("EMAIL_URL", "smtp+tls://h", "EMAIL_PORT", 587),
        ("EMAIL_URL", "smtp+ssl://h", "EMAIL_USE_SSL", True),
        ("EMAIL_URL", "smtp://[::1]:2525", "EMAIL_HOST", "::1"),
        ("FOAM_FROM_EMAIL", "", "DEFAULT_FROM_EMAIL", "FOAM <foam@foam.example.org>"),
        ("FOAM_ALLOWED_PRIVATE_NETWORKS", "10.0.0.0/8, ::1/128,", None, ["10.0.0.0/8", "::1/128"]),
        (
            "FOAM_ALLOWED_PRIVATE_NETWORKS",
            "10.0.0.5:8443,[::1]:*",
            None,
            ["10.0.0.5:8443", "[::1]:*"],
        ),
        ("FOAM_PRIVATE_NETWORKS_FOR", "everybody", None, "everybody"),
        ("FOAM_ALLOWED_PRIVATE_NETWORKS", "", None, []),
        ("FOAM_WEBHOOK_PORTS", "80, 443,8000-9000 ", None, [80, 443, (8000, 9000)]),
        ("FOAM_LEASE_SECONDS", " 50 ", None, 50),
        ("FOAM_FLOOD_LIMIT", "0", None, 0),
        ("FOAM_BACKLOG_RATE", "1000000", None, 1_000_000),
        ("FOAM_KEEP_DAYS", "0090", None, 90),
        ("FOAM_API_RATE", "10/s", None, (10, 1)),
        ("FOAM_API_RATE", "off", None, None),
        ("FOAM_OIDC_DOMAINS", "Example.ORG, b.example", None, ["example.org", "b.example"]),
        ("FOAM_CORS_ORIGINS", "", "CORS_ALLOWED_ORIGINS", []),
        (
            "FOAM_CORS_ORIGINS",
            "https://App.example.org:443, http://localhost:5173,https://[::1]:8443",
            "CORS_ALLOWED_ORIGINS",
            ["https://app.example.org", "http://localhost:5173", "https://[::1]:8443"],
        ),
        ("FOAM_HEARTBEAT_URL", "https://hc-ping.com/x/", None, "https://hc-ping.com/x/"),
        ("FOAM_HEARTBEAT_URL", "", None, ""),
        ("FOAM_OUTBOUND_PROXY", "", None, None),
        (
            "FOAM_OUTBOUND_PROXY",
            "https://foam:p%40ss%3A@proxy.example.org:3128/",
            None,
            Proxy("https", "proxy.example.org", 3128, "foam", "p@ss:"),
        ),
        ("FOAM_OUTBOUND_PROXY", "http://[::1]:3128", None, Proxy("http", "::1", 3128)),
        ("FOAM_LOG_FORMAT", "lines", None, "lines"),
        ("FOAM_ALIVE_DIR", "/tmp/alive ", None, "/tmp/alive"),
    ],
)
def test_setting_is_read_as_it_is_meant(
    name: str, value: str, setting: str | None, expected: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(name, value)
    read = load()[setting or name]
    assert (read["global_keyprefix"] if isinstance(read, dict) else read) == expected


@pytest.mark.parametrize(("base", "prefix"), [("https", "__Host-"), ("http", None)])
def test_cookies_are_bound_to_the_host_where_they_can_be(base, prefix, monkeypatch):
    monkeypatch.setenv("FOAM_BASE_URL", f"{base}://foam.example.org")
    read = load()
    names = [read.get("SESSION_COOKIE_NAME"), read.get("CSRF_COOKIE_NAME")]
    assert names == ([f"{prefix}sessionid", f"{prefix}csrftoken"] if prefix else [None, None])
    # A browser refuses a cookie of that name without these.
    assert read["SESSION_COOKIE_SECURE"] is read["CSRF_COOKIE_SECURE"] is bool(prefix)
    assert not {"SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH"} & set(read)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("FOAM_ENV", ["prod", ""]),
        (
            "FOAM_BASE_URL",
            ["foam.example.org", "ftp://x", "https://", "https://h:99999", "http://[::1"],
        ),
        ("ALLOWED_HOSTS", ["https://foam.example.org", "foam.example.org:8000", "a b", "fööm.de"]),
        ("FOAM_ENCRYPTION_KEYS", ["short", f"{KEY},x", f"{KEY[:-1]}"]),
        ("FOAM_TRUST_PROXY", ["", "maybe", "2", "ja"]),
        ("FOAM_STAFF_SECOND_FACTOR", ["", "none"]),
        ("FOAM_PGBOUNCER", ["", "transaction"]),
        (
            "REDIS_URL",
            [
                "h:6379",
                "amqp://h",
                "redis://",
                "redis:///0",
                "redis://h:x/0",
                "redis://h/foam",
                "redis://h/0/1",
                "unix:///run/redis.sock",
                "redis://:a/b@h/0",
                "redis://h:0",
                "redis://h /0",
            ],
        ),
        (
            "FOAM_BROKER_URL",
            ["memory://", "amqp://u:p@h:x/v", "redis://h:65536", "sentinel://a:1;b:2"],
        ),
        ("FOAM_SIGNUP", ["", "yes"]),
        ("FOAM_IDLE_HOURS", ["0", "337", "week"]),
        ("FOAM_STAFF_IDLE_MINUTES", ["4", "20161", "hour"]),
        ("FOAM_OIDC_ISSUER", ["sso.example.org", "http://sso.example.org", "https://h:x"]),
        ("FOAM_OIDC_DOMAINS", ["@example.org", "https://example.org"]),
        (
            "FOAM_CORS_ORIGINS",
            ["*", "app.example.org", "https://app.example.org/", "https://u@h", "null", "ftp://h"],
        ),
        (
            "EMAIL_URL",
            [
                "smtp.example.org:25",
                "smtp://",
                "smtp://u:a/b@h",
                "smtp://h:x",
                "smtp://h:25/?ssl=1",
            ],
        ),
        ("FOAM_FROM_EMAIL", ["FOAM", "FOAM <foam>"]),
        (
            "FOAM_ALLOWED_PRIVATE_NETWORKS",
            ["10.0.0.0/33", "localhost", "10.0.0.5:0", "fd00::5:80", "*"],
        ),
        (
            "FOAM_WEBHOOK_PORTS",
            [
                "",
                "http",
                "0",
                "65536",
                "9000-8000",
                "80-",
                "-80",
                "80;443",
                "1-2-3",
                "8000–9000",
                "80.5",
            ],
        ),
        ("FOAM_LEASE_SECONDS", ["", "49", "3601", "2 min", "120s", "1e2", "-120", "120.0", "١٢٠"]),
        ("FOAM_FLOOD_LIMIT", ["", "1000001", "none"]),
        ("FOAM_BACKLOG_RATE", ["", "10/s"]),
        ("FOAM_BACKLOG_HOLD_OVER", ["", "20k"]),
        ("FOAM_KEEP_DAYS", ["", "0", "36501", "90d", "9999999999999999"]),
        ("FOAM_API_RATE", ["", "600", "0/min", "10/day", "OFF"]),
        ("FOAM_API_USER_RATE", ["10 / s"]),
        ("FOAM_API_WRITE_RATE", ["10/m"]),
        ("FOAM_API_ANONYMOUS_RATE", ["-1/s"]),
        ("FOAM_HEARTBEAT_URL", ["hc-ping.com/x", "https://hc-ping.com:x/", "https://h/a b"]),
        (
            "FOAM_OUTBOUND_PROXY",
            [
                "proxy.example.org:3128",
                "socks5://proxy.example.org:1080",
                "http://proxy.example.org",
                "http://proxy.example.org:3128/path",
                "http://proxy.example.org:3128?",
                "http://:word@proxy.example.org:3128",
                "http://foam:pässword@proxy.example.org:3128",
                "http://foam:a%0Ab@proxy.example.org:3128",
                "http://a%3Ab:word@proxy.example.org:3128",
                "http://foam:a/b@proxy.example.org:3128",
                "http://proxy.example.org:0",
                "http://one:3128,http://two:3128",
            ],
        ),
        ("FOAM_LOG_FORMAT", ["", "JSON", "text"]),
        ("LOG_LEVEL", ["", "LOUD", "10"]),
        ("FOAM_METRICS_TOKEN", ["short", "with a space in it"]),
        ("SENTRY_DSN", ["sentry.example.org", "https://sentry.example.org/1"]),
    ],
)
def test_setting_that_is_not_understood_is_refused_in_a_sentence_that_names_it(
    name: str, values: list[str], monkeypatch: pytest.MonkeyPatch
):
    for value in values:
        sentence = refusal(name, value, monkeypatch)
        assert sentence.startswith((name, f"Set the environment variable {name}")), value
        assert "\n" not in sentence


def test_what_may_be_a_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "DATABASE_URL": "postgres://u:hush@h:x/foam",
        "REDIS_URL": "redis://:hush@h:x/0",
        "FOAM_BROKER_URL": "amqp://u:hush@h:x/v",
        "EMAIL_URL": "smtp://u:hush@h:x",
        "FOAM_ENCRYPTION_KEYS": "hush",
        "FOAM_HEARTBEAT_URL": "hc-ping.com/hush",
        "FOAM_OUTBOUND_PROXY": "http://foam:hush@proxy.example.org",
        "FOAM_METRICS_TOKEN": "hush",
        "SENTRY_DSN": "https://hush/1",
    }.items():
        with monkeypatch.context() as context:
            assert "hush" not in refusal(name, value, context)


def test_level_of_the_log_is_read_in_small_letters(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOG_LEVEL", "warning")
    assert load()["LOGGING"]["root"]["level"] == "WARNING"


def test_several_hosts_are_named_with_their_ports():
    for url, hosts in {
        "postgres://u@h1:5501,h2:5502/foam": "h1:5501,h2:5502",
        "postgres://u@h1,h2/foam": "h1:5432,h2:5432",
        "postgres://u@/foam": "this machine:5432",
        "postgres://u@/foam?host=/run/postgresql": "/run/postgresql",
    }.items():
        assert hosts_of(Variables({"URL": url}).database("URL")) == hosts


# Everything that starts says the same sentence, and nothing else

PYTHON = [sys.executable]
STACK = [*PYTHON, "-m", "tools.local_stack"]
STARTS = {
    "manage.py": [*PYTHON, "manage.py", "check"],
    "unknown command": [*PYTHON, "manage.py", "nonsense"],
    "doctor": [*PYTHON, "manage.py", "doctor"],
    "worker": ["celery", "--app=foam", "worker"],
    "beat": ["celery", "--app=foam", "beat"],
    "run.sh": ["./run.sh"],
    "web": ["gunicorn", "--config", "foam/processes/gunicorn_conf.py", "foam.wsgi:application"],
    "stack": [
        *PYTHON,
        "-m",
        "tools.local_stack",
        "exec",
        "--ephemeral",
        "--",
        *PYTHON,
        "manage.py",
        "check",
    ],
}


@pytest.mark.parametrize("start", STARTS)
def test_whatever_starts_refuses_a_setting_in_one_sentence(start: str):
    done = run(STARTS[start], {**PRODUCTION, "FOAM_LEASE_SECONDS": "2 min"} | servers(start))
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1:] == [
        "Not set up: FOAM_LEASE_SECONDS must be a number from 50 to 3600, such as 120; "
        "it is '2 min'."
    ]
    assert "Traceback" not in done.stderr + done.stdout


def servers(start: str) -> dict[str, str]:
    return SERVERS if start == "stack" else {}


def test_web_without_its_configuration_gives_up_and_says_why_it_cannot_start():
    words = ["gunicorn", "--bind", "127.0.0.1:0", "--no-control-socket", "foam.wsgi:application"]
    done = run(words, {**PRODUCTION, "FOAM_KEEP_DAYS": "90d"})
    assert done.returncode == 3
    assert "Not set up: FOAM_KEEP_DAYS must be a number from 1 to 36500" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("value", ["many", "0", ""])
def test_number_of_web_processes_that_is_none_is_refused(value: str):
    done = run(STARTS["run.sh"], {**PRODUCTION, "WEB_CONCURRENCY": value})
    assert done.returncode == 1
    assert done.stderr.startswith("Not set up: WEB_CONCURRENCY must be a number from 1 to 1000")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://u:p@h:port/foam"),
        ("DATABASE_URL", "mysql://u:p@h/foam"),
        ("REDIS_URL", "redis://h:port/0"),
    ],
)
def test_local_stack_refuses_an_address_in_one_line(name: str, value: str, tmp_path: Path):
    env = {**os.environ, **SERVERS, name: value, "FOAM_DATA": str(tmp_path)}
    for words in (["run"], ["exec", "--", "true"]):
        done = subprocess.run(
            [*STACK, *words],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.strip().splitlines()[-1].startswith(f"{name} must ")
        assert "Traceback" not in done.stderr


def test_make_run_refuses_a_setting_in_the_same_sentence(tmp_path: Path):
    env = {**os.environ, **SERVERS, "FOAM_PORT": str(free_port()), "FOAM_DATA": str(tmp_path)}
    done = subprocess.run(
        [*STACK, "run"],
        env={**env, "FOAM_WEBHOOK_PORTS": "9000-8000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith("Not set up: FOAM_WEBHOOK_PORTS must be ports and ranges of them")


def test_local_stack_goes_to_whichever_of_several_hosts_takes_writes(tmp_path: Path):
    url = SERVERS["DATABASE_URL"]
    host, _, rest = url.rpartition("@")[2].partition("/")
    several = url.replace(f"@{host}/{rest}", f"@127.0.0.1:1,{host}/foam?target_session_attrs=any")
    done = subprocess.run(
        [*STACK, "exec", "--ephemeral", "--", "true"],
        env={**os.environ, **SERVERS, "DATABASE_URL": several},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"PostgreSQL 18: foam on 127.0.0.1:1,{host}" in done.stderr
