"""The page of errors: every code that the API can refuse with."""

import json

from foam.api.openapi.problem_responses import example_of
from foam.api.problem_types import PROBLEM_TYPES
from foam.api.problems import CONTENT_TYPE


def page() -> str:
    """Return the Markdown of all kinds of problem documents, with an example of one."""
    rows = "\n".join(
        f"| `{code}` | {kind.status} | {kind.meaning} | {kind.remedy} |"
        for code, kind in PROBLEM_TYPES.items()
    )
    return f"""# Errors

Made from the code of the API. Every error is a problem document (RFC 9457, `{CONTENT_TYPE}`), and
changed nothing. `code` is one of these, `type` is the address of its explanation at a running FOAM,
and `errors` names each field at fault. [The API](../api.md#errors) says more about them.

| `code` | status | means | what to do |
|---|---|---|---|
{rows}

```json
{json.dumps(example_of(400), indent=2)}
```
"""
