"""Which versions count as tested: a majority of the proven servers, and never the word of one."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from patching.documents.assemble import PACKAGE_SET_BYTES, PARAMETERS
from patching.promotion import MOST_PACKAGES, NOTHING, PackageSet, elected

Host = dict[str, str]  # package → the version that it changed to


def of(*hosts: Host) -> PackageSet:
    votes = Counter((name, version) for host in hosts for name, version in host.items())
    changed = Counter(name for host in hosts for name in host)
    return elected(votes, changed, len(hosts))


def test_what_all_tell_is_in_the_set() -> None:
    assert of({"a": "1-1", "b": "2-1"}, {"a": "1-1", "b": "2-1"}) == PackageSet("a=1-1,b=2-1")


def test_the_only_proven_server_decides() -> None:
    assert of({"a": "1-1"}) == PackageSet("a=1-1")


def test_one_of_several_decides_nothing() -> None:
    """Also where the others had nothing to do, or do not have the package at all."""
    assert of({"a": "1-1", "evil": "9-9"}, {"a": "1-1"}, {}) == PackageSet(
        "a=1-1", "Not promoted: evil (told by 1 of 3 proven servers alone)."
    )
    assert of({"evil": "9-9"}, {}).text == NOTHING


def test_packages_of_a_role_that_two_servers_have_are_in() -> None:
    assert (
        of({"a": "1-1", "pg": "5-1"}, {"a": "1-1", "pg": "5-1"}, {"a": "1-1"}, {"a": "1-1"}).text
        == "a=1-1,pg=5-1"
    )


def test_one_liar_does_not_outvote_two() -> None:
    assert of({"a": "9-9"}, {"a": "1-1"}, {"a": "1-1"}).text == "a=1-1"


def test_without_a_majority_the_package_is_left_out_alone() -> None:
    found = of(*[{"a": "9-9", "b": "1-1"}] * 2, *[{"a": "1-1", "b": "1-1"}] * 2)
    assert found == PackageSet("b=1-1", "Not promoted: a (the proven servers differ, 2 of 4 have 9-9).")


def test_more_than_fits_is_left_out_and_said_and_what_most_tell_comes_first() -> None:
    flood = {f"pkg-{number:03}": "1.0-1" for number in range(500)}
    found = of(flood | {"z": "1-1"}, flood | {"z": "1-1"}, {"z": "1-1"})
    pairs = found.text.split(",")
    assert len(pairs) == MOST_PACKAGES
    assert "z=1-1" in pairs
    assert found.left_out.endswith("and 96 more.")
    long = {f"{number:03}{'x' * 80}": "1.0-1" for number in range(200)}
    assert len(of(long).text) <= PACKAGE_SET_BYTES


def test_what_cannot_be_written_into_a_command_never_is() -> None:
    assert of({"libc6:i386": "1-1", "a": "1-1"}) == PackageSet(
        "a=1-1", "Not promoted: libc6:i386 (it cannot be written into a command)."
    )


texts = st.text(max_size=20) | st.sampled_from(["a", "b", "libc6", "1-1", "2-1", "1,b=2", "$(id)", "x\n"])
fleets = st.lists(st.dictionaries(texts, texts, max_size=6), min_size=3, max_size=7)


@given(fleets, st.dictionaries(texts, texts, max_size=30))
def test_no_word_of_one_server_puts_a_version_in_or_breaks_the_parameter(
    honest: list[Host], liar: Host
) -> None:
    found = of(*honest, liar)
    assert re.fullmatch(PARAMETERS["PackageSet"]["allowedPattern"], found.text)
    told: dict[str, set[str]] = defaultdict(set)
    for host in honest:
        for name, version in host.items():
            told[name].add(version)
    for pair in [] if found.text == NOTHING else found.text.split(","):
        name, _, version = pair.partition("=")
        assert version in told[name]
