"""What one terminal invocation says: the result line as Systems Manager returned it, and the report it vouches for.

A host can write into the bucket below other hosts' prefixes; what Systems Manager returns for an instance comes from
that instance alone. So a line counts only from there, and an object only where it has the line's SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings

from aws.command_ends import Proves, proves
from aws.errors import Missing
from aws.ports import Cloud, Invocation
from patching.documents import aws_windows
from patching.documents.output import STDOUT_LIMIT, OutputUnreadable, ResultLine, parse_result_line
from patching.documents.report import parse_report
from patching.models import Dispatch
from patching.queries.looks import asked_about
from patching.states import Phase
from portal.evidence import store as evidence


@dataclass(frozen=True)
class Answer:
    """`report` is None when there is none that counts, and `missing` says why; `text` is where it was found."""

    line: ResultLine | None
    report: dict[str, Any] | None
    text: str = ""
    source: str = ""  # s3 | invocation
    missing: str = ""


class Answers:
    """The answers of one command; its outputs in S3 are listed once, when the first of them is needed."""

    def __init__(self, dispatch: Dispatch, command_id: str, cloud: Cloud) -> None:
        self._dispatch, self._command_id, self._cloud = dispatch, command_id, cloud

    def of(self, invocation: Invocation) -> Answer:
        line, whole = self._line(invocation)
        problem = ""
        for source, text in self._texts(invocation, line, whole):
            try:
                report = parse_report(text, line)
            except OutputUnreadable as error:
                problem = problem or str(error)
                continue
            if (
                report["instance_id"] == invocation.instance_id
                and report["dispatch"] == line_of(line).dispatch
            ):
                return Answer(line, report, text, source)
            problem = "The output holds the report of another command or another instance."
        return Answer(line, None, missing=no_report_sentence(self._dispatch, invocation, problem))

    def _line(self, invocation: Invocation) -> tuple[ResultLine | None, str]:
        """The line of the list call, or of the whole output that SSM keeps; and that output where it was asked for."""
        if self._dispatch.document_name == aws_windows.NAME:
            return None, ""
        line = parse_result_line(invocation.output)
        whole = ""
        if line is None and proves(invocation.status, invocation.status_details) is Proves.ENDED:
            whole = self._whole(invocation)
            line = parse_result_line(whole)
        return (line if line and (line.dispatch, line.phase) in self._expected else None), whole

    @cached_property
    def _expected(self) -> set[tuple[str, str]]:
        """(dispatch, phase) that the line may name: its own, and for a re-scan the report that the host had stored."""
        looks = self._dispatch.phase in {Phase.PRECHECK, Phase.VERIFY}
        own = (str(self._dispatch.pk), str(Phase.PRECHECK if looks else Phase.PATCH))
        return {own, (asked_about(self._dispatch), str(Phase.PATCH))}

    def _texts(
        self, invocation: Invocation, line: ResultLine | None, whole: str
    ) -> Iterator[tuple[str, str]]:
        """Where the report may be found: the bucket first, then what SSM itself keeps."""
        if line is None:
            yield "invocation", whole or invocation.output
            return
        if (stored := self._stored(invocation.instance_id)) is not None:
            yield "s3", stored
        yield "invocation", whole or self._whole(invocation)

    def _stored(self, instance_id: str) -> str | None:
        if not (key := self._keys.get(instance_id)):
            return None
        where = {"bucket": settings.RESULTS_BUCKET, "key": key}
        return evidence.read_output(self._cloud.objects(), **where, last_bytes=STDOUT_LIMIT)

    @cached_property
    def _keys(self) -> dict[str, str]:
        return evidence.outputs_of(
            self._cloud.objects(),
            bucket=settings.RESULTS_BUCKET,
            prefix=self._dispatch.output_prefix,
            command_id=self._command_id,
        )

    def _whole(self, invocation: Invocation) -> str:
        ssm = self._cloud.ssm(self._dispatch.account_id, self._dispatch.region)
        try:
            return ssm.get_invocation(invocation.command_id, invocation.instance_id).output
        except Missing:
            return invocation.output


def line_of(line: ResultLine | None) -> ResultLine:
    """A report was read, so there was a line that vouched for it."""
    assert line is not None
    return line


def no_report_sentence(dispatch: Dispatch, invocation: Invocation, why: str) -> str:
    details = invocation.status_details
    if proves(invocation.status, details) is not Proves.ENDED:
        return f"Systems Manager says {details}; whether the host ran it is not known."
    if dispatch.document_name == aws_windows.NAME:
        return f"Systems Manager says {details}. {aws_windows.NAME} prints no report."
    return f"Systems Manager says {details}, but: {why}"
