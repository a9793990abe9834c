"""AWS's error answers, made outside moto: one code and message in the shape of each protocol."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from lab.web.calls import Call

_JSON_CODE = re.compile(r'"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"')
_XML_CODE = re.compile(r"<Code>([^<]+)</Code>")


@dataclass(frozen=True)
class Refusal:
    """An error as AWS tells it."""

    status: int
    code: str
    message: str


class RefusedCall(Exception):
    """An error that moto's model of a service does not know."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def number(self) -> int:
        return int(self.status.split()[0])


def answer_of(call: Call, refusal: Refusal) -> Answer:
    """The refusal in the protocol of the call."""
    request_id = str(uuid.uuid4())
    if call.protocol in ("json", "rest"):
        body = json.dumps({"__type": refusal.code, "message": refusal.message})
        kind = "application/x-amz-json-1.1"
    else:
        body, kind = xml(call.protocol, refusal, request_id), "text/xml"
    headers = [
        ("Content-Type", kind),
        ("x-amzn-RequestId", request_id),
        ("Content-Length", str(len(body.encode()))),
        *([("x-amzn-ErrorType", refusal.code)] if call.protocol == "rest" else []),
    ]
    return Answer(f"{refusal.status} {refusal.code}", headers, body.encode())


def xml(protocol: str, refusal: Refusal, request_id: str) -> str:
    code, message = escape(refusal.code), escape(refusal.message)
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    if protocol == "ec2":
        errors = f"<Errors><Error>{error}</Error></Errors>"
        return f"{head}<Response>{errors}<RequestID>{request_id}</RequestID></Response>"
    if protocol == "s3":
        return f"{head}<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    sender = f"<Error><Type>Sender</Type>{error}</Error>"
    return f"{head}<ErrorResponse>{sender}<RequestId>{request_id}</RequestId></ErrorResponse>"


def code_in(answer: Answer) -> str:
    """AWS's error code in an answer; empty when it is none."""
    if answer.number < 400:
        return ""
    text = answer.body.decode("utf-8", "replace")
    found = _JSON_CODE.search(text) or _XML_CODE.search(text)
    return found[1] if found else str(answer.number)


def unimplemented(call: Call) -> Refusal:
    """What AWS says to an operation that it does not know."""
    what = f"The simulated AWS does not implement {call.service}:{call.operation or '(no operation)'}."
    unknown = "UnknownOperationException"
    codes = {"json": unknown, "rest": unknown, "s3": "NotImplemented"}
    status = 501 if call.protocol == "s3" else 400
    return Refusal(status, codes.get(call.protocol, "InvalidAction"), what)


def is_page(answer: Answer) -> bool:
    """Whether a framework's HTML page stands where AWS's answer belongs."""
    kind: Any = {name.lower(): value for name, value in answer.headers}.get("content-type", "")
    return answer.number >= 400 and "html" in kind
