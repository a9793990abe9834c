"""Asking only after writes must miss nothing: each rule names every table that it reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patching.invariants.violation import Ids, Violation
from tests.simulation.world import AT_EACH_STEP

TABLE = re.compile(r'(?:FROM|JOIN) "(\w+)"')
# Its lease is written by every look, which would mean always asking; at the end of a seed every rule is asked anyway.
EACH_LOOK = {"patching_run"}


@pytest.mark.django_db
@pytest.mark.parametrize("rule", AT_EACH_STEP)
def test_a_rule_is_asked_after_a_write_to_any_table_that_it_reads(
    rule: Callable[[Ids], Iterator[Violation]],
) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert not list(rule([1]))
    read = {table for query in asked for table in TABLE.findall(query["sql"])}
    assert read - EACH_LOOK == AT_EACH_STEP[rule]
