"""SSM documents: what AWS takes and what it refuses (facts/aws.md §1.2, facts/lab.md §3.2)."""

from __future__ import annotations

import pytest
import yaml
from botocore.exceptions import ClientError

from tests.contract.lab.fleet import Aws, code, document

GOOD = document("true")


def create(aws: Aws, name: str, content: str, kind: str = "YAML"):
    return aws.ssm.create_document(Name=name, Content=content, DocumentType="Command", DocumentFormat=kind)


def refused(call, *arguments, **request) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **request)
    return code(caught.value)


def test_versions_are_numbered_and_one_is_the_default(aws: Aws) -> None:
    made = create(aws, "Versions", GOOD)["DocumentDescription"]
    assert (made["DocumentVersion"], made["Status"], made["PlatformTypes"]) == ("1", "Active", ["Linux"])
    update = {"Name": "Versions", "DocumentVersion": "$LATEST", "DocumentFormat": "YAML"}
    second = aws.ssm.update_document(**update, Content=document("echo 2"))["DocumentDescription"]
    assert second["DocumentVersion"] == "2"
    text = aws.ssm.get_document(Name="Versions", DocumentFormat="YAML")
    assert text["DocumentVersion"] == "1"
    aws.ssm.update_document_default_version(Name="Versions", DocumentVersion="2")
    assert aws.ssm.describe_document(Name="Versions")["Document"]["DefaultVersion"] == "2"
    assert aws.run("web-01", DocumentName="Versions")["StandardOutputContent"] == "2\n"
    old = aws.run("web-01", DocumentName="Versions", DocumentVersion="1")
    assert old["StandardOutputContent"] == ""


def test_the_same_content_twice_is_refused(aws: Aws) -> None:
    create(aws, "Twice", GOOD)
    assert refused(create, aws, "Twice", GOOD) == "DocumentAlreadyExists"
    update = {"Name": "Twice", "Content": GOOD, "DocumentVersion": "$LATEST", "DocumentFormat": "YAML"}
    assert refused(aws.ssm.update_document, **update) == "DuplicateDocumentContent"


@pytest.mark.parametrize("name", ["AWS-Mine", "amazon-mine", "amzn-mine", "AWSSupport-Mine", "a b", "ab"])
def test_names_that_aws_keeps_for_itself_or_cannot_write(aws: Aws, name: str) -> None:
    assert refused(create, aws, name, GOOD) == "ValidationException"


def test_64_kb_is_the_limit(aws: Aws) -> None:
    assert refused(create, aws, "Large", document("# " + "x" * 65_536)) == "MaxDocumentSizeExceeded"
    create(aws, "Nearly", document("# " + "x" * 65_000, parameters={"P": {"type": "String"}}))
    send = {"DocumentName": "Nearly", "InstanceIds": aws.ids("web-01"), "Parameters": {"P": ["y" * 1000]}}
    assert refused(aws.ssm.send_command, **send) == "MaxDocumentSizeExceeded"


def changed(**parts: object) -> str:
    return yaml.safe_dump({**yaml.safe_load(GOOD), **parts})


@pytest.mark.parametrize(
    "content",
    [
        "{not yaml: [",
        "just text",
        changed(schemaVersion="1.2"),
        changed(surprise=1),
        changed(mainSteps=[]),
        changed(mainSteps=[{"action": "aws:unknown", "name": "a", "inputs": {"runCommand": []}}]),
        changed(mainSteps=[{"action": "aws:runShellScript", "name": "a", "inputs": {"runCommand": "text"}}]),
        changed(parameters={"With-Dash": {"type": "String"}}),
        changed(parameters={"P": {"type": "Text"}}),
        changed(parameters={"P": {"type": "String", "allowedPattern": "("}}),
    ],
)
def test_content_that_is_no_command_document(aws: Aws, content: str) -> None:
    assert refused(create, aws, "Wrong", content) == "InvalidDocumentContent"


@pytest.mark.parametrize(
    ("about", "value"),
    [
        ({"allowedPattern": "^[0-9]+$"}, "9; echo injected"),
        ({"allowedValues": ["all", "security"]}, "none"),
        ({"maxChars": 3}, "four"),
        ({"minChars": 3}, "no"),
    ],
)
def test_values_outside_what_the_document_allows(aws: Aws, about: dict, value: str) -> None:
    name = aws.publish("echo {{ P }}", parameters={"P": {"type": "String", **about}})
    send = {"DocumentName": name, "InstanceIds": aws.ids("web-01")}
    assert refused(aws.ssm.send_command, **send, Parameters={"P": [value]}) == "InvalidParameters"
    assert refused(aws.ssm.send_command, **send) == "InvalidParameters"  # no value and no default


def test_unknown_documents(aws: Aws) -> None:
    assert refused(aws.ssm.get_document, Name="Never-Made") == "InvalidDocument"
    assert refused(aws.ssm.describe_document, Name="Never-Made") == "InvalidDocument"
