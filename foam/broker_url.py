"""Reads the address of the broker: Redis, Sentinel or RabbitMQ, with its TLS options. Pure.

Clients check the certificate and its host name unless the address switches that off: otherwise an
attacker on the network could read wake-ups and forge tasks.
"""

import ssl
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from foam.secret_text import SecretText

SCHEMES = ("redis", "rediss", "sentinel", "amqp", "amqps")

# Redis' client takes these words; RabbitMQ's takes Python's constants.
CERT_REQS = {
    "required": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
TLS = ("ssl_cert_reqs", "ssl_check_hostname", *FILES)


class Broker(NamedTuple):
    """`url`, `options` and `use_ssl` are Celery's settings whose names begin with broker_."""

    url: SecretText
    options: dict[str, Any]
    use_ssl: dict[str, Any] | bool = False
    # Whether certificate and host name are checked; True without TLS.
    is_verified: bool = True

    @property
    def is_redis(self) -> bool:
        return self.url.startswith(("redis://", "rediss://"))

    @property
    def is_rabbitmq(self) -> bool:
        return self.url.startswith(("amqp://", "amqps://"))


def read(address: str, prefix: str) -> Broker:
    """Return the broker at an address. Raises ValueError with the end of a sentence.

    Redis and RabbitMQ have one address. Sentinel has one or several, separated by semicolons, and
    ends with `?master_name=` and the master's name. `prefix` separates the keys of several FOAMs
    in one Redis; in RabbitMQ a virtual host does that.
    """
    scheme, _, location = address.partition("://")
    if scheme not in SCHEMES or not location:
        raise ValueError(f"must begin with {', '.join(SCHEMES[:-1])} or {SCHEMES[-1]} and ://")
    if scheme.startswith("amqp"):
        return _rabbitmq(address)
    options: dict[str, Any] = {
        "global_keyprefix": prefix,
        # By default kombu keeps a wake-up on the broker until its task has ended, which ends the
        # worker with an AttributeError (5.7) if the broker restarted meanwhile. The next tick makes
        # up for a lost wake-up.
        "ack_emulation": False,
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
    }
    if scheme != "sentinel":
        url = with_verification(address)
        return Broker(url, options, is_verified=is_verified(address))
    return _sentinel(address, options)


def with_verification(address: str) -> SecretText:
    """Return the address of a Redis with the options by which its client checks certificates."""
    base, tls, options = _parts(address)
    if not address.startswith("rediss://"):
        if tls:
            raise ValueError(f"must begin with rediss:// for {min(tls)} to count")
        return SecretText(address)
    query = urlencode({**options, "ssl_cert_reqs": "required", **tls}, safe="/")
    return SecretText(f"{base}?{query}")


def is_verified(address: str) -> bool:
    """Whether an address leaves the check of certificate and host name on."""
    _, tls, _ = _parts(address)
    return tls.get("ssl_cert_reqs") != "none" and tls.get("ssl_check_hostname") != "false"


def _rabbitmq(address: str) -> Broker:
    base, tls, options = _parts(address)
    if not address.startswith("amqps://"):
        if tls:
            raise ValueError(f"must begin with amqps:// for {min(tls)} to count")
        return Broker(SecretText(address), {})
    url = SecretText(f"{base}?{urlencode(options)}" if options else base)
    use_ssl: dict[str, Any] = {"cert_reqs": CERT_REQS[tls.get("ssl_cert_reqs", "required")]}
    use_ssl |= {name.removeprefix("ssl_"): tls[name] for name in FILES if name in tls}
    # RabbitMQ's client checks the host name only if it gets one here.
    if is_verified(address):
        use_ssl["server_hostname"] = urlsplit(base).hostname
    return Broker(url, {}, use_ssl, is_verified(address))


def _sentinel(address: str, options: dict[str, Any]) -> Broker:
    base, tls, parameters = _parts(address)
    if not parameters.get("master_name") or parameters.keys() - {
        "master_name",
        "sentinel_password",
    }:
        raise ValueError(
            "must end with ?master_name= and the master's name, and maybe &sentinel_password="
        )
    options["master_name"] = parameters["master_name"]
    # Sentinels have a password of their own, not that of the Redis they watch.
    sentinels: dict[str, Any] = {"socket_timeout": 2, "socket_connect_timeout": 2}
    if "sentinel_password" in parameters:
        sentinels["password"] = SecretText(parameters["sentinel_password"])
    use_ssl: dict[str, Any] = {}
    if tls:
        use_ssl = {"ssl_cert_reqs": "required", **tls}
        if "ssl_check_hostname" in tls:
            use_ssl["ssl_check_hostname"] = tls["ssl_check_hostname"] == "true"
        sentinels |= {"ssl": True, **use_ssl}
    options["sentinel_kwargs"] = sentinels
    return Broker(SecretText(base), options, use_ssl or False, is_verified(address))


def _parts(address: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return the address before its query, the TLS options, and the other parameters."""
    base, _, query = address.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    tls = {name: parameters.pop(name) for name in list(parameters) if name.startswith("ssl_")}
    if unknown := tls.keys() - set(TLS):
        raise ValueError(f"has {min(unknown)}, which is none of {', '.join(TLS)}")
    if "ssl_cert_reqs" in tls:
        tls["ssl_cert_reqs"] = tls["ssl_cert_reqs"].removeprefix("CERT_").lower()
        if tls["ssl_cert_reqs"] not in CERT_REQS:
            raise ValueError(f"must have one of {', '.join(CERT_REQS)} for ssl_cert_reqs")
    if tls.get("ssl_check_hostname", "true") not in {"true", "false"}:
        raise ValueError("must have true or false for ssl_check_hostname")
    for name in FILES:
        if name in tls and not Path(tls[name]).is_file():
            raise ValueError(f"names {tls[name]} for {name}, where there is no file")
    return base, tls, parameters
