"""gunicorn's logger, without the secrets in addresses."""

import re
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from foam.logs import PATHS

# Signed links and feeds by their path; API tokens wherever they stand.
_SECRET = re.compile(rf"(?:(?<={PATHS[0]})|(?<={PATHS[1]}))[^\s\"?]+|foam_[\w-]{{20,}}")


def redact(text: str) -> str:
    """Return a text without tokens and without the secret part of links."""
    return _SECRET.sub("[secret]", text)


class Logger(GunicornLogger):
    def atoms(self, *args: Any) -> dict[str, Any]:
        atoms = super().atoms(*args)
        return {
            name: redact(value) if isinstance(value, str) else value
            for name, value in atoms.items()
        }

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        values = [redact(value) if isinstance(value, str) else value for value in args]
        super().exception(msg, *values, **kwargs)
