"""The tag writer: few calls, read back, repeated when uncertain, refused in a sentence, safe to run twice."""

from __future__ import annotations

from typing import Any

import pytest

from aws.errors import AccessRefused, Ambiguous, Missing, Refused, Throttled
from portal.audit.models import AuditEvent
from portal.tagging.writer import MAX_ATTEMPTS
from portal.tags.models import InstanceRef, TagChange
from portal.tags.states import OPEN, TagState
from tests.fakes import ACCOUNT, REGION, FakeCloud, lose_answer, raising
from tests.integration.portal.tagging.tag_requests import KEY, ref, request, state_of, tag, write

pytestmark = pytest.mark.django_db


def test_identical_requests_are_one_call_one_reading_and_one_audit_event(cloud: FakeCloud) -> None:
    request(cloud, ref(0), ref(1), ref(2))
    assert write(cloud) == 3
    assert [len(ids) for ids in cloud.called("CreateTags")] == [3]
    assert len(cloud.called("DescribeInstances")) == 1
    assert {tag(cloud, number) for number in range(3)} == {"saturday"}
    assert tag(cloud, 3) is None
    assert set(TagChange.objects.values_list("state", "attempts")) == {(TagState.VERIFIED, 1)}
    event = AuditEvent.objects.get(kind="tag.verified")
    assert "PatchWindow=saturday on 3 servers" in event.summary


def test_more_than_a_thousand_are_cut_into_calls_that_aws_takes(cloud: FakeCloud) -> None:
    refs = [cloud.add(number).instance.instance_id for number in range(10, 1015)]
    request(cloud, *(InstanceRef(ACCOUNT, REGION, instance_id) for instance_id in refs))
    assert write(cloud) == 1005
    assert sorted(len(ids) for ids in cloud.called("CreateTags")) == [5, 1000]


def test_a_tag_is_removed_whatever_its_value(cloud: FakeCloud) -> None:
    request(cloud, ref(0))
    write(cloud)
    request(cloud, ref(0), value=None)
    assert write(cloud) == 1
    assert tag(cloud, 0) is None
    assert tag(cloud, 0, "Name") == "web-0"


def test_what_is_written_is_not_written_again(cloud: FakeCloud) -> None:
    request(cloud, ref(0))
    write(cloud)
    assert write(cloud) == 0
    assert len(cloud.called("CreateTags")) == 1


@pytest.mark.parametrize(
    "error", [Throttled("Rate exceeded."), Ambiguous("No answer."), AccessRefused("Revoked.")]
)
def test_a_write_that_may_work_later_is_repeated_more_slowly_each_time(
    cloud: FakeCloud, error: Exception
) -> None:
    raising(cloud, "CreateTags", error, times=3)
    request(cloud, ref(0))
    waits = []
    while TagChange.objects.filter(state__in=OPEN).exists():
        write(cloud)
        row = TagChange.objects.get()
        if row.state in OPEN:
            assert row.error == str(error)
            waits.append((row.due_at - cloud.clock()).total_seconds())
            cloud.clock.now = row.due_at
    assert waits == sorted(set(waits))
    assert len(waits) == 3
    assert (tag(cloud, 0), TagChange.objects.get().attempts) == ("saturday", 4)


def test_nothing_is_tried_before_its_time(cloud: FakeCloud) -> None:
    raising(cloud, "CreateTags", Throttled("Rate exceeded."))
    request(cloud, ref(0))
    write(cloud)
    assert write(cloud) == 0
    assert TagChange.objects.get().attempts == 1


def test_after_enough_attempts_it_is_given_up_with_the_reason(cloud: FakeCloud) -> None:
    raising(cloud, "CreateTags", Throttled("Rate exceeded."), times=99)
    request(cloud, ref(0))
    for _ in range(MAX_ATTEMPTS + 3):
        write(cloud)
        cloud.clock.forward(3600)
    state, error = state_of(0)
    assert state == TagState.FAILED
    assert f"{MAX_ATTEMPTS} attempts" in error
    assert "Rate exceeded." in error
    assert AuditEvent.objects.filter(kind="tag.failed").count() == 1


def test_a_lost_answer_is_repeated_and_ends_written_once(cloud: FakeCloud) -> None:
    lose_answer(cloud, "CreateTags")
    request(cloud, ref(0))
    assert write(cloud) == 0
    cloud.clock.forward(200)
    assert write(cloud) == 1
    assert state_of(0) == (TagState.VERIFIED, "")


def test_a_vanished_instance_fails_alone_and_the_others_are_written_at_once(cloud: FakeCloud) -> None:
    request(cloud, ref(0), ref(77), ref(1))
    assert write(cloud) == 2
    assert state_of(77) == (TagState.FAILED, "The instance no longer exists.")
    assert (tag(cloud, 0), tag(cloud, 1)) == ("saturday", "saturday")


def test_a_tag_that_shall_vanish_has_vanished_with_its_instance(cloud: FakeCloud) -> None:
    request(cloud, ref(0), ref(77), value=None)
    write(cloud)
    assert (state_of(77)[0], state_of(0)[0]) == (TagState.VERIFIED, TagState.VERIFIED)


def test_a_refusal_that_names_nothing_of_ours_ends(cloud: FakeCloud) -> None:
    """AWS named an id that was never sent: it must neither loop nor be believed of the others."""
    raising(cloud, "CreateTags", Missing("What?", ids=("i-somebody-else",)))
    request(cloud, ref(0), ref(1))
    for _ in range(3):
        write(cloud)
        cloud.clock.forward(200)
    assert (tag(cloud, 0), tag(cloud, 1)) == ("saturday", "saturday")
    assert len(cloud.called("CreateTags")) <= 3


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (KEY, "ä" * 257, "257 characters; AWS allows 256"),
        ("aws:reserved", "x", "not beginning with aws:"),
        ("", "x", "1 to 128 characters"),
    ],
)
def test_what_aws_would_never_take_fails_at_once_in_a_sentence(
    cloud: FakeCloud, key: str, value: str, words: str
) -> None:
    TagChange.objects.create(
        account_id=ACCOUNT, region=REGION, instance_id=ref(0).instance_id, key=key,
        value=value[:256], reason="A test", requested_by="Ada", created_at=cloud.clock(), due_at=cloud.clock(),
    )  # fmt: skip
    if len(value) > 256:
        from portal.tagging.writer import illegal

        assert words in illegal(key, value)
        return
    write(cloud)
    state, error = state_of(0)
    assert (state, words in error) == (TagState.FAILED, True), error
    assert not cloud.called("CreateTags")


@pytest.mark.parametrize("value", ["支付系统", "<script>alert(1)</script>", "$(reboot); `id`", "", "x" * 256])
def test_any_text_that_aws_takes_arrives_as_it_is(cloud: FakeCloud, value: str) -> None:
    request(cloud, ref(0), value=value)
    assert write(cloud) == 1
    assert tag(cloud, 0) == value


def test_one_host_with_too_many_tags_does_not_hinder_the_others(cloud: FakeCloud) -> None:
    full = ref(2).instance_id

    class Picky(FakeCloud):
        def call(self, operation: str, ids: Any = ()) -> None:
            super().call(operation, ids)
            if operation == "CreateTags" and full in ids:
                raise Refused("More than 50 tags.", code="TagLimitExceeded")

    picky = Picky(cloud.clock)
    picky.hosts = cloud.hosts
    request(picky, *map(ref, range(4)))
    assert write(picky) == 3
    assert state_of(2) == (TagState.FAILED, "More than 50 tags.")
    assert [tag(picky, number) for number in (0, 1, 3)] == ["saturday"] * 3
