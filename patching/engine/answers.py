"""What one terminal invocation says: the result line as Systems Manager returned it, and the report it vouches for.

A host can write into the bucket below other hosts' prefixes; what Systems Manager returns for an instance comes from
that instance alone. So a line counts only from there, and an object only where it has the line's SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from aws.command_status import Proves, proves
from aws.errors import Missing
from aws.ports import Invocation
from patching.documents import aws_windows
from patching.documents.host_report import Report
from patching.documents.output import OutputUnreadable, parse_result_line
from patching.documents.report import parse_report
from patching.documents.result_line import ResultLine
from patching.engine.scope import Scope
from patching.models import Dispatch
from patching.queries.looks import asked_about
from patching.states import Phase
from portal.evidence.outputs import NotRead, Outputs

NOT_VOUCHED = "What lies in its folder of the bucket is not what its result line vouches for."


@dataclass(frozen=True)
class Answer:
    """`report` is None when there is none that counts, and `missing` says why; `raw` is the output that held it."""

    line: ResultLine | None
    report: Report | None
    raw: bytes = b""
    source: str = ""  # s3 | invocation
    missing: str = ""
    remark: str = ""  # why the bucket's copy was left alone


class Answers:
    """The answers of one command; its outputs in S3 are listed once, when the first of them is needed."""

    def __init__(self, scope: Scope, dispatch: Dispatch, command_id: str) -> None:
        self._dispatch, self._command_id, self._scope = dispatch, command_id, scope
        self._outputs = Outputs(scope.cloud.objects(), dispatch.output_prefix, command_id, scope.clock)

    def of(self, invocation: Invocation) -> Answer:
        """Raises CloudError where AWS does not answer now: it is asked again, for this host alone."""
        line, whole = self._line(invocation)
        found, remark = self._in_the_bucket(invocation, line)
        if found:
            return found
        text = whole or (self._whole(invocation) if line else invocation.output)
        raw = text.encode("utf-8", "replace")
        report, problem = self._report(invocation, line, raw)
        if report is not None:
            return Answer(line, report, raw, "invocation", remark=remark)
        problem = f"{problem} {remark}".strip()
        return Answer(line, None, missing=no_report_sentence(self._dispatch, invocation, problem))

    def _in_the_bucket(self, invocation: Invocation, line: ResultLine | None) -> tuple[Answer | None, str]:
        """The first output in the host's folder that the line vouches for; else why not all of it was read."""
        if line is None:
            return None, ""
        remark = ""
        try:
            for raw in self._outputs.of(invocation.instance_id):
                report, _ = self._report(invocation, line, raw)
                if report is not None:
                    return Answer(line, report, raw, "s3"), ""
                remark = NOT_VOUCHED
        except NotRead as left:
            return None, str(left)
        return None, remark

    def _report(
        self, invocation: Invocation, line: ResultLine | None, raw: bytes
    ) -> tuple[Report | None, str]:
        """The report in an output, or why there is none that counts."""
        try:
            report = parse_report(raw.decode("utf-8", "replace"), line)
        except OutputUnreadable as error:
            return None, str(error)
        wanted = (invocation.instance_id, line.dispatch if line else "")
        if (report.instance_id, report.dispatch) != wanted:
            return None, "The output holds the report of another command or another instance."
        return report, ""

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

    def _whole(self, invocation: Invocation) -> str:
        ssm = self._scope.ssm((self._dispatch.account_id, self._dispatch.region))
        try:
            return ssm.get_invocation(invocation.command_id, invocation.instance_id).output
        except Missing:
            return invocation.output


def no_report_sentence(dispatch: Dispatch, invocation: Invocation, why: str) -> str:
    details = invocation.status_details
    if proves(invocation.status, details) is not Proves.ENDED:
        return f"Systems Manager says {details}; whether the host ran it is not known."
    if dispatch.document_name == aws_windows.NAME:
        return f"Systems Manager says {details}. {aws_windows.NAME} prints no report."
    return f"Systems Manager says {details}, but: {why}"
