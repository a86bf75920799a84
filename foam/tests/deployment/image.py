"""An image without a container: what the Dockerfile does, done in a folder of its own.

Paths of the image lie in that folder, as `/app` does in FOLDER/root/app, and commands have them put
in. The base image is this machine: its `python`, and the settings of its pip. Users are not made,
as they would be this machine's: who is named by number may run processes all the same.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from foam.tests.deployment.dockerfile import Context, DockerfileError, Instruction, Stage, stages
from tools.local_stack.data_dir import PROJECT, User, can_use

PYTHONS = ("python3.13", "python3.12", "python3.11", "python3")
# Of this machine, as it would be of the base image: where packages come from.
OF_BASE = re.compile(r"PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|(?i:https?_proxy|no_proxy)")
MAKES_USERS = re.compile(r"\b(useradd|groupadd|adduser|addgroup)\b")


class BuildError(Exception):
    """A step of the Dockerfile failed."""


@dataclass
class Image:
    """A folder with FOAM in it, and how its processes are run."""

    app: Path
    env: dict[str, str]
    command: list[str]
    # Extra arguments for Popen.
    user: User = field(default_factory=dict)
    # Where a path of the container lies here.
    paths: dict[str, str] = field(default_factory=dict)

    def local(self, text: str) -> str:
        """Return a text with the image's paths as they are here."""
        for path, here in self.paths.items():
            text = re.sub(rf"(?<![\w./$-]){re.escape(path)}(?![\w.-])", here, text)
        return text


def checkout() -> Image:
    """The checkout itself, with the packages that run this."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return Image(PROJECT, {"PATH": path}, ["./run.sh"])


@contextmanager
def built(context: Path = PROJECT) -> Iterator[Image]:
    """Do what the Dockerfile of a folder says; yield what comes of its last stage."""
    folder = Path(tempfile.mkdtemp(prefix="foam-image-"))
    # For the user that the Dockerfile names.
    folder.chmod(0o755)
    try:
        yield Build(context, folder).image()
    finally:
        shutil.rmtree(folder)


class Build:
    """Stages one after another in FOLDER/root, of which each is then put aside under its name."""

    def __init__(self, context: Path, folder: Path) -> None:
        self.context = Context(context)
        self.stages = stages((context / "Dockerfile").read_text())
        self.folder = folder
        self.root = folder / "root"
        self.python = base_python()
        (folder / "base").mkdir()
        (folder / "base" / "python").symlink_to(self.python)
        self.image_so_far = self.fresh()

    def image(self) -> Image:
        for stage in self.stages[:-1]:
            self.build(stage)
            self.root.rename(self.folder / f"stage-{stage.name}")
        self.build(self.stages[-1])
        return self.image_so_far

    def fresh(self) -> Image:
        env = {name: value for name, value in os.environ.items() if OF_BASE.fullmatch(name)}
        env["PATH"] = os.pathsep.join([str(self.folder / "base"), os.defpath.lstrip(":")])
        return Image(self.root, env, [], paths={path: f"{self.root}{path}" for path in self.tops()})

    def tops(self) -> set[str]:
        """Return the folders of the image that the Dockerfile makes: /app of /app/requirements."""
        named = {
            word
            for stage in self.stages
            for instruction in stage.instructions
            if instruction.name in {"WORKDIR", "COPY", "ADD"}
            for word in instruction.words
            if word.startswith("/")
        }
        return {"/" + PurePosixPath(path).parts[1] for path in named}

    def build(self, stage: Stage) -> None:
        if stage.base in {other.name for other in self.stages}:
            raise DockerfileError("A stage on top of another is not read here.")
        self.image_so_far = self.fresh()
        self.root.mkdir()
        self.arguments: dict[str, str] = {}
        for instruction in stage.instructions:
            step = getattr(self, f"do_{instruction.name.lower()}", None)
            if step is None:
                raise DockerfileError(f"{instruction.name} is not read here.")
            step(instruction)

    # Instructions

    def do_workdir(self, instruction: Instruction) -> None:
        self.image_so_far.app = self.path(instruction.text)
        self.image_so_far.app.mkdir(parents=True, exist_ok=True)

    def do_arg(self, instruction: Instruction) -> None:
        name, _, value = instruction.text.partition("=")
        self.arguments[name] = value

    def do_env(self, instruction: Instruction) -> None:
        for word in instruction.words:
            name, _, value = word.partition("=")
            value = value.replace("$PATH", self.image_so_far.env["PATH"])
            self.image_so_far.env[name] = self.image_so_far.local(value)

    def do_copy(self, instruction: Instruction) -> None:
        *sources, target = instruction.words
        if "from" in instruction.flags:
            stage = self.folder / f"stage-{instruction.flags['from']}"
            for source in sources:
                shutil.copytree(
                    stage / source.lstrip("/"), self.path(target), symlinks=True, dirs_exist_ok=True
                )
            return
        is_folder = target.endswith("/") or target == "." or len(sources) > 1
        for source in sources:
            self.copy(source, self.path(target), is_folder=is_folder)

    def copy(self, source: str, target: Path, *, is_folder: bool) -> None:
        files = self.context.matches(source)
        if not files:
            raise BuildError(f"COPY {source}: not found")
        for name in files:
            within = os.path.relpath(name, source) if is_directory(self.context, source) else ""
            place = target / (within or Path(name).name) if is_folder or within else target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.context.folder / name, place)

    def do_run(self, instruction: Instruction) -> None:
        if MAKES_USERS.search(instruction.text):
            return
        done = subprocess.run(
            ["sh", "-c", self.image_so_far.local(instruction.text)],
            cwd=self.image_so_far.app,
            env={**self.image_so_far.env, **self.arguments},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BuildError(f"RUN {instruction.text[:200]}\n{done.stdout[-3000:]}")

    def do_user(self, instruction: Instruction) -> None:
        user, _, group = instruction.text.partition(":")
        owner = {"user": int(user), "group": int(group), "extra_groups": []}
        # Only root may be somebody else, and the base's Python may be out of that one's reach.
        if os.geteuid() == 0 and can_use(self.python, owner):
            self.image_so_far.user = owner

    def do_cmd(self, instruction: Instruction) -> None:
        self.image_so_far.command = instruction.words

    def do_label(self, instruction: Instruction) -> None:
        """A label changes nothing of what runs, and neither does the port that is told."""

    do_expose = do_label

    def path(self, target: str) -> Path:
        if target.startswith("/"):
            return self.root / target.lstrip("/")
        return self.image_so_far.app / target


def is_directory(context: Context, source: str) -> bool:
    return (context.folder / source).is_dir()


def base_python() -> Path:
    """Return the Python of this machine that is most like the image's, and that others may run."""
    nobody: User = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    found = [Path(path) for name in PYTHONS if (path := system_python(name))]
    candidates = [path for path in found if can_use(path, nobody)] or found
    for path in candidates:
        code = "import sys, pip, venv; sys.exit(sys.version_info < (3, 11))"
        if subprocess.run([path, "-c", code], capture_output=True, check=False).returncode == 0:
            return path
    return Path(sys.executable)


def system_python(name: str) -> str | None:
    """Look in the system's folders first: a version manager's Python is for one user alone."""
    return shutil.which(name, path="/usr/local/bin:/usr/bin:/bin") or shutil.which(name)
