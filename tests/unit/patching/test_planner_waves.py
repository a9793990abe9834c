"""Who is in which wave: everybody in exactly one, a canary of every system, the same at each planning."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from patching.planner import Member, assign_waves
from patching.policy.waves import WaveRule

SYSTEMS = ("Debian GNU/Linux", "Amazon Linux", "Windows Server")


def host(number: int, system: str = SYSTEMS[0], **tags: str) -> Member:
    platform = "windows" if "Windows" in system else "linux"
    return Member(number, platform, system, tags)


def members(assigned: dict[int, int], wave: int) -> set[int]:
    return {asset for asset, number in assigned.items() if number == wave}


def test_a_canary_meets_every_system() -> None:
    hosts = [host(number, SYSTEMS[number % 3 if number < 6 else 0]) for number in range(1, 31)]
    canary = members(assign_waves(hosts, [WaveRule("Canary", count=3)]), 1)
    assert {item.os_name for item in hosts if item.key in canary} == set(SYSTEMS)


def test_a_share_is_of_all_servers_and_rounds_up() -> None:
    assigned = assign_waves([host(number) for number in range(1, 32)], [WaveRule("A", percent=10)])
    assert len(members(assigned, 1)) == 4
    assert len(members(assigned, 2)) == 27


def test_a_tag_takes_those_that_bear_it_and_nobody_twice() -> None:
    hosts = [host(1, Environment="test"), host(2, Environment="prod"), host(3, Environment="test"), host(4)]
    rules = [WaveRule("Canary", count=1), WaveRule("Test", tag="Environment", values=("test",))]
    assert assign_waves(hosts, rules) == {1: 1, 3: 2, 2: 3, 4: 3}


RULES = st.lists(
    st.one_of(
        st.builds(WaveRule, st.just("c"), count=st.integers(1, 9)),
        st.builds(WaveRule, st.just("p"), percent=st.integers(1, 100)),
        st.builds(WaveRule, st.just("t"), tag=st.just("Environment"), values=st.just(("test",))),
    ),
    max_size=5,
)
HOSTS = st.lists(st.tuples(st.sampled_from(SYSTEMS), st.sampled_from(["test", "prod"])), max_size=30)


@given(HOSTS, RULES)
def test_everybody_is_in_exactly_one_wave_and_always_the_same(
    kinds: list[tuple[str, str]], rules: list[WaveRule]
) -> None:
    hosts = [host(number, system, Environment=place) for number, (system, place) in enumerate(kinds)]
    assigned = assign_waves(hosts, rules)
    assert set(assigned) == {item.key for item in hosts}
    assert set(assigned.values()) <= set(range(1, len(rules) + 2))
    assert assign_waves(hosts[::-1], rules) == assigned
