"""From a fresh clone to the first page, the second start on the same data, and pages while the demo's run works."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.stack import free_port

ROOT = Path(__file__).resolve().parents[2]
GOALS = {"first page, fresh clone": 15.0, "first page, second start": 4.0, "a page during the run": 0.060}
PAGES = {"ada": ["/tonight/", "/runs/", "/coverage/"], "ana": ["/", "/runs/"]}
LONGEST_S = 300.0
PASSWORD = "patch-portal-demo"


@contextmanager
def demo(clone: Path, port: int, wheels: Path) -> Iterator[float]:
    """The demo while the context is open; gives the seconds until its first page answered."""
    environment = {**os.environ, "UV_CACHE_DIR": str(wheels), "PIP_CACHE_DIR": str(wheels / "pip")}
    began = time.monotonic()
    with subprocess.Popen(
        [str(clone / "script/demo"), "--port", str(port), "--keep"],
        env=environment,
        cwd=clone,
        stdout=sys.stderr,
        start_new_session=True,
    ) as child:
        try:
            yield first_page(port, began, child)
        finally:
            os.killpg(child.pid, signal.SIGINT)
            child.wait(60)


def first_page(port: int, began: float, child: subprocess.Popen[bytes]) -> float:
    """Seconds until the page of sign-in is there."""
    while time.monotonic() - began < LONGEST_S:
        if child.poll() is not None:
            raise RuntimeError(f"script/demo ended with {child.returncode}.")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/accounts/login/", timeout=30):
                return time.monotonic() - began
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"No page after {LONGEST_S:g} s.")


def signed_in(port: int, name: str) -> urllib.request.OpenerDirector:
    """Somebody of the demo, as a browser would sign in; the demo makes them after its site is up."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    address, end = f"http://127.0.0.1:{port}/accounts/login/", time.monotonic() + 60
    while time.monotonic() < end:
        form = opener.open(address, timeout=30).read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        fields = {
            "login": name,
            "password": PASSWORD,
            "csrfmiddlewaretoken": token[1] if token else "",
        }
        request = urllib.request.Request(address, urllib.parse.urlencode(fields).encode())
        request.add_header("Referer", address)
        if "/accounts/login/" not in opener.open(request, timeout=30).url:
            return opener
        time.sleep(1)
    raise RuntimeError(f"{name} cannot sign in.")


def during_the_run(clone: Path, port: int) -> tuple[int, list[float]]:
    """(run, seconds of each page) for a minute from its start."""
    people = {name: signed_in(port, name) for name in PAGES}
    run = await_run(clone)
    pages = [(people[name], path) for name, paths in PAGES.items() for path in paths]
    pages += [(people["ada"], f"/runs/{run}/"), (people["ana"], f"/runs/{run}/")]
    for opener, path in pages:  # what a process reads once is not what is measured
        seconds(opener, port, path)
    time.sleep(25)  # the start is 30 s after the window was made
    took, end = [], time.monotonic() + 60
    while time.monotonic() < end:
        took += [seconds(opener, port, path) for opener, path in pages]
        time.sleep(1)
    return run, took


def await_run(clone: Path) -> int:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        facts = clone / ".state/demo.json"
        if facts.exists() and (run := json.loads(facts.read_text() or "{}").get("run_id")):
            return int(run)
        time.sleep(0.5)
    raise RuntimeError("The demo planned no run.")


def seconds(opener: urllib.request.OpenerDirector, port: int, path: str) -> float:
    began = time.perf_counter()
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        answer.read()
    return time.perf_counter() - began


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        clone, wheels, port = Path(folder) / "clone", Path(folder) / "wheels", free_port()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        with demo(clone, port, wheels) as fresh:
            _, took = during_the_run(clone, port)
        second = []
        for _ in range(3):
            with demo(clone, port, wheels) as again:
                second.append(again)
    found = dict(zip(GOALS, (fresh, statistics.median(second), statistics.median(took)), strict=True))
    print(page(found, statistics.quantiles(took, n=20)[-1], len(took)))
    return 0 if all(found[name] <= goal for name, goal in GOALS.items()) else 1


def page(found: dict[str, float], slowest: float, asked: int) -> str:
    rows = [f"| {name} | {found[name]:.3g} s | {goal:g} s |" for name, goal in GOALS.items()]
    return "\n".join([
        "## start: the demo's first page",
        "",
        "`script/demo` of a clone without `.venv` and without kept wheels until the page of sign-in answers; the same",
        "on kept data (median of three); and pages of the admin and an owner while the demo's run works here.",
        "",
        "| | here | goal |",
        "|---|---|---|",
        *rows,
        "",
        f"Of {asked} pages during the run one in twenty took {slowest * 1000:.0f} ms or more.",
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
