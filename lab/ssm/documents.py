"""SSM documents: what AWS checks when one is made and when one is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml
from moto.core.responses import ActionResult
from moto.ssm.models import Document, ssm_backends
from moto.ssm.responses import SimpleSystemManagerResponse

from lab.ssm import owned_by_aws
from lab.ssm.errors import SSMException, invalid_parameters
from lab.ssm.parameters import is_stored, refusal

MAX_BYTES = 64 * 1024  # content and runtime parameters together
NAME = re.compile(r"[a-zA-Z0-9_\-.]{3,128}")
RESERVED = ("aws", "amazon", "amzn", "AWSEC2", "AWSConfigRemediation", "AWSSupport")
WHOLE_LIST = re.compile(r"\{\{\s*[a-zA-Z0-9]+\s*\}\}")
PARAMETER_NAME = re.compile(r"[a-zA-Z0-9]+")
TYPES = frozenset({"String", "StringList", "Boolean", "Integer", "MapList", "StringMap"})
ACTIONS = {"aws:runShellScript": "Linux", "aws:runPowerShellScript": "Windows"}

_create = SimpleSystemManagerResponse.create_document
_update = SimpleSystemManagerResponse.update_document


def create_document(response: SimpleSystemManagerResponse) -> ActionResult:
    """CreateDocument: moto's, after the checks that AWS makes."""
    check_name(response._get_param("Name"))
    check_new(response)
    return with_platforms(response, _create(response))


def update_document(response: SimpleSystemManagerResponse) -> ActionResult:
    """UpdateDocument: moto's, after the checks that AWS makes."""
    check_new(response)
    return with_platforms(response, _update(response))


def check_new(response: SimpleSystemManagerResponse) -> None:
    if response._get_param("DocumentType", "Command") == "Command":
        text = response._get_param("Content")
        check_content(text, response._get_param("DocumentFormat", "JSON"))


def check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise SSMException(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: ^[a-zA-Z0-9_\-.]{3,128}$",
        )
    if any(name.lower().startswith(prefix.lower()) for prefix in RESERVED):
        raise SSMException("ValidationException", f"Document name {name} begins with a reserved prefix.")


def check_content(text: str, kind: str) -> None:
    """Raises InvalidDocumentContent or MaxDocumentSizeExceeded."""
    if len(text.encode()) > MAX_BYTES:
        raise SSMException("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.")
    try:
        body = yaml.safe_load(text) if kind == "YAML" else json.loads(text)
    except (ValueError, yaml.YAMLError) as problem:
        raise wrong(f"not valid {kind}: {str(problem)[:200]}") from problem
    check_body(body)


def check_body(body: Any) -> None:
    if not isinstance(body, Mapping) or str(body.get("schemaVersion")) != "2.2":
        raise wrong("schemaVersion must be 2.2 for a Command document")
    if unknown := set(body) - {"schemaVersion", "description", "parameters", "mainSteps"}:
        raise wrong(f"unknown key {', '.join(sorted(map(str, unknown)))}")
    for name, about in (body.get("parameters") or {}).items():
        check_parameter(name, about)
    steps = body.get("mainSteps")
    if not isinstance(steps, list) or not steps:
        raise wrong("mainSteps must be a list of steps")
    for step in steps:
        check_step(step)
    if len({step["name"] for step in steps}) != len(steps):
        raise wrong("two steps have the same name")


def check_parameter(name: str, about: Any) -> None:
    if not PARAMETER_NAME.fullmatch(str(name)):
        raise wrong(f"parameter {name!r}: names consist of letters and digits")
    if not isinstance(about, Mapping) or about.get("type") not in TYPES:
        raise wrong(f"parameter {name!r}: type must be one of {', '.join(sorted(TYPES))}")
    if about.get("interpolationType", "ENV_VAR") != "ENV_VAR":
        raise wrong(f"parameter {name!r}: interpolationType can only be ENV_VAR")
    try:
        re.compile(about.get("allowedPattern", ""))
    except re.error as problem:
        raise wrong(f"parameter {name!r}: allowedPattern: {problem}") from problem


def check_step(step: Any) -> None:
    if not isinstance(step, Mapping) or not step.get("name") or step.get("action") not in ACTIONS:
        raise wrong(f"each step needs a name and an action of {', '.join(ACTIONS)}")
    inputs = step.get("inputs")
    commands = inputs.get("runCommand") if isinstance(inputs, Mapping) else None
    if isinstance(commands, str) and WHOLE_LIST.fullmatch(commands):
        return
    if not isinstance(commands, list) or not all(isinstance(line, str) for line in commands):
        raise wrong(f"step {step['name']}: inputs.runCommand must be a list of lines")


def wrong(what: str) -> SSMException:
    return SSMException("InvalidDocumentContent", f"The content for the document is not valid: {what}.")


def with_platforms(response: SimpleSystemManagerResponse, answer: ActionResult) -> ActionResult:
    """Moto answers `Not Implemented (moto)`; AWS reads the platforms off the actions."""
    documents = ssm_backends[response.current_account][response.region]._documents[
        response._get_param("Name")
    ]
    document = documents.get_latest_version()
    actions = {step.get("action") for step in getattr(document, "mainSteps", None) or ()}
    document.platform_types = sorted({ACTIONS[action] for action in actions if action in ACTIONS})
    answer.result["DocumentDescription"]["PlatformTypes"] = document.platform_types  # type: ignore[index]
    return answer


def find(account: str, region: str, name: str, version: str | None) -> Document:
    """The version to send. Raises InvalidDocument or InvalidDocumentVersion."""
    if (owned := owned_by_aws.document(name)) and version in (None, "", "$DEFAULT", "$LATEST", "1"):
        return owned
    documents = ssm_backends[account][region]._documents.get(name)
    if not documents:
        raise SSMException("InvalidDocument", "The specified document does not exist.")
    wanted = None if version in (None, "", "$DEFAULT") else version
    found = documents.find(wanted, strict=False)
    if not found:
        raise SSMException("InvalidDocumentVersion", "The document version is not valid or does not exist.")
    return found


def check_values(document: Document, given: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Every parameter's value, defaults filled in. Raises InvalidParameters."""
    declared = document.content_json.get("parameters") or {}
    if unknown := set(given) - set(declared):
        raise invalid_parameters(f"Parameters {', '.join(sorted(unknown))} are not defined in the document.")
    size = len(document.content.encode()) + len(json.dumps(dict(given)).encode())
    if size > MAX_BYTES:
        raise SSMException("MaxDocumentSizeExceeded", "Document and runtime parameters exceed 64 KB.")
    return {name: value_of(name, about, given) for name, about in declared.items()}


def value_of(name: str, about: Mapping[str, Any], given: Mapping[str, list[str]]) -> list[str]:
    if name in given:
        values = [str(value) for value in given[name]]
    elif "default" in about:
        default = about["default"]
        values = [str(value) for value in (default if isinstance(default, list) else [default])]
    else:
        raise invalid_parameters(f"Parameter {name} has no value and no default.")
    if about["type"] == "String" and len(values) != 1:
        raise invalid_parameters(f"Parameter {name} takes one value, not {len(values)}.")
    for value in values:
        if not is_stored(value) and (why := refusal(name, about, value)):
            raise invalid_parameters(why)
    return values
