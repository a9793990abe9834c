"""`python -m lab --scenario FILE.yaml --port P --state DIR [--time-scale X]`: the simulated AWS as a server."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from lab.hosts import sandbox
from lab.scenario import ScenarioError
from lab.server import LabServer


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab", description="Serves a simulated AWS on 127.0.0.1.")
    parser.add_argument("--scenario", type=Path, required=True, metavar="FILE", help="the fleet, as YAML")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="hosts, tags and power live here"
    )
    parser.add_argument(
        "--time-scale", type=float, default=1.0, metavar="X", help="delays are X times shorter"
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        server = LabServer(options.scenario, options.state, options.time_scale, port=options.port)
    except (ScenarioError, OSError) as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 2
    if not sandbox.namespaces():
        print(
            "lab: no namespaces here; only file permissions keep scripts inside their hosts", file=sys.stderr
        )
    with server:
        print(f"lab ready {server.url}", flush=True)
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
