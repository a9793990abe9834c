"""The table of EC2's refusals: which pass, which last, and that every one has an answer."""

from __future__ import annotations

import pytest

from aws.errors import AccessRefused, Ambiguous, CapacityShortage, CloudError, Missing, Refused, Throttled
from aws.power_refusals import REFUSALS, START, STOP, Lasts, known, refusal_of

PROTECTED = (
    "The instance 'i-1' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
)
ONE_TIME = (
    "You can't stop the Spot Instance 'i-1' because it is associated with a one-time Spot Instance request. "
    "You can only stop Spot Instances associated with persistent Spot Instance requests."
)


@pytest.mark.parametrize(
    ("error", "operation", "lasts", "mends"),
    [
        (Refused(PROTECTED, code="OperationNotPermitted"), STOP, Lasts.LASTING, "disableApiStop"),
        (Refused("Managed by another service.", code="OperationNotPermitted"), STOP, Lasts.LASTING, "forbids"),
        (Refused("Managed by another service.", code="OperationNotPermitted"), START, Lasts.LASTING, "forbids"),
        (Refused("It is not ready to hibernate yet.", code="UnsupportedOperation"), STOP, Lasts.PASSING, "minutes"),
        (Refused(ONE_TIME, code="UnsupportedOperation"), STOP, Lasts.LASTING, "persistent"),
        (Refused("No 'ebs' root device type.", code="UnsupportedOperation"), STOP, Lasts.LASTING, ""),
        (Refused("Not now.", code="IncorrectInstanceState"), START, Lasts.PASSING, "just being"),
        (CapacityShortage("Full.", code="ReservationCapacityExceeded"), START, Lasts.PASSING, "Capacity Reservation"),
        (CapacityShortage("A word for no room that is new.", code="Brand.New"), START, Lasts.PASSING, ""),
        (Refused("A word that is new.", code="Brand.New"), START, Lasts.LASTING, ""),
        (Missing("No such instance.", code="InvalidInstanceID.NotFound", ids=("i-1",)), STOP, Lasts.GONE, ""),
        (Missing("No such host.", code="InvalidHostID.NotFound"), START, Lasts.LASTING, "Dedicated Host"),
        (Missing("No such volume.", code="InvalidVolume.NotFound"), START, Lasts.LASTING, ""),
        (Throttled("Too fast.", code="RequestLimitExceeded"), STOP, Lasts.PASSING, ""),
        (Ambiguous("No answer."), STOP, Lasts.PASSING, ""),
        (AccessRefused("No.", code="UnauthorizedOperation"), START, Lasts.PASSING, ""),
    ],
)  # fmt: skip
def test_what_each_means(error: CloudError, operation: str, lasts: Lasts, mends: str) -> None:
    found = refusal_of(error, operation)
    assert found.lasts == lasts
    assert (mends in found.mends) if mends else not found.mends


def test_a_state_reason_is_found_by_its_code_alone() -> None:
    found = known("Client.InternalError", START)
    assert found is not None
    assert found.lasts == Lasts.LASTING
    assert known("Client.UserInitiatedShutdown", START) is None
    assert known("", START) is None


def test_no_row_hides_another() -> None:
    """A row that an earlier one always fits before would never be read."""
    for number, row in enumerate(REFUSALS):
        for earlier in REFUSALS[:number]:
            hidden = earlier.code == row.code and earlier.operation in {"", row.operation}
            assert not (hidden and earlier.said in row.said), f"{row} stands behind {earlier}"


def test_every_sentence_is_one() -> None:
    assert all(row.mends.endswith(".") for row in REFUSALS if row.mends)
