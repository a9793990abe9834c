"""What one HTTP request asks of AWS, and the log of all that was asked."""

from __future__ import annotations

import io
import json
import re
import threading
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_CLIENT = re.compile(r"\bapp/([^\s]+)")  # AWS_SDK_UA_APP_ID of whoever calls
_INSTANCE_ID = re.compile(r"\bi-[0-9a-f]{8,17}\b")
_QUERY_SERVICES = frozenset(
    {"ec2", "sts", "sns", "iam", "autoscaling", "cloudformation", "monitoring", "rds"}
)
_S3_OPERATIONS = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
_S3_BUCKET_OPERATIONS = {
    "GET": "ListObjectsV2",
    "PUT": "CreateBucket",
    "HEAD": "HeadBucket",
    "DELETE": "DeleteBucket",
}
# A bucket's or object's part that a query names → the end of the operation's name; the method is its beginning.
S3_PARTS = {
    "policy": "BucketPolicy",
    "ownershipControls": "BucketOwnershipControls",
    "publicAccessBlock": "BucketPublicAccessBlock",  # IAM's name; the API leaves out "Bucket"
    "versioning": "BucketVersioning",
    "acl": "ObjectAcl",
    "tagging": "ObjectTagging",
}
S3_VERBS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "POST": "Put", "DELETE": "Delete"}


@dataclass
class Call:
    """One call: who, where, what. `account` is filled in when the credentials are known."""

    service: str
    operation: str
    region: str
    access_key: str
    session_token: str
    body: bytes
    protocol: str  # json | query | ec2 | s3 | rest
    account: str = ""
    client: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def instance_ids(self) -> list[str]:
        """Instances that the request names, each once."""
        text = self.body.decode("utf-8", "replace") if self.service in ("ec2", "ssm") else ""
        return list(dict.fromkeys(_INSTANCE_ID.findall(text)))

    @property
    def tags(self) -> dict[str, str]:
        """What CreateTags or DeleteTags names."""
        keys = {name: value for name, value in self.fields.items() if re.fullmatch(r"Tag\.\d+\.Key", name)}
        return {key: self.fields.get(name.replace(".Key", ".Value"), "") for name, key in keys.items()}


def call_of(environ: dict[str, Any]) -> Call:
    """Reads a request; the body is put back for whoever reads it next."""
    found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = found.groups() if found else ("", "us-east-1", "")
    body = read_body(environ)
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    protocol = protocol_of(service, target)
    fields = fields_of(protocol, body, environ)
    client = _CLIENT.search(environ.get("HTTP_USER_AGENT", ""))
    return Call(
        service=service or target.partition(".")[0],
        operation=operation_of(protocol, target, fields, environ),
        region=region,
        access_key=key,
        session_token=environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""),
        body=body,
        protocol=protocol,
        client=client[1] if client else "",
        fields=fields,
    )


def read_body(environ: dict[str, Any]) -> bytes:
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body = bytes(environ["wsgi.input"].read())
    else:
        body = bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def protocol_of(service: str, target: str) -> str:
    if target:
        return "json"
    if service == "ec2":
        return "ec2"
    if service in _QUERY_SERVICES:
        return "query"
    return "s3" if service in ("s3", "") else "rest"


def fields_of(protocol: str, body: bytes, environ: dict[str, Any]) -> dict[str, Any]:
    if protocol == "json":
        try:
            found = json.loads(body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
    if protocol in ("s3", "rest"):
        return {}
    text = body.decode("utf-8", "replace") or environ.get("QUERY_STRING", "")
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def operation_of(protocol: str, target: str, fields: dict[str, Any], environ: dict[str, Any]) -> str:
    if protocol == "json":
        return target.rpartition(".")[2]
    if protocol in ("ec2", "query"):
        return str(fields.get("Action", ""))
    method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "/").strip("/")
    if protocol == "rest":  # such services name the operation by method and path
        return f"{method} /{path}"
    key = path.partition("/")[2]
    asked = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if part := next((S3_PARTS[name] for name in asked if name in S3_PARTS), ""):
        return f"{S3_VERBS.get(method, method)}{part}"
    return (_S3_OPERATIONS if key else _S3_BUCKET_OPERATIONS).get(method, method)


@dataclass
class Entry:
    """One line of the log."""

    seq: int
    at: str
    client: str
    account: str
    region: str
    service: str
    operation: str
    instance_ids: list[str]
    command_id: str
    tags: dict[str, str]
    status: int
    error: str


class CallLog:
    """Every AWS call in the order in which it was answered."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def add(self, call: Call, status: int, error: str, command_id: str) -> None:
        """`error` is AWS's code, or what the lab did to the call; `command_id` from request or answer."""
        with self._lock:
            self._entries.append(
                Entry(
                    seq=len(self._entries) + 1,
                    at=datetime.now(UTC).isoformat(),
                    client=call.client,
                    account=call.account,
                    region=call.region,
                    service=call.service,
                    operation=call.operation,
                    instance_ids=call.instance_ids,
                    command_id=command_id or str(call.fields.get("CommandId", "")),
                    tags=call.tags,
                    status=status,
                    error=error,
                )
            )

    def since(self, seq: int) -> list[dict[str, Any]]:
        """Entries after `seq`."""
        with self._lock:
            return [asdict(entry) for entry in self._entries[max(0, seq) :]]
