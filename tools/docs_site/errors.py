"""The page of errors: every status that the API can refuse with."""

import json

from foam.api.problems import CONTENT_TYPE, problem
from foam.api.schema import EXAMPLE_ERRORS, PROBLEMS


def page() -> str:
    """Return the Markdown of all problem documents, with an example of one."""
    rows = "\n".join(
        f"| {status} | {problem(status, '')['title']} | {means} | {example} |"
        for status, (_, means, example) in PROBLEMS.items()
    )
    example_json = json.dumps(problem(400, PROBLEMS[400][2], EXAMPLE_ERRORS), indent=2)
    return f"""# Errors

Made from the code of the API. Every error is a problem document (RFC 9457, `{CONTENT_TYPE}`), and
changed nothing. `type` is always `about:blank`: what tells errors apart is `status`, `code` where
there is one, and `errors`, which names each field at fault. [The API](../api.md#errors)
says what to do about them.

| status | title | means | `detail`, for example |
|---|---|---|---|
{rows}

```json
{example_json}
```
"""
