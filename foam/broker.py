"""Which broker passes wake-ups on, and what its client is told: read from an address. Pure."""

from typing import Any, NamedTuple
from urllib.parse import parse_qs

SCHEMES = ("redis", "rediss", "sentinel", "amqp", "amqps")


class Broker(NamedTuple):
    """`url` and `options` are Celery's broker_url and broker_transport_options."""

    url: str
    options: dict[str, Any]

    @property
    def is_redis(self) -> bool:
        return self.url.startswith(("redis://", "rediss://"))

    @property
    def is_rabbitmq(self) -> bool:
        return self.url.startswith(("amqp://", "amqps://"))


def read(address: str, prefix: str) -> Broker:
    """Return the broker at an address; ValueError, in words, where that is none.

    Redis and RabbitMQ have one address. Sentinel has one or several, separated by semicolons, and
    ends with `?master_name=` and the name by which the sentinels know the master. `prefix` keeps
    what several FOAMs have in one Redis apart; in RabbitMQ a virtual host does that.
    """
    scheme, _, rest = address.partition("://")
    if scheme not in SCHEMES or not rest:
        raise ValueError(f"must begin with {', '.join(SCHEMES[:-1])} or {SCHEMES[-1]} and ://")
    if scheme.startswith("amqp"):
        return Broker(address, {})
    options: dict[str, Any] = {
        "global_keyprefix": prefix,
        # A wake-up that a worker took is gone; the next tick makes up for one that was lost. To
        # keep it on the broker until it is done is kombu's default, and ends the worker (5.7,
        # AttributeError) when it is done after the broker has restarted.
        "ack_emulation": False,
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
    }
    if scheme != "sentinel":
        return Broker(address, options)
    address, _, query = address.partition("?")
    asked = parse_qs(query)
    if not asked.get("master_name") or asked.keys() - {"master_name", "sentinel_password"}:
        raise ValueError(
            "must end with ?master_name= and the master's name, and maybe &sentinel_password="
        )
    options["master_name"] = asked["master_name"][0]
    # Sentinels do not have the password of the Redis they watch.
    options["sentinel_kwargs"] = {"socket_timeout": 2, "socket_connect_timeout": 2}
    if "sentinel_password" in asked:
        options["sentinel_kwargs"]["password"] = asked["sentinel_password"][0]
    return Broker(address, options)
