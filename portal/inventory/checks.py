"""Tries what the portal needs in AWS, and compares the results bucket with what is generated.

Changes nothing but one small object a day in the bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.utils import timezone

from aws.errors import CloudError, Missing, Refused
from aws.policies import BUCKET_SETTINGS, bucket_policy
from aws.ports import Cloud
from portal.evidence.trial import write_and_read
from portal.inventory.models import Account, Asset
from portal.inventory.setup import names
from portal.inventory.trials import ENTERING, Trial, trials_of
from portal.inventory.trust import doors_of
from portal.isolation import isolated

Found = TypeVar("Found")
POLICY = "Policy of the results bucket"
KEEP = "Write a report into the results bucket, and read it back"
NO_ROLE = "It cannot be checked: AWS_PORTAL_ROLE_ARN is not set, so the portal does not know which role it should name."


class Tried(NamedTuple):
    """`works` is None where it cannot be checked; `said` is why not, or what is wrong, in a sentence.

    `actions` are those of IAM that were tried by it, in the role of the account. `code` is AWS's, of a refusal.
    """

    what: str
    works: bool | None
    said: str
    actions: tuple[str, ...] = ()
    code: str = ""


def try_account(account: Account, *, cloud: Cloud) -> list[Tried]:
    """All that can be tried without doing it (portal/inventory/trials.py); AWS's sentence where it is refused."""
    enter = Trial("Enter the account", ENTERING, lambda: cloud.identity(account.account_id).account_id())
    results = [_tried(enter)]
    if not results[0].works:
        return results
    results += map(_tried, doors_of(account, cloud))
    for region in account.regions:
        known = Asset.objects.present().filter(account=account, region=region).order_by("pk")
        sample = known.values_list("instance_id", flat=True).first()
        results += map(_tried, trials_of(cloud, account.account_id, region, sample))
    return results


def _tried(trial: Trial) -> Tried:
    """What AWS merely did not answer is neither allowed nor refused."""
    said: list[str] = []
    works: bool | None = False
    code = ""
    with isolated("account_check_failed", said.append, tried=trial.what):
        try:
            trial.ask()
        except Refused as error:
            code = error.code
            raise
        except CloudError:
            works = None
            raise
        works = True
    return Tried(trial.what, works, "".join(said), trial.actions, code)


def check_bucket(*, cloud: Cloud) -> list[Tried]:
    """The bucket that hosts of all accounts write to: its policy, and the settings that no policy can replace."""
    bucket = cloud.bucket(settings.RESULTS_BUCKET)
    keep = Trial(KEEP, (), lambda: write_and_read(cloud.objects(), day=timezone.now().date()))
    owner, block = BUCKET_SETTINGS["object_ownership"], BUCKET_SETTINGS["public_access_block"]
    return [
        _tried(keep),
        _compared(POLICY, bucket.policy, _policy_differs) if settings.AWS_PORTAL_ROLE_ARN
        else Tried(POLICY, None, NO_ROLE),
        _compared("Object ownership of the results bucket", bucket.ownership, _wanted(owner)),
        _compared("Public access to the results bucket", bucket.public_access_block, _block_differs(block)),
        _compared("Versioning of the results bucket", bucket.versioning, _wanted(BUCKET_SETTINGS["versioning"])),
    ]  # fmt: skip


def _compared(what: str, ask: Callable[[], Found], differs: Callable[[Found], str]) -> Tried:
    """What may not be read is not fine: it cannot be checked."""
    try:
        said = differs(ask())
    except Missing as error:
        return Tried(what, False, str(error))
    except CloudError as error:
        return Tried(what, None, f"It cannot be checked: {error}")
    return Tried(what, not said, said)


def _wanted(value: Any) -> Callable[[str], str]:
    return lambda found: "" if found == value else f"It is {found or 'not set'}; set it to {value}."


def _block_differs(wanted: Any) -> Callable[[Mapping[str, bool]], str]:
    def differs(found: Mapping[str, bool]) -> str:
        off = [name for name in wanted if found.get(name) is not True]
        return f"{', '.join(off)} {'is' if len(off) == 1 else 'are'} off; switch all four on." if off else ""

    return differs


def _policy_differs(found: dict[str, Any]) -> str:
    return policy_difference(found, bucket_policy(names()))


def policy_difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Which statements are missing, differ, or allow more; empty when the bucket is held as it should be.

    A further Deny is the owner's matter.
    """
    if not found:
        return "The bucket has no policy. Put the one below on it."
    there, asked = _by_sid(found), _by_sid(wanted)
    missing = [sid for sid in asked if sid not in there]
    other = [
        f"{sid} ({_parts(there[sid], row)})"
        for sid, row in asked.items()
        if sid in there and there[sid] != row
    ]
    more = [sid for sid, row in there.items() if sid not in asked and row.get("Effect") != ["Deny"]]
    said = [
        f"{words} {', '.join(sids)}."
        for words, sids in (("It lacks", missing), ("It differs in", other), ("It also allows", more))
        if sids
    ]
    return " ".join([*said, "The policy below is the one that holds the hosts."]) if said else ""


def _parts(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    return ", ".join(sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key)))


def _by_sid(policy: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Statements as they compare: AWS writes one value with or without a list, and in any order."""
    rows = policy.get("Statement", [])
    made = {}
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
        sid = str(row.get("Sid") or f"statement {number}")
        made[sid] = {key: _plain(value) for key, value in row.items() if key != "Sid"}
    return made


def _plain(value: Any) -> Any:
    if value == {"AWS": "*"}:
        return ["*"]
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    many = value if isinstance(value, list) else [value]
    return sorted(str(one).lower() if isinstance(one, bool) else str(one) for one in many)
