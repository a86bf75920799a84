"""Behind a proxy that ends TLS: secure cookies, HSTS, no circles, and who may say https."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from foam.tests import processes
from foam.tests.security.slow_clients import SHAPES, slow_clients

HOST = "foam.example.org"
SITE = processes.PROJECT / "deploy" / "nginx.conf"
PROXY = processes.PROJECT / "deploy" / "proxy.conf"
CADDYFILE = processes.PROJECT / "deploy" / "Caddyfile"


def program(name, package):
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    return found or pytest.skip(f"no {name} here: apt-get install {package}")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    name = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-days", "2"]
    words = [program("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
    subprocess.run([*words, *files, *name], check=True, capture_output=True)
    return folder


def nginx_files(folder: Path, certificate: Path, *, to: int, port: int, plain: int) -> Path:
    """Write deploy/nginx.conf into a whole configuration, with ports and files of the test's."""
    site = SITE.read_text()
    for ours, theirs in {
        "127.0.0.1:8000": f"127.0.0.1:{to}",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "listen [::]:443 ssl": "",
        "listen 80": f"listen 127.0.0.1:{plain}",
        "listen [::]:80": "",
        f"/etc/ssl/{HOST}.pem": str(certificate / "cert.pem"),
        f"/etc/ssl/{HOST}.key": str(certificate / "key.pem"),
    }.items():
        assert ours in site, f"{SITE.name} has no {ours}"
        site = site.replace(ours, theirs)
    site = re.sub(r"^ *;\n", "", site, flags=re.MULTILINE)
    whole = folder / "nginx.conf"
    kinds = ("proxy", "client_body", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    # Root's workers are another user, who cannot enter the test's own folder.
    user = "user root;" if os.geteuid() == 0 else ""
    whole.write_text(
        f"daemon off; {user} pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {paths}\n{site}\n}}\n"
    )
    return whole


def test_nginx_finds_nothing_wrong_with_the_sample(tmp_path, certificate):
    ports = {"to": 8000, "port": processes.free_port(), "plain": processes.free_port()}
    config = nginx_files(tmp_path, certificate, **ports)
    words = [program("nginx", "nginx-light"), "-t", "-q", "-p", tmp_path, "-c", config]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if "could not open error log" not in line]
    assert (done.returncode, lines) == (0, [])


def caddyfile(folder: Path, **replacements: str) -> Path:
    """Write deploy/Caddyfile for the Caddy of this machine, with some of its texts replaced."""
    text = CADDYFILE.read_text()
    version = subprocess.run(
        [program("caddy", "caddy"), "version"], capture_output=True, text=True, check=True
    ).stdout.lstrip("v")
    if tuple(map(int, version.split(".")[:2])) < (2, 7):
        assert "request_buffers 11MiB" in text
        text = text.replace("request_buffers 11MiB", "buffer_requests")
    for ours, theirs in replacements.items():
        assert ours in text, f"{CADDYFILE.name} has no {ours}"
        text = text.replace(ours, theirs)
    path = folder / "Caddyfile"
    path.write_text(text)
    return path


def caddy_environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}


