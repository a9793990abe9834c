"""What the agents stored: found where they put it, and read within bounds for each host alone."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from aws.errors import AccessRefused, Throttled, TooSlow
from portal.evidence.outputs import HOST_KEYS, HOST_TIME, OBJECT_BYTES, NotRead, Outputs, new_output_prefix
from tests.fake_s3 import FakeObjects
from tests.fakes import Clock, FakeCloud, raising

ABOVE = "output/111122223333/secret/c-1"
STDOUT = "awsrunShellScript/patch/stdout"


class Huge:
    """An object of 3 GB that gives out what is asked of its end."""

    def __getitem__(self, part: slice) -> bytes:
        assert part.start is not None, "the whole object is asked for"
        assert -OBJECT_BYTES <= part.start < 0, f"{-part.start} bytes are asked for"
        return b"x" * -part.start


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud(Clock())


def outputs(cloud: FakeCloud) -> Outputs:
    return Outputs(FakeObjects(cloud), "output/111122223333/secret", "c-1", cloud.clock)


def of(cloud: FakeCloud, instance_id: str = "i-1") -> list[bytes]:
    return list(outputs(cloud).of(instance_id))


def test_a_place_names_the_account_and_cannot_be_guessed() -> None:
    places = {new_output_prefix("111122223333") for _ in range(100)}
    assert len(places) == 100
    assert all(len(place.removeprefix("output/111122223333/")) == 32 for place in places)


@pytest.mark.parametrize("step", ["awsrunShellScript/patch", "awsrunPowerShellScript/0.patch"])
def test_the_output_is_found_where_the_agent_puts_it(cloud: FakeCloud, step: str) -> None:
    cloud.stored = {
        f"{ABOVE}/i-1/{step}/stderr": b"warning",
        f"{ABOVE}/i-1/{step}/stdout": b"ok \xff end",
        f"{ABOVE}/i-10/{STDOUT}": b"another host",
        f"output/111122223333/secret/c-2/i-1/{STDOUT}": b"another command",
    }
    assert of(cloud) == [b"ok \xff end"]
    assert of(cloud, "i-10") == [b"another host"]
    assert of(cloud, "i-2") == []


def test_all_hosts_of_a_command_cost_one_listing(cloud: FakeCloud) -> None:
    cloud.stored = {f"{ABOVE}/i-{number}/{STDOUT}": b"x" for number in range(50)}
    command = outputs(cloud)
    assert [list(command.of(f"i-{number}")) for number in range(50)] == [[b"x"]] * 50
    assert len(cloud.called("ListObjectsV2")) == 1


def test_an_object_that_vanishes_between_list_and_read_is_none(cloud: FakeCloud) -> None:
    cloud.stored = {f"{ABOVE}/i-1/{STDOUT}": b"x"}
    cloud.before = lambda name: cloud.stored.clear() if name == "GetObject" else None
    assert of(cloud) == []


def test_an_output_planted_before_the_true_one_does_not_hide_it(cloud: FakeCloud) -> None:
    cloud.stored = {f"{ABOVE}/i-1/AAA/stdout": b"planted", f"{ABOVE}/i-1/{STDOUT}": b"true"}
    assert of(cloud) == [b"planted", b"true"]


def test_of_many_outputs_a_few_are_read(cloud: FakeCloud) -> None:
    cloud.stored = {f"{ABOVE}/i-1/{letter}/stdout": b"x" for letter in "abcdefgh"}
    with pytest.raises(NotRead, match="More than 4 outputs lie in its folder"):
        of(cloud)
    assert len(cloud.called("GetObject")) == 4


@pytest.mark.parametrize("folder", ["i-1/", "!/", ""])
def test_five_thousand_keys_take_nothing_from_a_neighbour(cloud: FakeCloud, folder: str) -> None:
    """In one host's own folder, or below the command, in front of everybody's."""
    cloud.stored = {f"{ABOVE}/{folder}{number:04}/stdout": b"" for number in range(5_000)}
    cloud.stored |= {f"{ABOVE}/i-2/{STDOUT}": b"mine"}
    command = outputs(cloud)
    assert list(command.of("i-2")) == [b"mine"]
    if folder == "i-1/":
        with pytest.raises(NotRead, match=f"More than {HOST_KEYS} objects lie in its folder"):
            list(command.of("i-1"))
    assert not [key for (key,) in cloud.called("GetObject") if "/i-2/" not in key]


def test_of_three_gigabytes_the_end_is_read_in_bounded_memory(cloud: FakeCloud) -> None:
    stored: dict[str, Any] = cloud.stored
    stored[f"{ABOVE}/i-1/{STDOUT}"] = Huge()
    stored[f"{ABOVE}/i-2/{STDOUT}"] = b"mine"
    tracemalloc.start()
    try:
        assert [len(raw) for raw in of(cloud)] == [OBJECT_BYTES]
        assert tracemalloc.get_traced_memory()[1] < 4 * OBJECT_BYTES
    finally:
        tracemalloc.stop()
    assert of(cloud, "i-2") == [b"mine"]


def test_a_slow_host_ends_with_its_own_time(cloud: FakeCloud) -> None:
    cloud.stored = {f"{ABOVE}/i-1/{name}/stdout": b"x" for name in "ab"} | {f"{ABOVE}/i-2/{STDOUT}": b"mine"}
    cloud.before = lambda name: (
        cloud.clock.forward(HOST_TIME.total_seconds()) if name == "GetObject" else None
    )
    command = outputs(cloud)
    with pytest.raises(NotRead, match="could not be read within 30 seconds"):
        list(command.of("i-1"))
    assert len(cloud.called("GetObject")) == 1
    assert list(command.of("i-2")) == [b"mine"]


def test_an_object_that_trickles_is_left(cloud: FakeCloud) -> None:
    cloud.stored = {f"{ABOVE}/i-1/{STDOUT}": b"x"}
    raising(cloud, "GetObject", TooSlow("too slow"))
    with pytest.raises(NotRead, match="could not be read within 30 seconds"):
        of(cloud)


def test_an_object_that_its_writer_locked_is_that_hosts_trouble(cloud: FakeCloud) -> None:
    """Encrypted with a key of its own account, or put into a storage class that must be restored first."""
    cloud.stored = {f"{ABOVE}/i-{number}/{STDOUT}": b"mine" for number in (1, 2)}
    raising(cloud, "GetObject", AccessRefused("kms:Decrypt is not allowed."))
    command = outputs(cloud)
    with pytest.raises(NotRead, match="cannot be read: kms:Decrypt is not allowed"):
        list(command.of("i-1"))
    assert list(command.of("i-2")) == [b"mine"]


def test_throttling_is_no_judgement(cloud: FakeCloud) -> None:
    cloud.stored = {f"{ABOVE}/i-1/{STDOUT}": b"x"}
    raising(cloud, "GetObject", Throttled("slow down"))
    with pytest.raises(Throttled):
        of(cloud)
