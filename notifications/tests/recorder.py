from collections.abc import Callable

from notifications.transports import Message, Transport
from notifications.transports.base import DirectSender, Sender


class Recorder(Transport):
    """Keeps what it is given. `on_send` runs at each send and may raise."""

    label = "Recorder"

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.tried: list[Message] = []
        self.on_send: Callable[[Message], None] = lambda message: None
        self.down = ""

    def unavailable(self) -> str:
        return self.down

    def fail_with(self, error: Exception) -> None:
        def fail(message: Message) -> None:
            raise error

        self.on_send = fail

    def recover(self) -> None:
        self.on_send = lambda message: None

    def clean(
        self, address: str, secret: str, *, may_reach_private: bool = True
    ) -> tuple[str, str]:
        return address, secret

    def sender(self) -> Sender:
        return DirectSender(self)

    def send(self, message: Message) -> str:
        self.tried.append(message)
        self.on_send(message)
        self.sent.append(message)
        return "recorded"