def test_caddy_finds_nothing_wrong_with_the_sample(tmp_path):
    words = [program("caddy", "caddy"), "validate", "--adapter", "caddyfile"]
    words += ["--config", str(caddyfile(tmp_path))]
    env = caddy_environment(tmp_path)
    done = subprocess.run(words, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr


def compose_proxy(folder: Path, to: int, port: int) -> list[str]:
    """Return the command of docker-compose.yml's proxy in front of web at a port of the test's."""
    text = PROXY.read_text()
    for ours, theirs in {
        "listen 8000": f"listen 127.0.0.1:{port}",
        "http://foam_web:8000": f"http://127.0.0.1:{to}",
        "/tmp/": f"{folder}/",
        "/dev/stderr": str(folder / "error.log"),
        "worker_processes auto": f"{'user root; ' if os.geteuid() == 0 else ''}worker_processes 1",
    }.items():
        assert ours in text, f"{PROXY.name} has no {ours}"
        text = text.replace(ours, theirs)
    config = folder / "nginx.conf"
    config.write_text(text)
    return [
        program("nginx", "nginx-light"),
        "-p",
        str(folder),
        "-c",
        str(config),
        "-g",
        "daemon off;",
    ]


def test_nginx_finds_nothing_wrong_with_the_proxy_of_compose(tmp_path):
    words = [*compose_proxy(tmp_path, 8000, processes.free_port())[:-2], "-t", "-q"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if "could not open error log" not in line]
    assert (done.returncode, lines) == (0, [])


@contextmanager
def proxy_of_compose(folder, to, port):
    with running_proxy(compose_proxy(folder, to, port), port):
        yield


@contextmanager
def caddy(folder, to, port):
    replacements = {
        "foam.example.org {": f"http://127.0.0.1:{port} {{",
        "127.0.0.1:8000": f"127.0.0.1:{to}",
        "{\n\tservers": "{\n\tadmin off\n\tservers",
    }
    config = caddyfile(folder, **replacements)
    words = [program("caddy", "caddy"), "run", "--adapter", "caddyfile", "--config", str(config)]
    with running_proxy(words, port, caddy_environment(folder)):
        yield


@contextmanager
def running_proxy(words, port, env=None):
    process = subprocess.Popen(words, env=env, stderr=subprocess.DEVNULL)
    try:
        processes.wait_until(lambda: listens(port), 20, "the proxy")
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("proxy", [proxy_of_compose, caddy])
def test_slow_clients_wait_at_the_proxy(proxy, transactional_db, tmp_path):
    to, port = processes.free_port(), processes.free_port()
    web = ["gunicorn", "--config", "foam/processes/gunicorn_conf.py", "--bind", f"127.0.0.1:{to}"]
    env = processes.environment(WEB_CONCURRENCY="1")
    with (
        processes.running([*web, "foam.wsgi:application"], env, tmp_path / "web.log"),
        proxy(tmp_path, to, port),
    ):
        up = f"http://127.0.0.1:{port}/healthz"
        processes.wait_until(lambda: processes.answers(up), 60, "web behind the proxy")
        for name in ("half a head", "slow body", "half a chunk", "does not read"):
            with slow_clients(port, SHAPES[name], 300):
                began = time.monotonic()
                assert all(processes.answers(up) for _ in range(20)), name
                assert time.monotonic() - began < 20
        large = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        large.request("POST", "/api/v1/reminders/", b"x" * 10_000_000)
        answer = large.getresponse()
        assert (answer.status, answer.getheader("Content-Type")) == (
            413,
            "application/problem+json",
        )
        large.close()


@pytest.fixture
def proxied(transactional_db, tmp_path, certificate):
    """FOAM behind nginx, as in production; return how to ask it, by TLS or without."""
    nginx = program("nginx", "nginx-light")
    to, port, plain = (processes.free_port() for _ in range(3))
    config = nginx_files(tmp_path, certificate, to=to, port=port, plain=plain)
    env = processes.environment(
        FOAM_BASE_URL=f"https://{HOST}",
        ALLOWED_HOSTS=HOST,
        FOAM_TRUST_PROXY="true",
    )
    web = ["gunicorn", "--config", "foam/processes/gunicorn_conf.py", "--bind", f"127.0.0.1:{to}"]
    context = ssl.create_default_context(cafile=certificate / "cert.pem")
    with processes.running([*web, "foam.wsgi:application"], env, tmp_path / "web.log"):
        process = subprocess.Popen([nginx, "-p", tmp_path, "-c", config], stderr=subprocess.DEVNULL)
        try:
            for each in (to, port, plain):
                processes.wait_until(lambda each=each: listens(each), 60, f"{each} answers")
            yield Asked(port, plain, to, context)
        finally:
            process.terminate()
            process.wait(10)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Asked:
    def __init__(self, port, plain, direct, context):
        self.ports = {"https": port, "http": plain, "direct": direct}
        self.context = context

    def __call__(self, way, path, method="GET", body=None, headers=None):
        raw = socket.create_connection(("127.0.0.1", self.ports[way]), 20)
        if way == "https":
            raw = self.context.wrap_socket(raw, server_hostname=HOST)
        client = http.client.HTTPConnection(HOST)
        client.sock = raw
        client.request(method, path, body, headers or {})
        answer = client.getresponse()
        answer.text = answer.read().decode()
        client.close()
        return answer


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_foam_behind_a_proxy_that_ends_tls(proxied):
    path = "/admin/login/"
    while (page := proxied("https", path)).status == 302:
        path = page.getheader("Location")
    assert page.status == 200
    assert page.getheader("Strict-Transport-Security").startswith("max-age=31536000")
    cookie = page.getheader("Set-Cookie")
    assert "Secure" in cookie

    # A form is taken for one of FOAM's own: refused for its words, not for where it comes from.
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
    form = {"headers": {"Cookie": cookie.split(";")[0], "Origin": f"https://{HOST}"}}
    form["headers"]["Content-Type"] = "application/x-www-form-urlencoded"
    form["body"] = urlencode({"csrfmiddlewaretoken": token, "username": "x", "password": "x"})
    assert proxied("https", path, "POST", **form).status == 200
    form["headers"]["Origin"] = "https://evil.example"
    assert proxied("https", path, "POST", **form).status == 403

    # Whoever comes without TLS is sent to it once, and not in circles.
    sent = proxied("http", "/docs")
    assert sent.status == 301
    assert sent.getheader("Location") == f"https://{HOST}/docs"
    assert proxied("https", "/docs").status == 200

    # What a client says of itself does not count: nginx says it anew.
    plain = {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}
    assert proxied("https", "/docs", headers=plain).status == 200
    # Past the proxy nothing is https, but health checks are answered.
    assert proxied("direct", "/docs").status == 301
    assert proxied("direct", "/healthz").status == 200
    # FOAM is who refuses a body that is too large, in words.
    for size in (1_200_000, 10_000_000):
        large = proxied("https", "/api/v1/reminders/", "POST", b"x" * size)
        assert (large.status, large.getheader("Content-Type")) == (413, "application/problem+json")
