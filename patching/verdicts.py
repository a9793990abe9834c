"""What is true of a host after a run: judged from what the host reported, with SSM's word beside it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aws.command_status import Proves, is_over, proves, succeeded, told
from patching import offers, restarts
from patching.checks import QUESTIONS
from patching.documents.host_facts import Release, Withheld
from patching.documents.host_report import Report, ReportStatus
from patching.documents.result_line import ResultLine
from patching.standing import standing_of
from patching.states import Agreement, TargetState, Verdict

# What a pre-check calls a host that may be patched.
FIT = frozenset({ReportStatus.READY, ReportStatus.NOTHING_TO_DO})
NONE_LEFT = "no update is left"
_BAD_STATUS = frozenset({ReportStatus.FAILED, ReportStatus.PARTIAL, ReportStatus.BLOCKED})
# Errors that leave the packages right and only the restart open.
_REBOOT_ERRORS = frozenset({"kernel_not_running", "restart_did_not_cure", "reboot_did_not_happen"})
_NOT_MEASURED = "not_measured"  # the error of a question that the verdict stands on and that had no answer


@dataclass(frozen=True)
class Evidence:
    """All that is known of one target. `line` counts where `patch` is missing."""

    before: Report | None = None  # the pre-check's report
    patch: Report | None = None
    line: ResultLine | None = None
    ssm_status: str = ""
    ssm_status_details: str = ""
    mode: str = "all"  # all | security: which updates had to go in
    newest_release: bool = False  # the window wants the newest release of the system


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    agreement: Agreement
    reason: str  # a sentence for a person
    behind: bool = False  # right within its release, but the window wants the newest


@dataclass(frozen=True)
class _Host:
    """The host's own facts, from the report or from its result line."""

    status: str
    error: str
    detail: str
    changed: int
    left: int | None  # updates that should have gone in; None: the host could not tell
    held_back: int  # pending, and left out on purpose: on the exclude list, or not in the tested set
    remarks: str  # what else is told and changes no verdict, each sentence with a blank ahead
    broken: int
    reboot_open: str  # why a restart is still open, or ""
    reboot_unknown: bool  # nobody can say whether one is needed for another reason than the kernel
    rebooted: bool
    kernel: str
    looked_after: bool
    unanswered: tuple[str, ...] = ()  # questions after the work that had no answer
    change_unknown: bool = False  # not even what is installed can be told
    withheld: Withheld | None = None  # by the host's own settings
    release: Release | None = None


def judge(evidence: Evidence) -> Judgement:
    """The verdict on one target. The host decides; SSM's status only says whether both agree."""
    host = _host(evidence)
    if host is None:
        return Judgement(_without_report(evidence), Agreement.NO_REPORT, _why_no_report(evidence))
    if host.status == ReportStatus.DUPLICATE_RUNNING:
        reason = host.detail or "Another command is working on this dispatch."
        return Judgement(Verdict.UNKNOWN, Agreement.NO_REPORT, reason)
    verdict = _verdict(host)
    behind = evidence.newest_release and bool(host.release and host.release.behind)
    return Judgement(verdict, _agreement(verdict, evidence), _reason(verdict, host), behind)


def _host(evidence: Evidence) -> _Host | None:
    report, line = evidence.patch, evidence.line
    if report is not None:
        found = _from_report(report, evidence.mode)
    elif line is not None and line.phase == "patch":
        found = _from_line(line, evidence.mode)
    else:
        return None
    withheld = offers.withheld_after(report, line)
    return replace(found, withheld=withheld, release=offers.release_of(report, evidence.before))


def _from_report(report: Report, mode: str) -> _Host:
    after, error = report.after, report.error
    pending = after.packages.pending(mode) if after else None
    return _Host(
        status=report.status,
        error=error.code if error else "",
        detail=error.detail if error else "",
        changed=report.changed,
        left=_left(pending, report.held_back_count),
        held_back=report.held_back_count,
        remarks=_not_offered(report) + restarts.remarks(report),
        broken=after.unsound if after else 0,
        reboot_open=restarts.still_open(report),
        reboot_unknown=bool(report.reboot.unknown),
        rebooted=report.boot_changed,
        kernel=after.kernel.running if after else "",
        looked_after=after is not None,
        unanswered=(after.unanswered or ()) if after else (),
        change_unknown=bool(
            error and error.code == _NOT_MEASURED and after and after.packages.installed is None
        ),
    )


def _from_line(line: ResultLine, mode: str) -> _Host:
    return _Host(
        status=line.status,
        error=line.error,
        detail=f"The host reported {line.error}." if line.error else "",
        changed=line.changed,
        left=_left(line.security if mode == "security" else line.upgradable, line.held_back),
        held_back=line.held_back,
        remarks="",
        broken=line.broken,
        reboot_open=restarts.still_open_by_line(line),
        reboot_unknown=False,
        rebooted=line.reboot_done,
        kernel=line.kernel_running,
        looked_after=line.status != ReportStatus.BLOCKED,
        change_unknown=line.error == _NOT_MEASURED and line.installed is None,
    )


def _left(pending: int | None, held_back: int) -> int | None:
    return None if pending is None else max(0, pending - held_back)


