"""Asks `manage.py ledger` whether the records balance."""

import json
import subprocess
import sys

from tools.local_stack.data_dir import PROJECT
from tools.testbed.testbed import Rig


def balance(rig: Rig) -> tuple[str, bool]:
    """Return the ledger in a line, and whether it balances."""
    process = subprocess.run(
        [sys.executable, "manage.py", "ledger", "--json"],
        cwd=PROJECT,
        env=rig.env,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        return " ".join(process.stderr.split()) or f"exit code {process.returncode}", False
    ledger = json.loads(process.stdout)
    due, posted = ledger["occurrences"], ledger["deliveries"]
    ends = " + ".join(
        f"{count} {end}"
        for end, count in (
            ("sent", posted["sent"]),
            ("dead", sum(posted["dead"].values())),
            ("cancelled", sum(posted["cancelled"].values())),
            ("collected", sum(posted["collected"].values())),
            ("pending", posted["pending"]),
        )
    )
    missed = sum(due["missed"].values())
    skipped = sum(due["skipped"].values())
    words = f"{due['due']} due = {due['fired']} fired + {skipped} skipped + {missed} missed; "
    return f"balances: {words}{posted['posted']} posted = {ends}", True
