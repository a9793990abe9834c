"""What a run changed on one server, as rows; made of what is credible in its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patching.documents.host_report import Change
from patching.models import PackageChange, Target


def rows_of(target: Target, changes: Iterable[Change]) -> Iterator[PackageChange]:
    """Not saved yet."""
    for change in changes:
        yield PackageChange(
            target=target,
            asset_id=target.asset_id,
            name=change.name,
            arch=change.arch,
            old=change.old,
            new=change.new,
            kind=change.kind,
            security=change.security,
        )