def _not_offered(report: Report) -> str:
    """E.g. ` Not on offer here and left out: nginx=1.2 and 3 more.`"""
    names, count = (report.not_offered or ())[: offers.NAMED], report.not_offered_count
    more = f" and {count - len(names)} more" if count > len(names) else ""
    return f" Not on offer here and left out: {', '.join(names)}{more}." if count else ""


def _verdict(host: _Host) -> Verdict:
    if host.change_unknown:
        return Verdict.UNKNOWN
    if _something_wrong(host):
        return Verdict.PARTLY if host.changed else Verdict.FAILED
    if host.error == offers.WITHHELD or offers.keeps_security_back(host.withheld):
        return Verdict.PARTLY
    if host.reboot_open:
        return Verdict.PATCHED_REBOOT_PENDING
    return Verdict.PATCHED if _may_have_done_something(host) else Verdict.NOTHING_TO_DO


def _may_have_done_something(host: _Host) -> bool:
    """A question without an answer is never nothing to do; the host's line tells it by its status."""
    return bool(host.changed or host.rebooted or host.unanswered or host.status == ReportStatus.PATCHED)


def _something_wrong(host: _Host) -> bool:
    """Unknown is wrong too: a host that cannot tell what is left is not proven patched."""
    if host.broken or host.left or host.left is None:
        return True
    if host.error == offers.WITHHELD:  # all that is on offer is in
        return False
    error = host.error and host.error not in _REBOOT_ERRORS
    return bool(error or host.status in _BAD_STATUS)


def _agreement(verdict: Verdict, evidence: Evidence) -> Agreement:
    updated = standing_of(TargetState.DONE, verdict).updated
    if succeeded(evidence.ssm_status) and not updated:
        return Agreement.SSM_OK_HOST_UNPATCHED
    if _ended_badly(evidence.ssm_status) and updated:
        return Agreement.SSM_FAILED_HOST_PATCHED
    return Agreement.AGREES


def _ended_badly(status: str) -> bool:
    return is_over(status) and not succeeded(status)


def _reason(verdict: Verdict, host: _Host) -> str:
    return _what_happened(verdict, host) + offers.release_words(host.release) + host.remarks


def _what_happened(verdict: Verdict, host: _Host) -> str:
    updates = _counted(host.changed, "package") + " changed"
    rest = _rest(host)
    if verdict is Verdict.NOTHING_TO_DO:
        plain = rest == NONE_LEFT
        restart = "" if host.reboot_unknown else " and no restart was due"
        return f"No update was open{restart}." if plain else f"Nothing was to be done: {rest}."
    if verdict is Verdict.PARTLY and host.withheld is not None and not _something_wrong(host):
        return f"{updates}, all on offer is in, but {offers.security_back_words(host.withheld)}."
    if verdict is Verdict.PATCHED:
        return f"{updates}, {rest}{_kernel_note(host)}{_not_measured(host)}."
    if verdict is Verdict.PATCHED_REBOOT_PENDING:
        return f"{updates}, {rest}. {host.reboot_open} {host.detail}".strip()
    if host.change_unknown:
        return f"What changed is not known. {host.detail}"
    start = f"{updates}, but not all is well: " if host.changed else "Nothing changed: "
    return start + _what_is_wrong(host)


def _rest(host: _Host) -> str:
    """What was not put in although nothing is wrong."""
    left_out = f"{_counted(host.held_back, 'update')} left out on purpose" if host.held_back else ""
    told = [words for words in (left_out, offers.withheld_words(host.withheld)) if words]
    if not told:
        return NONE_LEFT
    return ", ".join(told) if left_out else f"all on offer is in, {told[0]}"


def _counted(count: int, noun: str) -> str:
    return f"{count or 'No'} {noun}{'' if count < 2 else 's'}"


def _kernel_note(host: _Host) -> str:
    return f"; restarted, kernel {host.kernel} runs" if host.rebooted and host.kernel else ""


def _not_measured(host: _Host) -> str:
    """E.g. `; not measured: which services want a restart`"""
    words = [QUESTIONS[question] for question in sorted(host.unanswered)]
    return f"; not measured: {', '.join(words)}" if words else ""


def _what_is_wrong(host: _Host) -> str:
    if host.detail:
        return host.detail
    if host.broken:
        return f"{_counted(host.broken, 'package')} left half installed."
    if host.left:
        return f"{_counted(host.left, 'update')} still open."
    if host.left is None and host.looked_after:
        return "The host could not tell what is still open."
    return f"The host says {host.status}."


def _without_report(evidence: Evidence) -> Verdict:
    never_ran = proves(evidence.ssm_status, evidence.ssm_status_details) is Proves.NEVER_RAN
    return Verdict.FAILED if never_ran else Verdict.UNKNOWN


def _why_no_report(evidence: Evidence) -> str:
    details, status = evidence.ssm_status_details, evidence.ssm_status
    said = told(status, details)
    text = said.sentence if said else f"No report arrived (SSM says {details or status or 'nothing'})."
    before = evidence.before.before if evidence.before else None
    opened = before.packages.upgradable if before else None
    return text if opened is None else f"{text} The pre-check had seen {opened} open updates."
