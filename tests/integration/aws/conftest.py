"""An AWS of a few lines that answers as told, and stock moto: both see the real SDK on a real socket or hook."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from moto import mock_aws

from aws.ports import SendRequest
from aws.session import AccountAccess, AwsCloud

PORTAL_ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"
REGION = "eu-central-1"
DROP = "drop"  # accept the request, then close the connection without an answer


@dataclass
class Request:
    operation: str
    headers: dict[str, str]
    fields: dict[str, str]


@dataclass
class ScriptedAws:
    """Answers each operation from `answers`: (status, body), DROP, or a function of the request."""

    url: str = ""
    answers: dict[str, object] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    keys_valid_s: int = 3600

    def count(self, operation: str) -> int:
        return sum(1 for request in self.requests if request.operation == operation)

    def last(self, operation: str) -> Request:
        return next(one for one in reversed(self.requests) if one.operation == operation)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: ScriptedAws

    def do_POST(self) -> None:
        request = self._read()
        self.script.requests.append(request)
        answer = self.script.answers.get(request.operation, (200, "{}"))
        if callable(answer):
            answer = answer(request)
        if answer == DROP:
            self.close_connection = True
            return
        self._write(*answer)

    def _read(self) -> Request:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if target := self.headers.get("X-Amz-Target"):
            return Request(target.rsplit(".")[-1], dict(self.headers), json.loads(body))
        fields = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        return Request(fields["Action"], dict(self.headers), fields)

    def _write(self, status: int, body: str) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1" if body[:1] == "{" else "text/xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _portal_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_MAX_ATTEMPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", PORTAL_ACCOUNT)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.fixture(autouse=True)
def _no_pause_between_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


@pytest.fixture
def scripted() -> Iterator[ScriptedAws]:
    script = ScriptedAws()
    handler = type("Handler", (_Handler,), {"script": script})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    script.answers["AssumeRole"] = lambda request: (200, assumed(request, script.keys_valid_s))
    script.answers["GetCallerIdentity"] = (200, identity(PORTAL_ACCOUNT))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def moto_cloud() -> Iterator[AwsCloud]:
    with mock_aws():
        yield make_cloud()


def make_cloud(url: str | None = None, **options: object) -> AwsCloud:
    accounts = {
        PORTAL_ACCOUNT: AccountAccess(PORTAL_ACCOUNT, "", ""),
        OTHER_ACCOUNT: AccountAccess(OTHER_ACCOUNT, "PatchPortal", "demo-external-id", (REGION,)),
    }
    return AwsCloud(accounts, portal_region=REGION, endpoint_url=url, **options)  # type: ignore[arg-type]


def assumed(request: Request, valid_s: int) -> str:
    until = (datetime.now(UTC) + timedelta(seconds=valid_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>"
        "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        f"<Expiration>{until}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )


def identity(account_id: str) -> str:
    return (
        "<GetCallerIdentityResponse><GetCallerIdentityResult>"
        f"<Account>{account_id}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )


def ec2_error(code: str, message: str) -> str:
    return f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"


def ssm_error(code: str, message: str = "Rate exceeded") -> str:
    return json.dumps({"__type": code, "message": message})


NO_INSTANCES = (200, "<DescribeInstancesResponse></DescribeInstancesResponse>")


def a_send(count: int = 1, comment: str = "pp:1") -> SendRequest:
    ids = [f"i-{number:017x}" for number in range(count)]
    return SendRequest(
        "PatchPortal-Patch-Linux", "3", ids, {"Mode": ["all"]}, comment, 600, "bucket", "runs/1"
    )
