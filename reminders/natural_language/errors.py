from typing import NoReturn

EXAMPLES = (
    "Examples: “every Monday at 6pm”, “every 2 weeks on Tue and Thu at 09:00”, “on the last Friday "
    "of every month at 17:00”, “tomorrow at 8am”, “in 20 minutes”, “every day at 8 until March 1”."
)


class Misunderstood(ValueError):
    """A sentence without one clear meaning; `code` is the reason, the message helps to correct it.

    `not_understood`: no reading; `ambiguous`: more than one; `contradiction`: its parts do not go
    together; `past`: it is over.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def refuse(message: str, code: str = "not_understood") -> NoReturn:
    raise Misunderstood(code, message)


def ambiguous(message: str) -> NoReturn:
    raise Misunderstood("ambiguous", message)
