"""Build .venv from the lock files. Runs under the system's Python, with nothing installed."""

# In the grammar of Python 3.6: an old Python must get as far as the sentence that refuses it.
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCKS = os.path.join(ROOT, "requirements")
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "installed")
# `make docs` makes this file, so that later installations keep the tools of the documentation.
DOCS = os.path.join(VENV, "docs")
LOG = os.path.join(VENV, "install.log")
UV_LOCK = os.path.join(VENV, "uv.txt")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NETWORK_ERROR = re.compile(
    r"dns error|failed to lookup|name resolution|connection (refused|reset|error)|timed out"
    r"|network is unreachable|failed to (fetch|download)|proxyerror|tunnel|max retries"
    r"|NewConnectionError|error sending request",
    re.IGNORECASE,
)


class Failure(Exception):
    """An installation failed; the message is one sentence for the terminal."""


def main():
    check_python()
    locks = lock_files()
    stamp = fingerprint(locks)
    if read(STAMP) == stamp and os.path.exists(VENV_PYTHON):
        return
    started = time.time()
    build_venv()
    remove(STAMP)
    tool = install_locks(locks)
    # Written last, and in one piece: an interrupted installation is taken up again.
    write(STAMP, stamp)
    say("Packages ready in .venv  {:.1f} s ({})".format(time.time() - started, tool))


def check_python():
    if sys.version_info < (3, 11):
        version = "{}.{}.{}".format(*sys.version_info[:3])
        raise Failure(
            "FOAM needs Python 3.11 or newer; {} is Python {}. Install a newer one, or name it: "
            "make PYTHON=/path/to/python3.12".format(sys.executable, version)
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
    # Playwright needs a browser on this machine.
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
    # In an empty directory, so that it never mixes two Pythons.
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        import venv

        venv.EnvBuilder(symlinks=True).create(VENV)
    except OSError as error:
        raise Failure("FOAM could not build {}: {}".format(VENV, error)) from None


def venv_version():
    command = [VENV_PYTHON, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        process = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return [int(part) for part in process.stdout.split()]


def install_locks(locks):
    """Install the locks by uv, or else by pip; return the name of the tool."""
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
        raise Failure(
            "FOAM could not install the packages: {}. Check the network or proxy and try again "
            "(details: {})".format(error, os.path.relpath(LOG))
        )
    return "pip"


def fetch_uv(locks):
    """Install uv into .venv, at the version and hashes of the lock file; None if that fails."""
    path = os.path.join(VENV, "bin", "uv")
    if os.path.exists(path):
        return path
    # Pip takes hashes from a requirements file only, neither from -c nor from the command line.
    write(UV_LOCK, find_pin("uv", locks))
    pip("install", "--require-hashes", "--only-binary=:all:", "-r", UV_LOCK)
    return path if os.path.exists(path) else None


def find_pin(name, locks):
    """Return the lines of a package in the locks, without its marker."""
    pattern = r"^({}==[^\s;]+)[^\\\n]*((?:\\\n\s+--hash=\S+\s*)+)".format(name)
    match = re.search(pattern, "\n".join(map(read, locks)), re.MULTILINE)
    return " ".join(match.groups()) if match else ""


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
    """Run a command with its output in the log; return its error in a few words, or None."""
    process = subprocess.run(
        command,
        env=dict(os.environ, PYTHONWARNINGS="ignore", **(env or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    with open(LOG, "a") as log:
        log.write("$ {}\n{}\n".format(" ".join(command), process.stdout))
    if process.returncode == 0:
        return None
    if NETWORK_ERROR.search(process.stdout):
        return "no answer from the package index"
    complaints = [line.strip() for line in process.stdout.splitlines() if "error" in line.lower()]
    lines = (
        complaints or process.stdout.strip().splitlines() or ["exit code %d" % process.returncode]
    )
    return lines[-1].strip()[:200]


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
