"""python -m tools.docs_site [build|serve] [OPTIONS]: MkDocs, in an environment for Django."""

import os
import sys

import django

from tools.local_stack.data_dir import PROJECT
from tools.local_stack.environment import defaults
from tools.local_stack.ports import web_port

# Django needs the addresses, and connects to neither: nothing listens on port 1.
NO_SERVERS = {"DATABASE_URL": "postgres://127.0.0.1:1/foam", "REDIS_URL": "redis://127.0.0.1:1/0"}
# Material's advertisement of the successor of MkDocs.
NO_ADVERTISEMENT = {"NO_MKDOCS_2_WARNING": "true"}


def main() -> None:
    os.environ.update({**defaults(None, web_port()), **NO_SERVERS, **NO_ADVERTISEMENT})
    django.setup()
    # Installed by `make docs` only.
    from mkdocs.__main__ import cli  # noqa: PLC0415

    words = sys.argv[1:] or ["build"]
    strict = ["--strict"] if words[0] in ("build", "serve") else []
    cli([words[0], "--config-file", str(PROJECT / "mkdocs.yml"), *strict, *words[1:]])


if __name__ == "__main__":
    main()
