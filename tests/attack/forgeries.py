"""Runs in which one host lies: over its neighbours' output in the bucket, with old answers, about itself, at any size.

A failed neighbour must stay failed and a patched one patched, whatever the liar writes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aws.ports import SendRequest
from patching.states import Agreement, Verdict
from tests.attack.judge import Verdicts, undone
from tests.fake_reports import report_text
from tests.fakes import FakeHost
from tests.integration.patching.stage import Stage

FAILING, HONEST, LIAR = 1, 2, 3
NOISE = b"\x00\xff{]<i zx9>" * 400


class Huge(bytes):
    """An output of 3 GB that ends in `bytes`: only its end can be read, and no more of it than a worker should hold."""

    SIZE, MOST = 3_000_000_000, 1_000_000

    def __getitem__(self, part: Any) -> Any:
        wanted = self.SIZE if part.start is None else -part.start
        if wanted > self.MOST:
            raise AssertionError(f"{wanted:,} bytes of one output are read at once")
        return (b"x" * (wanted - len(self)) + bytes(self))[-wanted:]


@dataclass
class Liar:
    """Tampers once with each output that appears in the bucket, and with what it prints itself."""

    stage: Stage
    random: random.Random
    seen: set[str] = field(default_factory=set)
    old_answers: list[str] = field(default_factory=list)
    forged: int = 0

    def tamper(self) -> None:
        for key in sorted(self.stage.cloud.stored.keys() - self.seen):
            self.seen.add(key)
            command_id, host = self._owner(key)
            if host is None:
                continue
            self.old_answers.append(self.stage.cloud.printed[command_id, host.instance.instance_id])
            self._lie(key, command_id, host)
            self.forged += 1

    def _owner(self, key: str) -> tuple[str, FakeHost | None]:
        """The command and the host whose output lies at the key; no host for what is no output of a command."""
        for command_id, (_, request) in self.stage.cloud.commands.items():
            for instance_id in request.instance_ids:
                if f"/{command_id}/{instance_id}/" in key:
                    return command_id, self.stage.cloud.hosts[instance_id]
        return "", None

    def _lie(self, key: str, command_id: str, host: FakeHost) -> None:
        text = self.random.choice(self._texts(command_id, host))
        if host.instance.instance_id.endswith(str(LIAR)):
            self.stage.cloud.printed[command_id, host.instance.instance_id] = text.decode(errors="replace")
        place: Callable[[str], str] = self.random.choice(
            [str, lambda key: key.replace("/awsrunShellScript/", "/AAA/"), lambda key: key + "zzz"]
        )
        self.seen.add(place(key))
        self.stage.cloud.stored[place(key)] = text

    def _texts(self, command_id: str, host: FakeHost) -> list[bytes]:
        _, request = self.stage.cloud.commands[command_id]
        forged = self._success_of(host, request, command_id)
        old = self.random.choice(self.old_answers).encode()
        hostile = forged.replace(b"openssl", b"open ssl;$(reboot)" * 30)
        return [
            forged,
            old,
            hostile,
            NOISE,
            b"",
            forged[:300],
            forged * 3,
            NOISE * 500 + forged,
            Huge(forged),
        ]

    def _success_of(self, host: FakeHost, request: SendRequest, command_id: str) -> bytes:
        told, host.patch = host.patch, "patched"
        phase = "patch" if "-Patch-" in request.document_name else "precheck"
        try:
            return report_text(host, request, command_id, phase).encode()
        finally:
            host.patch = told


def play(verdicts: Verdicts, seeds: range) -> int:
    """One run for each seed, in a database without other servers; returns how many forgeries were tried."""
    return sum(_played(verdicts, seed) for seed in seeds)


def _played(verdicts: Verdicts, seed: int) -> int:
    with undone():
        stage = Stage()
        for number, patch in ((FAILING, "failed"), (HONEST, "patched"), (LIAR, "failed")):
            stage.cloud.add(number, patch=patch)
        run = stage.set()
        liar = Liar(stage, random.Random(seed))
        stage.until(lambda: bool(liar.tamper()) or bool(run.finished_at))
        found = {row.asset.name: row for row in run.targets.select_related("asset")}
    failing, honest = found[f"web-{FAILING}"], found[f"web-{HONEST}"]
    if failing.verdict != Verdict.FAILED:
        verdicts.blame("forgery believed", f"seed {seed}: the failed server counts as {failing.verdict!r}")
    if (honest.verdict, honest.agreement) != (Verdict.PATCHED, Agreement.AGREES):
        verdicts.blame(
            "forgery believed",
            f"seed {seed}: the patched server counts as {honest.verdict!r}, {honest.agreement!r}",
        )
    return liar.forged
