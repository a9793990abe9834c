"""The real `Cloud`: one assumed role per account, clients cached per account, region, service and retry."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from botocore.client import BaseClient
from botocore.credentials import CredentialResolver
from botocore.session import Session

from aws import codes
from aws.bucket import BucketAdapter
from aws.calls import Calls, Retry
from aws.cloudwatch import CloudWatchAdapter
from aws.credentials import AssumedRole
from aws.ec2 import Ec2Adapter
from aws.errors import AccessRefused
from aws.load_balancing import TargetGroupsAdapter
from aws.s3 import S3Adapter
from aws.silence import Circuits, Silence
from aws.sns import SnsAdapter
from aws.sqs import SqsAdapter
from aws.ssm import SsmAdapter
from aws.sts import EntranceAdapter, StsAdapter
from aws.translate import CallSite, telling

SESSION_NAME = "patch-portal"
PORTAL = "portal"  # key of the portal's own credentials among the accounts


@dataclass(frozen=True)
class AccountAccess:
    """How the portal enters one account. An empty role_name means: with the portal's own credentials."""

    account_id: str
    role_name: str
    external_id: str
    regions: tuple[str, ...] = ()


class Limiter(Protocol):
    """Waits, or raises Throttled, until this call fits into AWS's rate. Asked once per call and per page."""

    def acquire(self, account_id: str, region: str, operation: str) -> None: ...

    def throttled(self, account_id: str, region: str, operation: str) -> None:
        """AWS refused a call for its rate: the limiter may slow down."""
        ...


AccountSource = Callable[[], Iterable[AccountAccess]] | Mapping[str, AccountAccess]


