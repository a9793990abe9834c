"""The result line as a typed value: the one file that knows the keys of the schema's `result_line`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from patching.documents.host_facts import Withheld

Kind = Literal["REPORT", "PACKAGES"]


def _withheld(packages: Mapping[str, Any]) -> Withheld | None:
    if "withheld" not in packages or packages["upgradable"] is None:
        return None
    return Withheld(packages["withheld"], packages.get("withheld_security"), ())


@dataclass(frozen=True)
class ResultLine:
    """The first line of an output: counts and a status where only 2,500 bytes came through, and what it vouches for."""

    dispatch: str
    phase: str
    status: str
    error: str  # an error code, or ""
    kernel_running: str
    kernel_newest: str
    boot_id: str
    installed: int | None
    upgradable: int | None  # None: the host could not tell
    security: int | None
    changed: int
    broken: int
    reboot_needed: bool
    reboot_done: bool
    took_s: int
    held_back: int = 0  # pending, and left out on purpose
    report_sha256: str = ""  # in hex; empty: there is no such block
    packages_sha256: str = ""
    withheld: Withheld | None = None  # None: documents of old do not tell
    kernel_boot_default: str = ""  # what the next start boots; empty: not known, or never told

    def sha256_of(self, kind: Kind) -> str:
        return self.report_sha256 if kind == "REPORT" else self.packages_sha256

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Of JSON that the schema has accepted."""
        packages, reboot, kernel, sums = told["packages"], told["reboot"], told["kernel"], told["sha256"]
        return cls(
            dispatch=told["dispatch"],
            phase=told["phase"],
            status=told["status"],
            error=told["error"],
            kernel_running=kernel["running"],
            kernel_newest=kernel["newest"],
            boot_id=told["boot_id"],
            installed=packages["installed"],
            upgradable=packages["upgradable"],
            security=packages["security"],
            changed=packages["changed"],
            broken=packages["broken"],
            reboot_needed=reboot["needed"],
            reboot_done=reboot["done"],
            took_s=told["took_s"],
            held_back=packages["aside"],
            report_sha256=sums["report"],
            packages_sha256=sums["packages"],
            withheld=_withheld(packages),
            kernel_boot_default=kernel.get("boot_default", ""),
        )
