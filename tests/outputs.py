"""What a document prints, made from a report: the result line, the report, the installed packages."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from patching.documents.output import parse_result_line
from patching.documents.report import parse_report

Report = Mapping[str, Any]
LISTED_BYTES = 2_500  # what SSM's list calls show of an output
NO_SIDE: Report = {
    "kernel": {"running": "", "newest_installed": ""},
    "boot_id": "",
    "packages": {"installed": None, "upgradable": None, "security": None},
    "broken": [],
}


def printed(report: Report, packages: Sequence[tuple[str, str, str]] = (), **changed: Any) -> str:
    """The whole output; `changed` replaces keys of the result line."""
    text, rows = json.dumps(report), packed(packages)
    sums = {"report": sha256(text), "packages": sha256(rows) if rows else ""}
    line = f"PATCH-PORTAL-RESULT {json.dumps(line_of(report) | {'sha256': sums} | changed)}\n"
    blocks = block("REPORT", report["dispatch"], text)
    return line + blocks + (block("PACKAGES", report["dispatch"], rows) if rows else "")


def report_in(output: str) -> dict[str, Any]:
    """The JSON of the report that an output's own line vouches for, as the product reads it."""
    return parse_report(output, parse_result_line(output)).to_json()


def line_of(report: Report) -> dict[str, Any]:
    """The keys of the result line but for the sums."""
    side = report["after"] or report["before"] or NO_SIDE
    counts = {name: side["packages"][name] for name in ("installed", "upgradable", "security")}
    lists = {
        "changed": length(report, "changes"),
        "broken": len(side["broken"]),
        "aside": length(report, "aside"),
    }
    return {
        "schema": 1,
        **{name: report[name] for name in ("dispatch", "phase", "status")},
        "error": (report["error"] or {"code": ""})["code"],
        "kernel": {"running": side["kernel"]["running"], "newest": side["kernel"]["newest_installed"]},
        "boot_id": side["boot_id"],
        "packages": counts | lists,
        "reboot": {name: report["reboot"][name] for name in ("needed", "done")},
        "took_s": report["took_s"],
    }


def length(report: Report, name: str) -> int:
    return int(report["truncated"].get(name, len(report.get(name, ()))))


def block(kind: str, dispatch: str, text: str) -> str:
    return f"<<<PATCH-PORTAL-{kind} {dispatch}\n{text}\nPATCH-PORTAL-{kind}>>>\n"


def packed(packages: Sequence[tuple[str, str, str]]) -> str:
    rows = "".join("\t".join(row) + "\n" for row in packages)
    return base64.b64encode(gzip.compress(rows.encode(), mtime=0)).decode() if rows else ""


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def listed(text: str) -> str:
    """As ListCommandInvocations shows it."""
    return text.encode()[:LISTED_BYTES].decode(errors="replace")
