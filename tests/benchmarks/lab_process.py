"""The lab in a process of its own: it outlives killed workers, and its cost is not counted as theirs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REGION = "eu-central-1"
THROTTLED = {"RequestLimitExceeded", "ThrottlingException", "SlowDown", "Throttling"}
Call = dict[str, Any]  # an entry of the lab's log


def scenario(hosts: int, account: str) -> dict[str, Any]:
    """Windows hosts answer from a table, so that ten thousand of them cost no scripts."""
    return {
        "name": account,
        "accounts": [{"id": account, "role_name": "PatchPortal", "external_id": "x1", "regions": [REGION]}],
        "defaults": {"account": account, "region": REGION, "os": "windows2022", "kind": "scenario", "pending": 2},
        "hosts": [{"name": "win", "count": hosts}],
    }  # fmt: skip


class Lab:
    """Where the simulated AWS answers, and what was asked of it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **body: Any) -> Any:
        """One control call: POST with a body, GET without. Raises urllib.error.URLError."""
        data = json.dumps(body).encode() if body else None
        with urllib.request.urlopen(f"{self.url}/lab/{path}", data, timeout=60) as answer:
            return json.load(answer)

    def calls(self, since: int = 0) -> list[Call]:
        found: list[Call] = self.ask(f"log?since={since}")
        return found

    def throttle(self, rates: dict[str, tuple[float, float]]) -> None:
        """EC2's real buckets, and for Systems Manager these: operation → (capacity, refill a second)."""
        self.ask("throttle", real=True)
        for operation, (capacity, refill) in rates.items():
            self.ask("throttle", service="ssm", operation=operation, capacity=capacity, refill_per_s=refill)


@contextmanager
def lab(hosts: int, account: str) -> Iterator[Lab]:
    """A fleet of `hosts` in one account and region; ends with the block."""
    command = [sys.executable, "-m", "tests.benchmarks.lab_process", str(hosts), account]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError("The lab did not start; see above.")
        yield Lab(url)
    finally:
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()


def main() -> None:
    """Serves until its standard input ends."""
    from lab.delays import Delays
    from lab.hosts import windows
    from lab.server import LabServer

    # Hosts answer as fast as they can be asked: what is measured is the portal.
    windows.SCAN_SECONDS = windows.INSTALL_SECONDS = 0.0
    quick = Delays(reboot_wait_s=0.5, reboot_s=0.5)
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=memory) as state,
        LabServer(scenario(int(sys.argv[1]), sys.argv[2]), Path(state), delays=quick) as server,
    ):
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
