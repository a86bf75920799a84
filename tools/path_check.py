"""Find decisions by the path of a request, which a header or another spelling of it may change.

    python -m tools.path_check

A decision belongs to a permission or to the view that Django resolved (`request.resolver_match`).
Any use of a request's path is an offence where its value is compared, tested, searched or kept in a
variable. ALLOWED names the functions that may do so, each with the reason.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeGuard

PROJECT = Path(__file__).resolve().parents[1]
APPS = ("accounts", "foam", "notifications", "reminders")
PATHS = {"path", "path_info"}
METHODS = {"get_full_path", "get_full_path_info"}
HEADERS = {"PATH_INFO", "SCRIPT_NAME", "RAW_URI", "REQUEST_URI"}
REQUESTS = {"request", "_request"}
# An attribute of the path is a method of its text, such as startswith.
DECISIONS = (ast.Compare, ast.BoolOp, ast.Match, ast.NamedExpr, ast.Attribute, ast.Subscript)
# Methods that decide by their argument.
SEARCHES = {"get", "search", "match", "fullmatch", "startswith", "endswith", "index", "count"}
# The file and the function, and why no other path can lead to another decision there.
ALLOWED = {
    ("foam/middleware.py", "answer_probes"): "equal to the addresses that Django routes",
    ("foam/api/request_body.py", "_limit_of"): "another spelling gets the smaller limit",
    ("foam/api/request_text.py", "_check_path"): "checks the text of the path itself",
    ("foam/api/request_text.py", "_is_broken"): "checks the bytes of the path itself",
    ("foam/api/trailing_slash.py", "serve_both_spellings"): "changes the path that is routed",
    ("foam/api/trailing_slash.py", "_lacks_slash"): "changes the path that is routed",
    ("foam/api/browsable.py", "_title"): "names a button",
    ("foam/api/browsable.py", "_errors_at"): "marks the form that was sent",
    ("foam/processes/gunicorn_worker.py", "enqueue_req"): "chooses a thread, not what it answers",
    ("accounts/api/idempotency.py", "fingerprint_of"): "another path is another request",
}


class PathDecision(NamedTuple):
    file: str
    line: int
    function: str


def is_path(node: ast.AST) -> TypeGuard[ast.expr]:
    """Whether an expression is the path of a request."""
    if isinstance(node, ast.Call):
        function = node.func
        return isinstance(function, ast.Attribute) and (
            (function.attr in METHODS and is_request(function.value))
            or (function.attr == "get" and any(map(is_header, node.args)))
        )
    if isinstance(node, ast.Attribute):
        return node.attr in PATHS and is_request(node.value)
    return isinstance(node, ast.Subscript) and is_header(node.slice)


def is_request(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in REQUESTS


def is_header(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in HEADERS


def decides(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether the value of an expression is compared, tested, searched or kept."""
    child = node
    while (parent := parents.get(child)) is not None:
        if isinstance(parent, ast.Assign):
            return child not in parent.targets
        if isinstance(parent, DECISIONS) or is_test(child, parent):
            return True
        if isinstance(parent, ast.Call):
            return isinstance(parent.func, ast.Attribute) and parent.func.attr in SEARCHES
        if isinstance(parent, ast.stmt | ast.Dict):
            return False
        child = parent
    return False


def is_test(child: ast.AST, parent: ast.AST) -> bool:
    return isinstance(parent, ast.If | ast.IfExp | ast.While | ast.Assert) and child is parent.test


def offences_of(file: str, text: str) -> Iterator[PathDecision]:
    tree = ast.parse(text)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not (is_path(node) and decides(node, parents)):
            continue
        functions = list(enclosing(node, parents))
        if not any((file, name) in ALLOWED for name in functions):
            yield PathDecision(file, node.lineno, functions[0] if functions else "")


def enclosing(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[str]:
    while (parent := parents.get(node)) is not None:
        node = parent
        if isinstance(node, ast.FunctionDef):
            yield node.name


def offences() -> Iterator[PathDecision]:
    for app in APPS:
        for path in sorted((PROJECT / app).rglob("*.py")):
            if "tests" not in path.parts and "migrations" not in path.parts:
                yield from offences_of(path.relative_to(PROJECT).as_posix(), path.read_text())


def main() -> int:
    decisions = list(offences())
    for offence in decisions:
        print(
            f"{offence.file}:{offence.line}: {offence.function} decides by the path of a request; "
            "decide by a permission or by request.resolver_match"
        )
    return 1 if decisions else 0


if __name__ == "__main__":
    sys.exit(main())
