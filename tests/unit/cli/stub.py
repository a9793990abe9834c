"""A portal that answers what a test says, on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CLI = Path(__file__).resolve().parents[3] / "cli"
PROBLEM = "Because the portal says so."
COUNTS = {"total": 2, "planned": 2, "success": 2, "active": 0, "needs_you": 0, "waiting": 0, "skipped": 0,
          "unknown": 0, "over": 2, "percent": 100}  # fmt: skip
RUN = {"id": 7, "name": "Saturday night", "window": "saturday", "state": "finished", "state_in_words": "Finished",
       "reason": "", "check_only": False, "starts_at": "2026-12-05T21:00:00Z", "cutoff_at": "2026-12-06T00:00:00Z",
       "ends_at": "2026-12-06T01:00:00Z", "started_at": None, "finished_at": None, "retry_of": None,
       "counts": COUNTS}  # fmt: skip
TARGET = {"id": 1, "asset": 1, "name": "web-1\x1b[31m", "instance_id": "i-1", "account": "111122223333",
          "region": "eu-central-1", "application": "=cmd", "os": "Debian 12", "outcome": "Patched",
          "verdict": "patched",
          "agreement": "agrees", "kernel_before": "6.1.0-26", "kernel_after": "6.1.0-28", "packages_updated": 3,
          "still_available": 0, "withheld": None, "rebooted": True, "reboot_needed": False, "reason": "",
          "counts_as": "success"}  # fmt: skip
ASSET = {"id": 1, "name": "web-1", "state": "Patched", "window": None, "next_run_at": None, "last_patched_at": None,
         "reason": ""}  # fmt: skip
ME = {"user": "ana", "name": "Ana", "rights": [{"role": "owner", "dimension": "application", "value": "payments"}],
      "token": {"name": "nightly", "shown": "pp_abcdef", "may_act": False,
                "ends_at": "2027-01-01T00:00:00Z"}}  # fmt: skip
WINDOW = {"slug": "saturday", "servers": 2, "rule": "Every Saturday", "name": "Saturday"}
CASE = {"id": 3, "state": "active", "from_date": "2026-12-01", "to_date": "2026-12-12", "servers": 1, "asked_by": "Ana",
        "reason": "An audit."}  # fmt: skip


class Stub:
    """`status`: with what it refuses everything; `run`: what it says of run 7. `seen`: (path, authorization)."""

    def __init__(self) -> None:
        self.status, self.run, self.location = 200, RUN, ""
        self.seen: list[tuple[str, str]] = []
        self.url = ""

    def answer(self, path: str) -> Any:
        where, _, query = path.removeprefix("/api/v1/").partition("?")
        lists = {"assets": ASSET, "windows": WINDOW, "exception-requests": CASE, "runs": self.run}
        if where == "me":
            return ME
        if where == "reports/post-patching":
            return self._page(TARGET, path, query) | {"run": self.run}
        if where in lists:
            return self._page(lists[where], path, query)
        return self.run if where.startswith("runs/") else ASSET

    def _page(self, item: dict[str, Any], path: str, query: str) -> dict[str, Any]:
        """Two pages of one item; the next one is told as another host would, behind a proxy."""
        last = "cursor=2" in query
        following = None if last else f"http://elsewhere.invalid{path}&cursor=2"
        return {"items": [item], "next": following, "count": 2, "count_is_capped": False}

    def cli(self, *words: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """The program as a shell starts it, without a terminal."""
        around = {
            "PATH": os.environ["PATH"],
            "PATCHPORTAL_URL": self.url,
            "PATCHPORTAL_TOKEN": "pp_x",
            "HOME": "/nonexistent",
        }
        command = [sys.executable, "-m", "patchportal", *words]
        return subprocess.run(
            command,
            cwd=CLI,
            env=around | environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


@contextmanager
def portal() -> Iterator[Stub]:
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stub.seen.append((self.path, self.headers.get("Authorization", "")))
            body = stub.answer(self.path) if stub.status == 200 else {"detail": PROBLEM}
            self.send_response(stub.status)
            if stub.location:
                self.send_header("Location", stub.location)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
