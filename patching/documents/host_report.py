"""What a host reports, as typed values: with `host_facts` the file that knows the keys of `host-report.schema.json`.

`of` takes JSON that the schema has accepted, and nothing else; `to_json` gives the same JSON back. What the schema lets
a report leave out is None here; what is null there is None as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from patching.documents.boots import restarted
from patching.documents.host_facts import Failure, Json, Part, System, Texts, Withheld

# Keys that SQL reads in stored reports.
CHECKS, DISPATCH, INSTANCE, PHASE = "checks", "dispatch", "instance_id", "phase"


class ReportStatus(StrEnum):
    """What a host says of itself; the schema tells when it says which."""

    PATCHED = "patched"
    NOTHING_TO_DO = "nothing_to_do"
    REBOOT_PENDING = "reboot_pending"
    FAILED = "failed"
    PARTIAL = "partial"
    BLOCKED = "blocked"
    READY = "ready"
    DUPLICATE_RUNNING = "duplicate_running"


@dataclass(frozen=True, slots=True)
class Error(Part):
    """The first thing that went wrong; `detail` is a sentence for a person."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Fix(Part):
    """A repair that a check allows; ok: the same check passed after it."""

    tried: bool
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Check(Part):
    """One question of the pre-check and its answer."""

    name: str
    ok: bool
    detail: str
    fix: Fix

    @classmethod
    def of(cls, told: Json) -> Self:
        return cls(told["name"], told["ok"], told["detail"], Fix(**told["fix"]))


@dataclass(frozen=True, slots=True)
class Update(Part):
    """A package version that repositories offer; `old` is empty where it would be new on the host."""

    name: str
    arch: str
    old: str
    new: str
    security: bool

    @classmethod
    def of(cls, told: Json) -> Self:
        return cls(told["name"], told["arch"], told["from"], told["to"], told["security"])


@dataclass(frozen=True, slots=True)
class Change(Part):
    """A package that differs between before and after. kind: upgrade, install, remove or kb."""

    name: str
    arch: str
    old: str
    new: str
    kind: str
    security: bool

    @classmethod
    def of(cls, told: Json) -> Self:
        return cls(told["name"], told["arch"], told["from"], told["to"], told["kind"], told["security"])


@dataclass(frozen=True, slots=True)
class Service(Part):
    """A service that runs old code: restarted, or wants_restart."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Kernel(Part):
    """Versions within the flavour that runs; Windows: the build number."""

    running: str
    installed: Texts
    newest_installed: str
    newest_available: str
    boot_default: str | None = None  # what the next start boots; empty: not known, None: never told

    @classmethod
    def of(cls, told: Json) -> Self:
        return cls(**{**told, "installed": tuple(told["installed"])})


@dataclass(frozen=True, slots=True)
class Packages(Part):
    """Counts; `upgradable` and `security` are None where the repositories did not answer: unknown, not zero.

    `security` also where none of them tells which updates are for security.
    """

    installed: int | None
    upgradable: int | None
    security: int | None
    held: Texts  # by the package tool's own mark
    withheld: Withheld | None = None  # None: documents of old and Windows' do not tell, or nobody was asked

    @classmethod
    def of(cls, told: Json) -> Self:
        withheld = Withheld.of(told["withheld"]) if "withheld" in told else None
        return cls(told["installed"], told["upgradable"], told["security"], tuple(told["held"]), withheld)

    def pending(self, mode: str) -> int | None:
        """Updates that a run of this mode is to put in."""
        return self.security if mode == "security" else self.upgradable


@dataclass(frozen=True, slots=True)
class Reboot(Part):
    """Whether one is needed now, whether one was done, and why."""

    needed: bool
    reasons: Texts
    done: bool
    unknown: str | None = (
        None  # why nobody can say whether it is needed, the kernel apart; empty: it was asked
    )

    @classmethod
    def of(cls, told: Json) -> Self:
        return cls(**{**told, "reasons": tuple(told["reasons"])})


@dataclass(frozen=True, slots=True)
class Clock(Part):
    """By how many seconds the host's clock was set forward (or back, below zero) during the run."""

    stepped_s: int


