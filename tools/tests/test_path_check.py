"""The lint that forbids decisions by the path of a request."""

import pytest

from tools import path_check

DECISIONS = (
    "if request.path == '/admin/': pass",
    "if request.path.startswith(begin): pass",
    "is_admin = request.path_info.startswith('/admin/') and request.path != logout",
    "path = request.path",
    "probe = PROBES.get(request.path_info)",
    "if '/admin/' in self.request.get_full_path(): pass",
    "answer = a if request.path else b",
    "while request._request.path != '/': pass",
    "match request.path:\n    case '/admin/': pass",
    "face = faces[request.path]",
    "if pattern.match(request.path): pass",
    "if request.META['PATH_INFO'] == '/admin/': pass",
    "if request.META.get('SCRIPT_NAME') != '': pass",
    "if (here := request.path) == there: pass",
    "if not f'{request.path}/' == there: pass",
    "rows = [row for row in rows if request.path == row.path]",
)
USES = (
    "return HttpResponseRedirect(request.path)",
    "return f'{request.path}?{query}'",
    "context = {'list_url': request.get_full_path()}",
    "here = urlencode({'next': request.get_full_path()})",
    "if urlsplit(url).path == '/': pass",
    "if request.method == 'GET': return redirect(request.path)",
    "if match and match.route.startswith('account/'): pass",
)


def offences(line):
    text = "def view(request):\n" + "".join(f"    {part}\n" for part in line.split("\n"))
    return list(path_check.offences_of("foam/example.py", text))


@pytest.mark.parametrize("line", DECISIONS)
def test_decision_by_the_path_is_an_offence(line):
    assert offences(line)


@pytest.mark.parametrize("line", USES)
def test_use_of_the_path_that_decides_nothing_is_none(line):
    assert not offences(line)


def test_project_has_none_and_each_exception_is_needed(monkeypatch):
    assert list(path_check.offences()) == []
    allowed = path_check.ALLOWED
    monkeypatch.setattr(path_check, "ALLOWED", {})
    assert {file for file, _ in allowed} == {offence.file for offence in path_check.offences()}
