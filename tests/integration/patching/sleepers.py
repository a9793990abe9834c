"""Stopped hosts, and a StartInstances that is refused."""

from __future__ import annotations

from aws.errors import CloudError
from tests.fakes import FakeHost
from tests.integration.patching.stage import Stage


def asleep(stage: Stage, count: int, **facts: object) -> list[FakeHost]:
    return [stage.cloud.add(number, state="stopped", **facts) for number in range(1, count + 1)]


def refuse(stage: Stage, bad: set[str], error: CloudError) -> list[tuple[str, ...]]:
    """StartInstances is refused while one of these is in the call: all or none. Returns the calls tried."""
    here, tried = stage.cloud.ec2, []

    def ec2(account: str, region: str):  # type: ignore[no-untyped-def]
        place = here(account, region)
        start = place.start_instances

        def start_instances(ids: list[str]) -> None:
            tried.append(tuple(ids))
            if bad & set(ids):
                stage.cloud.call("RefusedStart", ids)
                raise error
            start(ids)

        place.start_instances = start_instances  # type: ignore[method-assign]
        return place

    stage.cloud.ec2 = ec2  # type: ignore[method-assign]
    return tried