@dataclass(frozen=True, slots=True)
class Side(Part):
    """The host at one moment. `lengths`: the true lengths of its lists that were cut."""

    kernel: Kernel
    boot_id: str
    uptime_s: int | None
    packages: Packages
    broken: Texts
    duplicates: Texts
    available: tuple[Update, ...]
    unanswered: Texts | None = None  # questions to tools that had no answer; None: each had one
    lengths: Mapping[str, int] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, told: Json, lengths: Mapping[str, int]) -> Self:
        return cls(
            Kernel.of(told["kernel"]), told["boot_id"], told["uptime_s"], Packages.of(told["packages"]),
            tuple(told["broken"]), tuple(told["duplicates"]), tuple(map(Update.of, told["available"])),
            tuple(told["unanswered"]) if "unanswered" in told else None, lengths,
        )  # fmt: skip

    def restarted_since(self, before: Side) -> bool:
        return restarted(before.boot_id, before.uptime_s, self.boot_id, self.uptime_s)

    @property
    def unsound(self) -> int:
        """Packages half installed, and packages there twice."""
        broken = self.lengths.get("broken", len(self.broken))
        return broken + self.lengths.get("duplicates", len(self.duplicates))


@dataclass(frozen=True, slots=True)
class Report(Part):
    """One report. `held_back` are updates left out on purpose; `lengths` as of a side, for the report's own lists."""

    schema: int
    dispatch: str
    command_id: str
    instance_id: str
    document_hash: str
    phase: str
    status: str
    error: Error | None
    os: System
    boot_count: int
    host_time: str
    checks: tuple[Check, ...]
    before: Side | None
    after: Side | None
    changes: tuple[Change, ...]
    services: tuple[Service, ...]
    reboot: Reboot
    took_s: int
    held_back: Texts | None = None  # None: Windows' documents of old did not tell
    not_offered: Texts | None = None
    clock: Clock | None = None
    failures: tuple[Failure, ...] | None = None  # None: documents of old and Linux' do not tell
    lengths: Mapping[str, int] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, told: Json) -> Self:
        lengths = dict(told["truncated"])
        return cls(
            **{name: told[name] for name in _PLAIN},
            error=Error(**told["error"]) if told["error"] else None,
            os=System.of(told["os"]),
            checks=tuple(map(Check.of, told["checks"])),
            before=_side(told, "before", lengths),
            after=_side(told, "after", lengths),
            changes=tuple(map(Change.of, told["changes"])),
            services=tuple(Service(**one) for one in told["services"]),
            reboot=Reboot.of(told["reboot"]),
            held_back=tuple(told["aside"]) if "aside" in told else None,
            not_offered=tuple(told["not_offered"]) if "not_offered" in told else None,
            clock=Clock(**told["clock"]) if "clock" in told else None,
            failures=Failure.all_of(told) if "failures" in told else None,
            lengths=lengths,
        )

    def to_json(self) -> dict[str, Any]:
        cut = _cut("before", self.before) | _cut("after", self.after)
        return Part.to_json(self) | {"truncated": {**self.lengths, **cut}}

    @property
    def changed(self) -> int:
        """How many packages changed, also where the list was cut."""
        return self.lengths.get("changes", len(self.changes))

    @property
    def held_back_count(self) -> int:
        return self.lengths.get("aside", len(self.held_back or ()))

    @property
    def not_offered_count(self) -> int:
        return self.lengths.get("not_offered", len(self.not_offered or ()))

    @property
    def boot_changed(self) -> bool:
        """Whether the host restarted between its sides; without a boot id of each nobody knows that it did."""
        before, after = self.before, self.after
        if before is None or after is None:
            return False
        return after.restarted_since(before)


_PLAIN = ("schema", "dispatch", "command_id", "instance_id", "document_hash", "phase", "status", "boot_count",
          "host_time", "took_s")  # fmt: skip


def _side(told: Json, name: str, lengths: dict[str, int]) -> Side | None:
    """One side with its own lengths, which are taken from the report's."""
    if told[name] is None:
        return None
    own = {key.removeprefix(f"{name}."): key for key in lengths if key.startswith(f"{name}.")}
    return Side.of(told[name], {short: lengths.pop(key) for short, key in own.items()})


def _cut(name: str, side: Side | None) -> dict[str, int]:
    return {f"{name}.{key}": length for key, length in side.lengths.items()} if side else {}
