"""The configurations of docs/two-postgresql.md are ones that their programs take."""

import re
import shutil
import subprocess

import pytest
import yaml
from django.conf import settings

PAGE = (settings.BASE_DIR / "docs" / "two-postgresql.md").read_text()


def block(language, beginning):
    (found,) = re.findall(rf"```{language}\n({re.escape(beginning)}.*?)```", PAGE, re.DOTALL)
    return found


def test_haproxy_takes_its_configuration(tmp_path):
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if not program:
        pytest.skip("no haproxy here: apt-get install haproxy")
    file = tmp_path / "haproxy.cfg"
    file.write_text(block("text", "# /etc/haproxy/haproxy.cfg"))
    checked = subprocess.run([program, "-c", "-f", file], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_patroni_fences_what_hangs_and_loses_no_commit():
    patroni = yaml.safe_load(block("yaml", "# /etc/patroni/foam.yml"))
    assert patroni["watchdog"]["mode"] == "required"
    assert patroni["bootstrap"]["dcs"]["synchronous_mode"] is True
