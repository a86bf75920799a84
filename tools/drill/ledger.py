"""Whether the books balance, asked of `manage.py ledger`."""

import json
import subprocess
import sys

from tools.local_stack.data_dir import PROJECT
from tools.testbed.testbed import Rig


def balance(rig: Rig) -> tuple[str, bool]:
    """Return what the ledger says, in a line, and whether it balances."""
    done = subprocess.run(
        [sys.executable, "manage.py", "ledger", "--json"],
        cwd=PROJECT,
        env=rig.env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return " ".join(done.stderr.split()) or f"exit code {done.returncode}", False
    read = json.loads(done.stdout)
    due, posted = read["occurrences"], read["deliveries"]
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
