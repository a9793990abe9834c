"""Compiles pyproject.toml into hashed, universal locks; the largest first, so that the smaller ones agree with it."""

from __future__ import annotations

import subprocess
import sys

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
    largest = next(iter(LOCKS))
    for lock, extras in LOCKS.items():
        command = [str(VENV / "bin" / "uv"), "pip", "compile", "pyproject.toml", *OPTIONS, *PLAIN, *sys.argv[1:]]
        command += [word for extra in extras for word in ("--extra", extra)]
        command += ["--output-file", lock, *([] if lock == largest else ["--constraint", largest])]
        if subprocess.run(command, cwd=ROOT, env=uv_environment(), check=False).returncode:
            return 1
        print(f"wrote {lock}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