class AwsCloud:
    """`aws.ports.Cloud` on boto's SDK. Safe to share between threads; make one per process.

    `accounts` is read at each `ec2`, `ssm` and `identity`, so a changed role counts from the next one.
    `endpoint_url` None leaves it to AWS_ENDPOINT_URL.
    """

    def __init__(
        self,
        accounts: AccountSource,
        *,
        portal_region: str,
        endpoint_url: str | None = None,
        limiter: Limiter | None = None,
        circuits: Circuits | None = None,
    ) -> None:
        self._accounts = accounts
        self._portal_region = portal_region
        self._endpoint_url = endpoint_url
        self._limiter, self._circuits = limiter, circuits
        self._lock = threading.RLock()
        self._portal_session = Session()
        self._sessions: dict[str, tuple[AccountAccess, Session]] = {}
        self._clients: dict[tuple[str, str, str, Retry], BaseClient] = {}
        self._own_account = ""

    def ec2(self, account_id: str, region: str) -> Ec2Adapter:
        """EC2 of one account and region. Raises AccessRefused for an account that nobody connected."""
        return Ec2Adapter(self._calls(account_id, region, "ec2"))

    def ssm(self, account_id: str, region: str) -> SsmAdapter:
        """Systems Manager of one account and region. Raises AccessRefused as `ec2` does."""
        return SsmAdapter(self._calls(account_id, region, "ssm"))

    def alarms(self, account_id: str, region: str) -> CloudWatchAdapter:
        """CloudWatch alarms of one account and region. Raises AccessRefused as `ec2` does."""
        return CloudWatchAdapter(self._calls(account_id, region, "cloudwatch"))

    def target_groups(self, account_id: str, region: str) -> TargetGroupsAdapter:
        """Load balancers' target groups of one account and region. Raises AccessRefused as `ec2` does."""
        return TargetGroupsAdapter(self._calls(account_id, region, "elbv2"))

    def identity(self, account_id: str) -> StsAdapter:
        """Who the portal is inside an account: the test of role and external id."""
        return StsAdapter(self._calls(account_id, self._portal_region, "sts"))

    def entrance(self, account_id: str) -> EntranceAdapter:
        """The door of an account's role, tried with the portal's own credentials. Raises as `ec2` does."""
        role = self._role(replace(self._access(account_id), external_id=""))
        calls = Calls(account_id, self._portal_region, functools.partial(self._own_client, "sts"))
        return EntranceAdapter(calls, role)

    def objects(self) -> S3Adapter:
        """Objects in S3 with the portal's own credentials."""
        calls = Calls(PORTAL, self._portal_region, functools.partial(self._own_client, "s3"))
        return S3Adapter(calls, self.own_account)

    def bucket(self, name: str) -> BucketAdapter:
        """Policy and settings of a bucket, read with the portal's own credentials."""
        calls = Calls(PORTAL, self._portal_region, functools.partial(self._own_client, "s3"))
        return BucketAdapter(calls, name, self.own_account)

    def own_account(self) -> str:
        """The account of the portal's own credentials; AWS is asked once. Raises AccessRefused without any."""
        if not self._own_account:
            calls = Calls(PORTAL, self._portal_region, functools.partial(self._own_client, "sts"))
            self._own_account = StsAdapter(calls).account_id()
        return self._own_account

    def queue(self) -> SqsAdapter:
        """Queues in the portal's region with the portal's own credentials."""
        return SqsAdapter(Calls(PORTAL, self._portal_region, functools.partial(self._own_client, "sqs")))

    def topics(self) -> SnsAdapter:
        """Topics in the portal's region with the portal's own credentials."""
        return SnsAdapter(Calls(PORTAL, self._portal_region, functools.partial(self._own_client, "sns")))

    def _calls(self, account_id: str, region: str, service: str) -> Calls:
        access = self._access(account_id)

        def client_for(retry: Retry) -> BaseClient:
            session = self._session(access)
            return self._client(session, (account_id, region, service, retry))

        return Calls(account_id, region, client_for)

    def _access(self, account_id: str) -> AccountAccess:
        source = self._accounts
        known = source.values() if isinstance(source, Mapping) else source()
        for access in known:
            if access.account_id == account_id:
                return access
        raise AccessRefused(f"Account {account_id} is not connected to the portal.", code="UnknownAccount")

    def _session(self, access: AccountAccess) -> Session:
        known = self._sessions.get(access.account_id)
        if known is not None and known[0] == access:  # nobody waits for another place's first call
            return known[1]
        with self._lock:
            held = self._sessions.get(access.account_id)
            if held is None or held[0] != access:
                held = (access, self._enter(access))
                self._forget_clients(access.account_id)
                self._sessions[access.account_id] = held
            return held[1]

    def _enter(self, access: AccountAccess) -> Session:
        if not access.role_name:
            return self._own_session(access.account_id)
        session = Session()
        # Reading the service descriptions costs most of a new client; all accounts share one reader.
        session.register_component("data_loader", self._portal_session.get_component("data_loader"))
        role = AssumedRole(self._own_client("sts", Retry.AGAIN), self._role(access))
        session.register_component("credential_provider", CredentialResolver([role]))
        return session

    def _role(self, access: AccountAccess) -> dict[str, str]:
        partition = self._portal_session.get_partition_for_region(self._portal_region)
        role = {
            "RoleArn": f"arn:{partition}:iam::{access.account_id}:role/{access.role_name}",
            "RoleSessionName": SESSION_NAME,
        }
        return role | ({"ExternalId": access.external_id} if access.external_id else {})

    def _own_session(self, account_id: str) -> Session:
        if self.own_account() != account_id:
            raise AccessRefused(
                f"Account {account_id} has no role name, and the portal's own is {self.own_account()}.",
                code="NoRole",
            )
        return self._portal_session

    def _own_client(self, service: str, retry: Retry) -> BaseClient:
        return self._client(self._portal_session, (PORTAL, self._portal_region, service, retry))

    def _client(self, session: Session, key: tuple[str, str, str, Retry]) -> BaseClient:
        if known := self._clients.get(key):
            return known
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._new_client(session, key)
            return self._clients[key]

    def _new_client(self, session: Session, key: tuple[str, str, str, Retry]) -> BaseClient:
        account_id, region, service, retry = key
        with telling(CallSite(f"opening {service}", account_id, region)):
            client = session.create_client(
                service, region_name=region, endpoint_url=self._endpoint_url, config=retry.config
            )
        client.meta.events.register("after-call", functools.partial(self._forget_if_stale, account_id))
        Silence(self._circuits, account_id, region, service, retry).watch(client)
        if self._limiter is not None:
            before = functools.partial(_acquire, self._limiter, account_id, region)
            client.meta.events.register("before-call", before)
            slow = functools.partial(_tell_throttled, self._limiter, account_id, region)
            client.meta.events.register("after-call", slow)
        return client

    def _forget_if_stale(self, account_id: str, *, parsed: Mapping[str, Any], **_: Any) -> None:
        """A role that was removed and made again must not wait an hour for its old keys to end."""
        if parsed.get("Error", {}).get("Code") in codes.STALE_CREDENTIALS:
            with self._lock:
                self._sessions.pop(account_id, None)
                self._forget_clients(account_id)

    def _forget_clients(self, account_id: str) -> None:
        for key in [key for key in self._clients if key[0] == account_id]:
            del self._clients[key]


def _acquire(limiter: Limiter, account_id: str, region: str, *, model: Any, **_: Any) -> None:
    limiter.acquire(account_id, region, model.name)


def _tell_throttled(
    limiter: Limiter, account_id: str, region: str, *, parsed: Mapping[str, Any], model: Any, **_: Any
) -> None:
    if parsed.get("Error", {}).get("Code") in codes.THROTTLING:
        limiter.throttled(account_id, region, model.name)
