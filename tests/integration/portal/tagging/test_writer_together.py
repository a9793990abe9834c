"""Several writers, accounts and late answers: one never stops the others, and the newest request has the last word."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aws.errors import AccessRefused, Ambiguous, Missing
from portal.tagging.writer import LEASE, claim
from portal.tags.models import TagChange
from portal.tags.operations import LONGEST_WRITE
from portal.tags.states import OPEN, TagState
from tests.fakes import FakeCloud
from tests.integration.portal.tagging.tag_requests import KEY, ref, request, state_of, tag, write

pytestmark = pytest.mark.django_db


def test_what_aws_does_not_show_yet_is_tried_again(cloud: FakeCloud) -> None:
    lagging = cloud.hosts[ref(0).instance_id]
    before = lagging.instance

    def forget(name: str) -> None:
        if name == "CreateTags":
            lagging.instance = before
            cloud.after = lambda name: None

    cloud.after = forget
    request(cloud, ref(0), ref(1))
    assert write(cloud) == 1
    assert state_of(0)[0] in OPEN
    cloud.clock.forward(200)
    assert write(cloud) == 1
    assert tag(cloud, 0) == "saturday"


@pytest.mark.parametrize("operation", ["CreateTags", "DescribeInstances"])
@pytest.mark.parametrize(
    "error", [Ambiguous("No answer."), AccessRefused("Revoked."), Missing("No such thing.")]
)
def test_one_broken_account_never_stops_the_others(
    cloud: FakeCloud, operation: str, error: Exception
) -> None:
    broken = "444455556666"
    cloud.add(50, account_id=broken)
    for number in (50, 51):
        request(cloud, ref(number, broken), value=f"v{number}")
    request(cloud, ref(0))

    class Broken(FakeCloud):
        here = ""

        def ec2(self, account_id: str, region: str) -> Any:
            self.here = account_id
            return super().ec2(account_id, region)

        def call(self, name: str, ids: Any = ()) -> None:
            super().call(name, ids)
            if self.here == broken and name in {operation, "CreateTags"}:
                raise error if name == operation else Missing("Unknown.", ids=(ref(51).instance_id,))

    hurt = Broken(cloud.clock)
    hurt.hosts = cloud.hosts
    write(hurt)
    assert tag(hurt, 0) == "saturday"
    assert not TagChange.objects.filter(state=TagState.WRITING, lease_until__gt=cloud.clock()).exists()


def test_a_dead_worker_leaves_its_rows_to_the_next_after_the_lease(cloud: FakeCloud) -> None:
    request(cloud, ref(0))
    assert len(claim(now=cloud.clock(), limit=10)) == 1
    assert write(cloud) == 0, "another worker holds it"
    cloud.clock.forward((LEASE + timedelta(seconds=1)).total_seconds())
    assert write(cloud) == 1
    assert TagChange.objects.get().attempts == 2


def test_a_request_that_was_replaced_before_its_call_is_not_written(cloud: FakeCloud) -> None:
    """Two groups are claimed together; while the first is written, the second one's request is taken back."""
    request(cloud, ref(0), value="first")
    request(cloud, ref(1), value="second")

    def change_of_mind(name: str) -> None:
        if name == "CreateTags":
            cloud.after = lambda name: None
            request(cloud, ref(1), value=None)

    cloud.after = change_of_mind
    write(cloud)
    write(cloud)
    assert tag(cloud, 1) is None
    assert not any(ids == (ref(1).instance_id,) for ids in cloud.called("CreateTags"))


class Killed(BaseException):
    """The worker's end."""


@pytest.mark.parametrize("moment", ["claimed", "written"])
@pytest.mark.parametrize("dies", [False, True])
def test_a_slow_writer_that_was_overtaken_never_has_the_last_word(
    cloud: FakeCloud, moment: str, dies: bool
) -> None:
    """While `run 7` is on its way to AWS it is taken back, and another worker removes it; then `run 7` arrives."""
    request(cloud, ref(0), value="run 7")
    host = cloud.hosts[ref(0).instance_id]

    def overtaken(name: str) -> None:
        if name != "CreateTags":
            return
        cloud.after = lambda name: None
        request(cloud, ref(0), value=None)
        if moment == "written":
            assert write(cloud) == 0  # it is gone, but somebody may still bring it back
            assert tag(cloud, 0) is None
        host.instance = replace(host.instance, tags={**host.instance.tags, KEY: "run 7"})
        if dies:
            raise Killed

    cloud.after = overtaken
    with nullcontext() if not dies else pytest.raises(Killed):
        write(cloud)
    assert state_of(0)[0] in OPEN
    for _ in range(LONGEST_WRITE // timedelta(seconds=200) + 2):
        cloud.clock.forward(200)
        write(cloud)
    assert tag(cloud, 0) is None
    assert state_of(0) == (TagState.VERIFIED, "")


def test_a_writer_that_was_never_heard_of_again_is_waited_for(cloud: FakeCloud) -> None:
    """It hangs before its call, another writes the same, all is taken back and removed; then its call arrives."""
    request(cloud, ref(0), value="run 7")
    assert claim(now=cloud.clock(), limit=10)  # and hangs
    cloud.clock.forward(LEASE.total_seconds() + 1)
    assert write(cloud) == 1
    request(cloud, ref(0), value=None)
    write(cloud)
    host = cloud.hosts[ref(0).instance_id]
    host.instance = replace(host.instance, tags={**host.instance.tags, KEY: "run 7"})
    cloud.clock.forward(LONGEST_WRITE.total_seconds())
    write(cloud)
    assert tag(cloud, 0) is None
    assert state_of(0) == (TagState.VERIFIED, "")


def test_what_nobody_may_undo_is_over_at_once(cloud: FakeCloud) -> None:
    request(cloud, ref(0), value="run 7")
    assert write(cloud) == 1
    request(cloud, ref(0), value=None)
    assert write(cloud) == 1
    assert state_of(0) == (TagState.VERIFIED, "")
