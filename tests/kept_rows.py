"""Rows that all tests of a module start from, made once: each test's own changes are rolled back to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

Made = TypeVar("Made")


@contextmanager
def kept_rows(blocker: DjangoDbBlocker, make: Callable[[], Made]) -> Iterator[Made]:
    """For a fixture of a module: what `make` returned; what it wrote goes with the module.

    The tests work in savepoints of this transaction, so none of them may need a real commit (`transaction=True`).
    """
    with ExitStack() as stack:
        with blocker.unblock():
            around = transaction.atomic()
            around.__enter__()
            stack.callback(_undo, blocker, around)
            made = make()
            connection.check_constraints()  # now, as a commit would: a table with checks to come cannot be altered
        yield made


def _undo(blocker: DjangoDbBlocker, around: transaction.Atomic) -> None:
    with blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)
