"""What gunicorn logs of requests: never the secret that an address holds."""

import re
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from foam.logs import PATHS

# A token's secret is one wherever it stands.
_SECRET = re.compile(rf"(?:(?<={PATHS[0]})|(?<={PATHS[1]}))[^\s\"?]+|foam_[\w-]{{20,}}")


def redacted(text: str) -> str:
    """Return a text without what is a permission in it."""
    return _SECRET.sub("[secret]", text)


class Logger(GunicornLogger):
    def atoms(self, *args: Any) -> dict[str, Any]:
        found = super().atoms(*args)
        return {
            name: redacted(value) if isinstance(value, str) else value
            for name, value in found.items()
        }

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        shown = [redacted(each) if isinstance(each, str) else each for each in args]
        super().exception(msg, *shown, **kwargs)
