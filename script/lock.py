"""Compiles pyproject.toml into hashed, universal locks; the largest first, so that the smaller ones agree with it.

`--check` only says whether each lock holds what pyproject.toml asks for; it asks no index.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

from setup import ROOT, VENV, uv_environment

LOCKS = {
    "requirements-test.txt": ("embedded", "lab", "test"),
    "requirements-lab.txt": ("embedded", "lab"),
    "requirements-embedded.txt": ("embedded",),
    "requirements.txt": (),
}
OPTIONS = ("--universal", "--generate-hashes", "--python-version", "3.11")
PLAIN = ("--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate", "--quiet")


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        wrong = [sentence for lock in LOCKS for sentence in disagreements(lock)]
        print("\n".join(wrong) or "The locks hold what pyproject.toml asks for.")
        return 1 if wrong else 0
    return 0 if all(compiled(lock) for lock in LOCKS) else 1


def compiled(lock: str) -> bool:
    largest = next(iter(LOCKS))
    command = [str(VENV / "bin" / "uv"), "pip", "compile", "pyproject.toml", *OPTIONS, *PLAIN, *sys.argv[1:]]
    command += [word for extra in LOCKS[lock] for word in ("--extra", extra)]
    command += ["--output-file", lock, *([] if lock == largest else ["--constraint", largest])]
    print(f"compiling {lock}", flush=True)
    return subprocess.run(command, cwd=ROOT, env=uv_environment(), check=False).returncode == 0


def disagreements(lock: str) -> list[str]:
    """A sentence for each direct dependency that the lock lacks or holds in another version."""
    from packaging.requirements import Requirement

    text = (ROOT / lock).read_text()
    locked = {
        normal(name): version for name, version in re.findall(r"^([\w.-]+)(?:\[[^]]*])?==(\S+)", text, re.M)
    }
    wanted = [Requirement(line) for line in direct_dependencies(LOCKS[lock])]
    return [
        f"{lock}: {requirement} is asked for; the lock has {locked.get(normal(requirement.name), 'nothing')}."
        for requirement in wanted
        if not requirement.specifier.contains(locked.get(normal(requirement.name), "0"), prereleases=True)
    ]


def direct_dependencies(extras: tuple[str, ...]) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["dependencies"] + [
        line for extra in extras for line in project["optional-dependencies"][extra]
    ]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
