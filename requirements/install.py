"""Build .venv from the lock files. Runs under the system's Python, with nothing installed."""

# Nothing here may be newer than Python 3.6 grammar: an old Python must get as far as the sentence
# that says it is too old.
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCKS = os.path.join(ROOT, "requirements")
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "installed")
# Left by `make docs`: who has built the documentation once keeps its tools.
DOCS = os.path.join(VENV, "docs")
LOG = os.path.join(VENV, "install.log")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NETWORK_ERROR = re.compile(
    r"dns error|failed to lookup|name resolution|connection (refused|reset|error)|timed out"
    r"|network is unreachable|failed to (fetch|download)|proxyerror|tunnel|max retries"
    r"|NewConnectionError|error sending request",
    re.IGNORECASE,
)


class Failure(Exception):
    """One sentence for the person at the terminal."""


def main():
    check_python()
    locks = lock_files()
    wanted = fingerprint(locks)
    if read(STAMP) == wanted and os.path.exists(VENV_PYTHON):
        return
    started = time.time()
    build_venv()
    remove(STAMP)
    with_what = install(locks)
    # Written last, and in one piece: an interrupted installation is taken up again.
    write(STAMP, wanted)
    say("Packages ready in .venv  {:.1f} s ({})".format(time.time() - started, with_what))


def check_python():
    if sys.version_info < (3, 11):
        found = "{}.{}.{}".format(*sys.version_info[:3])
        raise Failure(
            "FOAM needs Python 3.11 or newer; {} is Python {}. Install a newer one, or name it: "
            "make PYTHON=/path/to/python3.12".format(sys.executable, found)
        )
    if inside_venv():
        return
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise Failure(
            "{} cannot make virtual environments. On Debian and Ubuntu: "
            "apt install python3.{}-venv".format(sys.executable, sys.version_info[1])
        ) from None


def lock_files():
    names = ["base.txt", "dev.txt"]
    # Playwright is of use only to those who have a browser for it to drive.
    if any(shutil.which(name) for name in BROWSERS):
        names.append("browser.txt")
    if os.path.exists(DOCS):
        names.append("docs.txt")
    paths = [os.path.join(LOCKS, name) for name in names]
    return [path for path in paths if os.path.exists(path)]


def fingerprint(locks):
    digest = hashlib.sha256(repr((sys.version_info[:2], sys.implementation.name)).encode())
    for path in [*locks, os.path.abspath(__file__)]:
        with open(path, "rb") as file:
            digest.update(os.path.basename(path).encode() + b"\0" + file.read())
    return digest.hexdigest()


def inside_venv():
    return os.path.realpath(sys.prefix) == os.path.realpath(VENV)


def build_venv():
    if inside_venv() or venv_version() == list(sys.version_info[:2]):
        return
    say("Building .venv with Python {}.{}.{}".format(*sys.version_info[:3]))
    # A new directory beside it, so that what stands there is never half of two Pythons.
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        import venv

        venv.EnvBuilder(symlinks=True).create(VENV)
    except OSError as error:
        raise Failure("FOAM could not build {}: {}".format(VENV, error)) from None


def venv_version():
    command = [VENV_PYTHON, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [int(part) for part in found.stdout.split()]


def install(locks):
    """Install the locks; return the name of the tool that did it."""
    remove(LOG)
    uv = shutil.which("uv") or fetch_uv(locks)
    if uv:
        command = [uv, "pip", "sync", "--quiet", "--python", VENV_PYTHON, "--require-hashes"]
        error = run([*command, *locks], env={"VIRTUAL_ENV": VENV})
        if not error:
            return "uv"
        say("uv did not succeed ({}); trying pip, which takes longer".format(error))
    else:
        say("uv is not to be had here; using pip, which takes longer")
    error = pip("install", "--require-hashes", *[part for lock in locks for part in ("-r", lock)])
    if error:
        raise Failure(sentence("the packages", error))
    return "pip"


def fetch_uv(locks):
    """Install uv into .venv, at the version and hashes of the lock file; None where that fails."""
    inside = os.path.join(VENV, "bin", "uv")
    if os.path.exists(inside):
        return inside
    with pinned("uv", locks) as requirements:
        if requirements:
            error = pip("install", "--require-hashes", "--only-binary=:all:", "-r", requirements)
        else:
            error = pip("install", "--only-binary=:all:", "uv")
    return None if error else inside


class pinned:
    """A requirements file that holds one package of the locks, or None."""

    def __init__(self, name, locks):
        self.text = find_pin(name, locks)

    def __enter__(self):
        if not self.text:
            return None
        with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
            file.write(self.text)
        self.path = file.name
        return self.path

    def __exit__(self, *error):
        if self.text:
            remove(self.path)


def find_pin(name, locks):
    """The lines of a package in the locks, without its marker."""
    for lock in locks:
        found = re.search(
            r"^({}==[^\s;]+)[^\\\n]*((?:\\\n\s+--hash=\S+\s*)+)".format(name),
            read(lock),
            re.MULTILINE,
        )
        if found:
            return found.group(1) + " " + found.group(2)
    return None


def pip(*arguments):
    """Run pip on .venv: this Python's, as it takes seconds to install one, or else .venv's own."""
    command = [sys.executable, "-m", "pip", "--python", VENV_PYTHON]
    if run([*command, "--version"]):
        command = [VENV_PYTHON, "-m", "pip"]
        error = run([VENV_PYTHON, "-m", "ensurepip", "--upgrade"])
        if error:
            return error
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries", "2"]
    return run([*command, arguments[0], *options, *arguments[1:]])


def run(command, env=None):
    """Run a command with its output in the log; return its complaint in a few words, or None."""
    done = subprocess.run(
        command,
        env=dict(os.environ, PYTHONWARNINGS="ignore", **(env or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    with open(LOG, "a") as log:
        log.write("$ {}\n{}\n".format(" ".join(command), done.stdout))
    if done.returncode == 0:
        return None
    if NETWORK_ERROR.search(done.stdout):
        return "no answer from the package index"
    complaints = [line.strip() for line in done.stdout.splitlines() if "error" in line.lower()]
    lines = complaints or done.stdout.strip().splitlines() or ["exit code %d" % done.returncode]
    return lines[-1].strip()[:200]


def sentence(what, error):
    return (
        "FOAM could not install {}: {}. Check the network or proxy and try again "
        "(details: {})".format(what, error, os.path.relpath(LOG))
    )


def say(line):
    print(line, flush=True)


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def write(path, text):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def remove(path):
    if os.path.exists(path):
        os.remove(path)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit("Interrupted; make install takes up where it stopped.")
