"""The package versions that earlier waves of a run were proven with, for those that come after them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from patching.documents.assemble import PACKAGE_SET_BYTES
from patching.models import PackageChange, Run, Target
from patching.states import Verdict

GOOD = (Verdict.PATCHED, Verdict.NOTHING_TO_DO, Verdict.PATCHED_REBOOT_PENDING)
MOST_PACKAGES = 400  # as many as the document's parameter takes
NOTHING = "nothing-was-changed=0"  # a set that no host has a package of: nothing is installed


def systems(run: Run, before: int) -> set[str]:
    """Operating systems of which a server of an earlier wave is proven good."""
    proven = run.targets.filter(wave__lt=before, verdict__in=GOOD).order_by()
    return set(proven.values_list("os_label", flat=True).distinct())


def package_set(run: Run, before: int, os_label: str) -> str:
    """`name=version,…` as most of the good servers of this system ended with. Raises ValueError when it is too long."""
    changes = PackageChange.objects.filter(
        target__run=run, target__wave__lt=before, target__verdict__in=GOOD, target__os_label=os_label
    ).exclude(new="")
    versions: dict[str, Counter[str]] = defaultdict(Counter)
    for name, version in changes.order_by("pk").values_list("name", "new"):
        versions[name][version] += 1
    pairs = [f"{name}={found.most_common(1)[0][0]}" for name, found in sorted(versions.items())]
    return _fitting(pairs) or NOTHING


def _fitting(pairs: list[str]) -> str:
    text = ",".join(pairs)
    if len(pairs) > MOST_PACKAGES or len(text) > PACKAGE_SET_BYTES:
        raise ValueError(
            f"The tested set has {len(pairs)} packages, more than fit into one command. "
            "Patch this window without promotion, or more often."
        )
    return text


def untested(run: Run, rows: Iterable[Target]) -> list[Target]:
    """Linux servers of later waves whose operating system no earlier wave has proven."""
    later = [row for row in rows if row.wave > 1 and row.platform == "linux"]
    proven: dict[int, set[str]] = {wave: systems(run, wave) for wave in {row.wave for row in later}}
    return [row for row in later if row.os_label not in proven[row.wave]]
