"""Makes `.venv` hold exactly what the locks say: quick when it already does. Standard library only.

Packages come by uv, which is many times faster than pip, from the indexes that pip is configured with; where uv cannot
be had, pip does the work. Every file is checked against the hash in the lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "patch-portal-setup.json"
UV_LOCK = ROOT / "script" / "uv.txt"
# Each lock holds all of those before it.
LOCKS = {
    "serve": "requirements-embedded.txt",
    "demo": "requirements-lab.txt",
    "test": "requirements-test.txt",
}
PURPOSES = list(LOCKS)
PYTHONS = ("/usr/bin/python3", "python3", "python3.14", "python3.13", "python3.12", "python3.11")
# What pip calls it → what uv calls it, and how uv separates several.
PIP_TO_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
}


class SetupError(Exception):
    """`str()` is the sentence for the person at the terminal."""


def main() -> int:
    purpose = sys.argv[1] if len(sys.argv) > 1 else PURPOSES[-1]
    try:
        if purpose not in LOCKS:
            raise SetupError(f"{purpose!r} is not one of {', '.join(PURPOSES)}.")
        if not is_ready(purpose):
            set_up(purpose)
    except SetupError as error:
        print(f"Set-up stopped. {error}", file=sys.stderr)
        return 1
    return 0


def set_up(purpose: str) -> None:
    began = time.monotonic()
    if not venv_works():
        say("making a virtual environment")
        make_venv()
    say(f"installing {LOCKS[purpose]}")
    install(ROOT / LOCKS[purpose])
    STAMP.write_text(json.dumps({purpose: lock_hash(purpose)}))
    say(f"ready after {time.monotonic() - began:.0f} s")


def is_ready(purpose: str) -> bool:
    """True when the environment works for this user and was filled from this lock or a larger one, unchanged."""
    if not STAMP.is_file() or not venv_works():
        return False
    seen = json.loads(STAMP.read_text())
    larger = PURPOSES[PURPOSES.index(purpose) :]
    return any(seen.get(name) == lock_hash(name) for name in larger)


def lock_hash(purpose: str) -> str:
    return hashlib.sha256((ROOT / LOCKS[purpose]).read_bytes()).hexdigest()


def venv_works() -> bool:
    """A venv is ours when this user made it and its Python still exists and is new enough."""
    python = VENV / "bin" / "python"
    if not os.access(python, os.X_OK) or VENV.stat().st_uid != os.getuid():
        return False
    if Path(sys.executable) == python:  # this very program runs on it
        return True
    return succeeds([str(python), "-I", "-S", "-c", "import sys; sys.exit(sys.version_info < (3, 11))"])


def make_venv() -> None:
    python = a_python()
    put_away_the_old_one()
    if not succeeds([python, "-m", "venv", str(VENV)], show=True):
        raise SetupError(f"{python} could not make a virtual environment in {VENV}; its words are above.")


def put_away_the_old_one() -> None:
    if not VENV.exists() and not VENV.is_symlink():
        return
    old = ROOT / f".venv-old-{os.getpid()}"
    try:
        VENV.rename(old)  # works also when its files belong to somebody else
    except OSError as error:
        raise SetupError(
            f"{VENV} belongs to another user and cannot be replaced; use a checkout of your own."
        ) from error
    shutil.rmtree(old, ignore_errors=True)


def a_python() -> str:
    """The Python that venvs are made from. As root the one of the machine first: others can use it, too."""
    wanted = [os.environ["PYTHON"]] if os.environ.get("PYTHON") else list(PYTHONS)
    usable = [
        name for name in wanted if succeeds([name, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"])
    ]
    if not usable:
        raise SetupError(
            "Python 3.11 or newer is needed: install it, or name it with PYTHON=/path/to/python3."
        )
    complete = [name for name in usable if has_ensurepip(name)]
    return complete[0] if complete else completed_by_apt(usable[0])


def has_ensurepip(python: str) -> bool:
    return succeeds([python, "-c", "import ensurepip, venv"])


def completed_by_apt(python: str) -> str:
    """Debian packs `ensurepip` apart. Root installs it; anybody else is told its name."""
    advice = f"{python} lacks ensurepip: run `apt-get install python3-venv` as root, then start this again."
    if os.getuid() != 0 or not shutil.which("apt-get"):
        raise SetupError(advice)
    say("installing Debian's python3-venv")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "python3-venv"]
    if not succeeds(command, environment=environment):
        succeeds(["apt-get", "update", "-q"], environment=environment)
        succeeds(command, environment=environment, show=True)
    if not has_ensurepip(python):
        raise SetupError(advice)
    return python


def install(lock: Path) -> None:
    """Installs the lock by uv, else by pip. Raises SetupError when neither can."""
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if succeeds([*pip, "--require-hashes", "-r", str(UV_LOCK)]):
        uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)]
        if succeeds(uv, environment=uv_environment(), show=True):
            return
    say("uv cannot be used here; pip does the work and takes longer")
    if not succeeds([*pip, "--require-hashes", "-r", str(lock)], show=True):
        raise SetupError(f"The packages of {lock.name} could not be installed; pip's words are above.")


def uv_environment() -> dict[str, str]:
    """What pip is configured with, in uv's words. What is already said to uv stays as it is."""
    environment = {
        "UV_SYSTEM_CERTS": "1",
        # pip takes the best version from all indexes; the hashes in the lock make that safe.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_NO_CONFIG": "1",
        "VIRTUAL_ENV": str(VENV),
    }
    if not os.access(Path.home(), os.W_OK):
        environment["UV_NO_CACHE"] = "1"
    for key, value in pip_configuration().items():
        name, separator = PIP_TO_UV.get(key, ("", ""))
        if name:
            environment[name] = separator.join(value.split())
    return {**environment, **os.environ, "VIRTUAL_ENV": str(VENV)}


def pip_configuration() -> dict[str, str]:
    """pip's settings by name, from its files and the environment; `pip install`'s own beat global ones."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for line in done.stdout.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section):
                found[name.removeprefix(section)] = value.strip("'\"").replace("\\n", " ")
    return found


def succeeds(command: list[str], *, environment: dict[str, str] | None = None, show: bool = False) -> bool:
    """True when the program exists and ends well. `show` lets its errors through to the terminal."""
    quiet = None if show else subprocess.DEVNULL
    try:
        return (
            subprocess.run(command, env=environment, stdout=quiet, stderr=quiet, check=False).returncode == 0
        )
    except OSError:
        return False


def say(text: str) -> None:
    print(f"set-up: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
