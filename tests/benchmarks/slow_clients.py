"""What 24 slow clients do to everybody else, with the documented front before the portal and without it.

`python -m tests.benchmarks.slow_clients [CLIENTS]`. Ends with 1 when a page behind the front took a second or more, and
with 77 where no nginx is installed.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from embedded import Stack
from embedded.stack import free_port
from tests.benchmarks.front import NoNginx, front
from tests.benchmarks.readers import Person, signed_in, visits
from tests.benchmarks.slowness import KINDS

CLIENTS, READERS, SECONDS, LIMIT_S, SKIPPED = 24, 4, 20.0, 1.0, 77
NOBODY = "nobody"
PASSWORD = "only-for-this-benchmark"
# People of the portal, and a trail long enough that its export fills no socket's buffers.
SEED = f"""
from django.db import connection
from portal.access.models import Grant, User
person = User.objects.create_user("ada", "ada@example.com", "{PASSWORD}")
Grant.objects.create(user=person, role="admin", dimension="everything")
connection.cursor().execute(
    "insert into audit_auditevent (actor, kind, subject_type, subject_id, summary, detail) "
    "select 'Ada', 'run.planned', 'run', n::text, repeat('A long sentence of the trail. ', 20), '{{}}' "
    "from generate_series(1, 12000) n")
"""


@dataclass(frozen=True)
class Row:
    """What the other people got while the slow ones were there."""

    kind: str
    where: str
    seconds: list[float]
    failed: int

    @property
    def worst(self) -> float:
        return max(self.seconds, default=float("inf"))

    @property
    def kept(self) -> bool:
        return not self.failed and self.worst < LIMIT_S

    def cells(self) -> str:
        if not self.seconds:
            return f"| {self.kind} | {self.where} | 0 | {self.failed} | – | – |"
        middle = sorted(self.seconds)[len(self.seconds) // 2]
        figures = (
            f"{len(self.seconds)} | {self.failed} | {middle * 1000:,.0f} ms | {self.worst * 1000:,.0f} ms"
        )
        return f"| {self.kind} | {self.where} | {figures} |"


def main() -> int:
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else CLIENTS
    try:
        rows = measured(clients)
    except NoNginx as reason:
        print(reason, file=sys.stderr)
        return SKIPPED
    print(HEAD.format(clients=clients, readers=READERS, seconds=SECONDS))
    print("\n".join(row.cells() for row in rows))
    behind = [row for row in rows if row.where == "behind the front"]
    if not behind[0].kept:
        print(f"Something else slows this machine: {behind[0].worst:.1f} s beside nobody.", file=sys.stderr)
    return 0 if all(row.kept for row in behind) else 1


HEAD = """## slow_clients: other people's pages beside {clients} slow ones

{readers} people open pages for {seconds:g} s and look at each for 0.2 s, beside {clients} connections of one kind
from the same address. *Failed* waited 10 s in vain. Below a second behind the front, or the benchmark ends with 1.

| slow are | reached | pages | failed | median | worst |
|---|---|---|---|---|---|"""


def measured(clients: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="patch-portal-slow-") as name:
        environment = {"TRUSTED_PROXIES": "127.0.0.1"}
        with Stack(state=Path(name), port=free_port(), environment=environment, workers=False) as stack:
            stack.run_manage("shell", "-c", SEED)
            port = free_port()
            with front(port, stack.port):
                person = signed_in(port, "ada", PASSWORD)
                wheres = {"behind the front": port, "without it": stack.port}
                return [
                    beside(kind, where, wheres[where], person, clients)
                    for where in wheres
                    for kind in (NOBODY, *KINDS)
                ]


def beside(kind: str, where: str, port: int, person: Person, clients: int) -> Row:
    """Pages of others while `clients` connections of the kind are held; they all stand before the first is asked."""
    held = [KINDS[kind](port, person.cookies) for _ in range(clients if kind in KINDS else 0)]
    stop = threading.Event()
    keepers = [threading.Thread(target=one.go_on, args=(stop,), daemon=True) for one in held]
    for keeper in keepers:
        keeper.start()
    stop.wait(SETTLE_S[kind])
    seconds, failed = visits(port, person, readers=READERS, seconds=SECONDS)
    stop.set()
    for keeper, one in zip(keepers, held, strict=True):
        keeper.join()
        one.close()
    return Row(kind, where, seconds, failed)


# Exports are work for the portal until they are written; what is measured is their slow reading.
SETTLE_S = dict.fromkeys((NOBODY, *KINDS), 3.0) | {"readers of an export": 20.0}

if __name__ == "__main__":
    sys.exit(main())
