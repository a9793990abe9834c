"""A supervisor that a test kills: `tree.py fake|services FOLDER`. Prints its process ids as JSON when all is ready."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

from embedded.postgres import Postgres
from embedded.sockets import new_socket_folder, remove_socket_folder
from embedded.supervisor import Process, Supervisor, dies_with_parent
from embedded.valkey import Valkey

# A leader with two children that ignore polite signals, like workers in the middle of a task.
STUBBORN = "trap '' TERM INT; (trap '' TERM INT; while :; do sleep 60; done) & sleep 600 & wait; wait"


def fake() -> list[Process]:
    return [
        Process(name=name, argv=(*dies_with_parent(), "sh", "-c", STUBBORN), stop_within_s=0.2)
        for name in "ab"
    ]


def services(folder: Path, sockets: Path) -> list[Process]:
    postgres = Postgres(folder / "postgres", sockets, durable=False)
    postgres.prepare()
    return [postgres.process(), Valkey(folder / "valkey", sockets).process()]


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests run in the background have it ignored
    kind, folder, sockets = sys.argv[1], Path(sys.argv[2]), new_socket_folder()
    try:
        with Supervisor(folder / "logs") as supervisor:
            supervisor.start(*(fake() if kind == "fake" else services(folder, sockets)))
            print(json.dumps({"sockets": str(sockets), **supervisor.pids()}), flush=True)
            time.sleep(60)
    finally:
        remove_socket_folder(sockets)


if __name__ == "__main__":
    main()
