"""The door left open: what `check_url` refuses is refused once more when a connection is opened."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from notifications.encryption import fernet
from notifications.tests.receivers import HttpReceiver
from notifications.transports import Message
from notifications.transports.apprise import AppriseTransport
from notifications.transports.apprise_worker.client import ENVIRONMENT
from notifications.transports.http.curl_multi import HttpRequest, Multi
from notifications.transports.http.egress_policy import Policy

PROJECT = Path(__file__).resolve().parents[3]

# Every way to write an address that leads home, into a private network or to a cloud's secrets.
HOSTS = """
    127.0.0.1 127.1 127.0.0.1. 2130706433 0x7f000001 0x7f.1 0X7F.0.0.1 0177.0.0.1 017700000001
    127.0.0.0x1 127.255.255.254 localhost LOCALHOST localhost. 0 0.0.0.0
    user@127.0.0.1 example.com@127.0.0.1 user:password@127.0.0.1
    10.0.0.1 172.16.0.1 192.168.0.1 100.64.0.1 192.0.0.192 198.18.0.1
    169.254.169.254 169.254.170.2 2852039166 0xa9fea9fe 168.63.129.16 100.100.100.200
    224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
    [::1] [::] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:0:127.0.0.1]
    [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:a9fe:a9fe::]
    [2001:0:4136:e378:8000:63bf:3fff:fdd2] [fc00::1] [fd00:ec2::254] [fe80::1] [ff02::1]
    [fec0::1] [2001:db8::1] [100::1]
"""
HOSTILE = HOSTS.split()
# Plug-ins write addresses anew, and lose what these are about.
FOR_PLUGINS = [host for host in HOSTILE if "@" not in host]


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


def test_table_is_long_enough():
    assert len(HOSTILE) == len(set(HOSTILE)) >= 40


def test_webhook_connects_to_none_of_them(receiver):
    policy = Policy.of([], [receiver.port])
    multi: Multi[str] = Multi(lambda: policy, {})
    for host in HOSTILE:
        url = f"http://{host}:{receiver.port}/"
        multi.start(HttpRequest(url, [], b"{}"), host)
    refusals = {}
    while multi:
        refusals |= {host: reply.refusal for host, reply in multi.wait()}
    multi.close()
    assert {host for host, refusal in refusals.items() if "the setting" not in refusal} == set()
    assert receiver.connections == 0


def test_plugin_connects_to_none_of_them(receiver, settings):
    settings.FOAM_ALLOWED_PRIVATE_NETWORKS = []
    settings.FOAM_WEBHOOK_PORTS = [receiver.port]
    transport = AppriseTransport()
    sender = transport.sender()
    address = f"ntfy://%s:{receiver.port}/topic?mode=private"
    sender.add([message(n, address % host) for n, host in enumerate(FOR_PLUGINS)])
    errors = {}
    while len(sender):
        for outcome in sender.poll(0.05):
            errors[FOR_PLUGINS[outcome.message.delivery_id]] = str(outcome.error)
    transport.close()
    # Most resolvers have no answer for a dot at the end.
    refused = ("is refused", "could not be looked up", "not a complete ntfy://")
    assert {h: e for h, e in errors.items() if not any(why in e for why in refused)} == {}
    assert sum("is refused" in e for e in errors.values()) >= 40
    assert receiver.connections == 0


def message(number: int, url: str) -> Message:
    sealed = fernet().encrypt(url.encode()).decode()
    due_at = datetime(2026, 11, 23, 17, tzinfo=UTC)
    return Message(number, 1, f"foam_{number}_1", number, "", "Title", "", due_at, {}, sealed)


# What a plug-in may do, tried in a process like those that run them.
DEEDS = {
    "a file": "open('/etc/passwd')",
    "a file of ours": "open('.env.example')",
    "writing": "open('/tmp/written', 'w')",
    "a command": "os.system('true')",
    "a process": "subprocess.run(['true'])",
    "a fork": "os.fork()",
    "a connection": "socket.create_connection(('127.0.0.1', 22))",
    "a connection without a fuss": "socket.socket().connect_ex(('127.0.0.1', 22))",
    "a connection by name": "socket.socket().connect(('localhost', 22))",
    "a socket in a file": "socket.socket(socket.AF_UNIX).connect('/run/postgresql/.s')",
    "a datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 514))",
    "a server": "socket.socket().bind(('127.0.0.1', 0))",
}
BEGIN = """
import os, socket, subprocess
from notifications.transports.http.egress_policy import Policy
from notifications.transports.apprise_worker import sandbox
sandbox.install()
sandbox.set_guard(sandbox.Guard(Policy.of([], [22])))
for name, deed in {deeds!r}.items():
    try:
        exec(deed)
    except OSError as error:
        print(name, "|", error)
    else:
        print(name, "| was done")
"""


def test_plugin_opens_no_file_no_process_and_no_private_address():
    done = subprocess.run(
        [sys.executable, "-c", BEGIN.format(deeds=DEEDS)],
        check=True,
        cwd=PROJECT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert [line.partition(" | ")[0] for line in lines] == list(DEEDS)
    assert [line for line in lines if not _is_refusal(line)] == []


def _is_refusal(line: str) -> bool:
    return "for plug-ins" in line or "the setting FOAM_ALLOWED" in line
