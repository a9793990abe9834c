"""What a run changed on one server, as rows; made of what is credible in its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patching.models import PackageChange, Target
from patching.package_words import Change


def rows_of(target: Target, changes: Iterable[Change]) -> Iterator[PackageChange]:
    """Not saved yet."""
    for change in changes:
        yield PackageChange(
            target=target,
            asset_id=target.asset_id,
            name=change["name"],
            arch=change.get("arch") or "",
            old=change.get("from") or "",
            new=change.get("to") or "",
            kind=change["kind"],
            security=bool(change.get("security")),
        )
