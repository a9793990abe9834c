"""Every check of the source, each by name, all of them run; a failure says what mends it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
MANAGE = (str(BIN / "python"), "-W", "ignore::RuntimeWarning", "manage.py")
# Enough for the settings to load: none of the checks opens a connection that it needs.
ENVIRONMENT = {
    "DATABASE_URL": "postgres://postgres@/portal?host=/nonexistent",
    "REDIS_URL": "unix:///nonexistent/valkey.sock",
    "SECRET_KEY": "only-for-checks-only-for-checks-only-for-checks",
    "RESULTS_BUCKET": "patch-portal-results",
    "PLAIN_STATIC": "true",
}


@dataclass(frozen=True)
class Step:
    """One check; `mend` is the command or the deed that mends a failure. `told`: its words are shown in any case."""

    name: str
    command: tuple[str, ...]
    mend: str
    told: bool = False


@dataclass(frozen=True)
class Outcome:
    step: Step
    ok: bool
    words: str


def steps() -> list[Step]:
    return [*of_the_source(), *of_the_site(), *of_the_house(), *generated()]


def of_the_source() -> list[Step]:
    """What the text of the files says by itself."""
    return [
        Step("types", tool("mypy"), "correct the types named above"),
        Step(
            "format",
            tool("ruff", "format", "--check", "--output-format", "concise", "."),
            ".venv/bin/ruff format .",
        ),
        Step(
            "lint", tool("ruff", "check", "--output-format", "concise", "."), ".venv/bin/ruff check --fix ."
        ),
        Step("imports", tool("lint-imports", "--no-logo"), "move the import: apps import to the right only"),
        Step(
            "states",
            (str(BIN / "python"), "-m", "script.states"),
            "move the rows with the model's Mover, and write the move into its table (docs/adr/0074)",
        ),
        Step("shell", tool("shellcheck", *shell_files()), "correct the lines named above"),
        Step("powershell", (str(BIN / "python"), "-m", "script.powershell"), "correct the lines named above"),
        Step(
            "templates",
            tool("djade", "--check", *tracked("templates/*.html")),
            ".venv/bin/djade templates/**/*.html",
        ),
        Step(
            "template lines",
            (str(BIN / "python"), "-m", "script.template_lines", *tracked("templates/*")),
            "one element a line; what repeats is a component, what is computed comes from Python",
        ),
        Step(
            "documents",
            (str(BIN / "python"), "-m", "script.documents"),
            "shorten the script, or move it to the phase that needs it (docs/adr/0060)",
            told=True,
        ),
    ]


def of_the_site() -> list[Step]:
    """What Django says with the settings loaded."""
    return [
        Step("migrations", (*MANAGE, "makemigrations", "--check", "--dry-run"), "manage.py makemigrations"),
        Step("django", (*MANAGE, "check", "--fail-level", "WARNING"), "correct what Django names above"),
        Step(
            "addresses",
            (str(BIN / "python"), "-W", "ignore::RuntimeWarning", "-m", "tests.attack.rules"),
            "say in tests/attack/rules.py who may use the address",
        ),
    ]


def of_the_house() -> list[Step]:
    """What belongs to no file of code: dependencies and decisions."""
    return [
        Step(
            "dependencies",
            (str(BIN / "python"), "script/dependencies.py"),
            "remove the dependency from pyproject.toml and run script/lock",
        ),
        Step("locks", (str(BIN / "python"), "script/lock.py", "--check"), "script/lock"),
        Step(
            "bill of materials",
            (str(BIN / "python"), "-m", "script.sbom", "--check"),
            ".venv/bin/python -m script.sbom",
        ),
        Step(
            "decisions",
            (str(BIN / "python"), "-m", "script.decisions", "--check"),
            ".venv/bin/python -m script.decisions, or the page that is named",
        ),
    ]


def generated() -> list[Step]:
    """Documents that a command writes must be the ones that it would write now."""
    if not tracked("*/management/commands/generate_docs.py"):
        return []
    return [Step("generated documents", (*MANAGE, "generate_docs", "--check"), "manage.py generate_docs")]


def main() -> int:
    wanted = sys.argv[1:]
    chosen = [step for step in steps() if not wanted or step.name in wanted]
    if not chosen:
        print(
            f"No check is called {' or '.join(wanted)}; there are {', '.join(step.name for step in steps())}."
        )
        return 2
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        failures = [outcome for outcome in pool.map(run, chosen) if not outcome.ok]
    for failure in failures:
        print(f"\n--- {failure.step.name} ---\n{failure.words}\nTo mend it: {failure.step.mend}")
    print(
        f"\n{len(failures)} of {len(chosen)} checks failed."
        if failures
        else f"All {len(chosen)} checks passed."
    )
    return 1 if failures else 0


def run(step: Step) -> Outcome:
    began = time.monotonic()
    done = subprocess.run(
        step.command, cwd=ROOT, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False
    )
    ok = done.returncode == 0
    words = (done.stdout + done.stderr).strip()
    shown = "".join(f"\n       {line}" for line in words.splitlines()) if ok and step.told else ""
    print(f"{'ok  ' if ok else 'FAIL'} {step.name} ({time.monotonic() - began:.1f} s){shown}", flush=True)
    return Outcome(step, ok, words)


def tool(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(BIN / name), *arguments)


def tracked(*patterns: str) -> list[str]:
    """Files of the checkout that match, new ones included, ignored ones not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted({name for name in listed if (ROOT / name).is_file()})


def shell_files() -> list[str]:
    """Everything that a POSIX shell runs: by name or by its first line.

    The parts of the documents make sense only together: their tests check the assembled scripts.
    """
    named = [name for name in tracked("*.sh") if not name.startswith("patching/documents/")]
    started = [
        name
        for name in tracked("script/*", ".ci/*", "lab/shims/*")
        if first_line(name).startswith("#!/bin/sh")
    ]
    return sorted({*named, *started})


def first_line(name: str) -> str:
    with (ROOT / name).open(errors="replace") as file:
        return file.readline()


if __name__ == "__main__":
    sys.exit(main())
