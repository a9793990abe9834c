"""What a host tells of its restarts, of the kernel that it boots and of its clock, in sentences. Pure."""

from __future__ import annotations

from datetime import timedelta

from patching.documents.host_report import Kernel, Report
from patching.documents.result_line import ResultLine
from portal.web.moments import duration_words

# A smaller step of the clock is the usual work of its synchronisation.
STEP_TOLD_S = 60


def still_open(report: Report) -> str:
    """Why a restart is still open, or nothing. The boot id and the kernel outweigh the host's own word."""
    if report.after is None:
        return ""
    kernel = report.after.kernel
    if kernel.running in kernel.installed and waits(
        kernel.running, kernel.newest_installed, kernel.boot_default or ""
    ):
        return _older(kernel.newest_installed, kernel.running)
    if report.reboot.needed:
        return "It still asks for a restart."
    if report.reboot.done and not report.boot_changed:
        return "It says that it restarted, but its boot id is the same."
    return ""


def still_open_by_line(line: ResultLine) -> str:
    if waits(line.kernel_running, line.kernel_newest, line.kernel_boot_default):
        return _older(line.kernel_newest, line.kernel_running)
    return "It still asks for a restart." if line.reboot_needed else ""


def waits(running: str, newest: str, boot_default: str) -> bool:
    """Whether the newest kernel waits for a restart: not where the host boots another one by its own choice."""
    return bool(newest) and running != newest and boot_default in ("", newest)


def _older(newest: str, running: str) -> str:
    return f"Kernel {newest} is installed, but {running} still runs."


def remarks(report: Report) -> str:
    """What changes no verdict, each sentence with a blank ahead."""
    told = (_chosen_kernel(report.after.kernel) if report.after else "", _unknown(report), _clock(report))
    return "".join(f" {sentence}" for sentence in told if sentence)


def _chosen_kernel(kernel: Kernel) -> str:
    boots, newest = kernel.boot_default, kernel.newest_installed
    if not boots or not newest or boots == newest:
        return ""
    return f"It boots kernel {boots} by its own choice, although {newest} is installed."


def _unknown(report: Report) -> str:
    why = report.reboot.unknown
    return f"Whether anything but the kernel needs a restart is not known: {why}." if why else ""


def _clock(report: Report) -> str:
    step = report.clock.stepped_s if report.clock else 0
    if abs(step) <= STEP_TOLD_S:
        return ""
    span = duration_words(timedelta(minutes=round(abs(step) / 60)))
    return f"Its clock was set {'forward' if step > 0 else 'back'} by {span} meanwhile."
