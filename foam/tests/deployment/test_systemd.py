"""deploy/systemd: what systemd's own verifier says, and what the units must not forget."""

import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from foam.processes import liveness

ROOT = settings.BASE_DIR
UNITS = ROOT / "deploy" / "systemd"
SERVICES = ["foam-web.service", "foam-worker@.service", "foam-beat.service"]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
# What systemd-analyze calls OK; an ordinary service has 9.6.
EXPOSURE = 2.0


class Unit(RawConfigParser):
    def __init__(self, name: str) -> None:
        super().__init__(strict=False, interpolation=None)
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.read_string((UNITS / name).read_text())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root directory with FOAM and its units where the documentation puts them."""
    units = tmp_path / "etc" / "systemd" / "system"
    shutil.copytree(UNITS, units)
    for name in ("run.sh", ".venv/bin/celery"):
        path = tmp_path / "srv" / "foam" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    return tmp_path


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if not program:
        pytest.skip("no systemd-analyze here: apt-get install systemd")
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


def test_systemd_finds_nothing_wrong_with_the_units(root: Path):
    names = [path.name.replace("@.", "@dispatch.") for path in sorted(UNITS.iterdir())]
    assert len(names) == 5
    checked = analyze("verify", f"--root={root}", "--man=no", "--recursive-errors=no", *names)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_confined(root: Path, name: str):
    instance = name.replace("@.", "@deliver.")
    rated = analyze("security", "--offline=true", f"--root={root}", "--no-pager", instance)
    if "offline" in rated.stderr:
        pytest.skip("this systemd-analyze is older than 250")
    [score] = re.findall(r"Overall exposure level for \S+: ([\d.]+)", rated.stdout)
    assert float(score) < EXPOSURE


@pytest.mark.parametrize("name", SERVICES)
def test_service_starts_again_and_has_no_rights(name: str):
    service = Unit(name)["Service"]
    assert service["Restart"] == "always"
    assert service["User"] == "foam"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["EnvironmentFile"] == "/etc/foam.env"


@pytest.mark.parametrize("name", SERVICES)
def test_service_that_hangs_is_started_anew(name: str):
    service = Unit(name)["Service"]
    assert int(service["WatchdogSec"]) == liveness.LONGEST
    # Web's signs come from gunicorn's workers, which are not the first process.
    assert service["NotifyAccess"] == ("all" if name == "foam-web.service" else "main")
    assert service["Type"] == ("notify" if name == "foam-web.service" else "exec")


def test_target_wants_every_service_and_the_socket():
    wanted = Unit("foam.target")["Unit"]["Wants"].split()
    queues = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    assert set(wanted) == {
        "foam-web.socket",
        "foam-web.service",
        "foam-beat.service",
        *(f"foam-worker@{queue}.service" for queue in queues),
    }
    for name in SERVICES:
        assert Unit(name)["Unit"]["PartOf"] == "foam.target"


def test_systemd_is_as_patient_as_docker():
    for name, service in (
        ("foam-web.service", "foam_web"),
        ("foam-worker@.service", "foam_celery_worker"),
    ):
        docker = COMPOSE[service]["stop_grace_period"]
        seconds = int(docker[:-1]) * {"s": 1, "m": 60}[docker[-1]]
        assert int(Unit(name)["Service"]["TimeoutStopSec"]) == seconds


def test_only_the_first_process_is_told_to_end():
    for name in ("foam-web.service", "foam-worker@.service"):
        assert Unit(name)["Service"]["KillMode"] == "mixed"


def test_workers_have_the_options_that_those_of_compose_have():
    script = COMPOSE["foam_celery_worker"]["command"][-1]
    command = Unit("foam-worker@.service")["Service"]["ExecStart"]
    assert set(re.findall(r"--without-\w+", script)) == set(re.findall(r"--without-\w+", command))
