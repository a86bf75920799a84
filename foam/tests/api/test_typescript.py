"""TypeScript clients, generated from docs/openapi.json, compile in programs without a cast."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "typescript"
DOCUMENT = HERE.parents[3] / "docs" / "openapi.json"
GENERATORS = (
    # With defaults as optional: a request may leave out what has a default.
    ["openapi-typescript", str(DOCUMENT), "--output", "foam.d.ts", "--default-non-nullable=false"],
    ["openapi-ts", "--input", str(DOCUMENT), "--output", "client", "--silent"],
)
INSTALL = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Return a folder with the programs, and the generators as package-lock.json pins them.

    They are installed once beside this Python's packages.
    """
    if shutil.which("npm") is None:
        pytest.skip("There is no npm here: apt-get install npm")
    lock = HERE / "package-lock.json"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    packages = Path(sys.prefix) / f"typescript-{digest}"
    if not packages.exists():
        unfinished = tmp_path_factory.mktemp("packages")
        for file in (lock, HERE / "package.json"):
            shutil.copy(file, unfinished)
        installed = subprocess.run(
            INSTALL, cwd=unfinished, capture_output=True, text=True, check=False, timeout=120
        )
        if installed.returncode:
            pytest.skip(f"npm cannot install the generators: {installed.stderr[-300:]}")
        shutil.move(unfinished, packages)
    folder = tmp_path_factory.mktemp("programs")
    for file in (*HERE.glob("*.ts"), HERE / "tsconfig.json"):
        shutil.copy(file, folder)
    (folder / "node_modules").symlink_to(packages / "node_modules")
    return folder


def started(folder, command, *options):
    program = folder / "node_modules" / ".bin" / command
    return subprocess.Popen(
        [program, *options], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_programs_compile_without_a_cast(programs):
    for process in [started(programs, *generator) for generator in GENERATORS]:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    compiler = started(programs, "tsc", "--project", "tsconfig.json")
    output, _ = compiler.communicate(timeout=120)
    assert compiler.returncode == 0, output
    casts = [file.name for file in HERE.glob("*.ts") if " as " in file.read_text()]
    assert not casts
