"""Builds the SSM documents: one script per phase and platform, wrapped as a schema 2.2 Command document."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from aws.iam import Names
from patching.documents import powershell
from patching.documents.short_names import letters

Phase = Literal["precheck", "patch"]
Platform = Literal["linux", "windows"]
PHASES: tuple[Phase, ...] = ("precheck", "patch")
PLATFORMS: tuple[Platform, ...] = ("linux", "windows")
KINDS = [(phase, platform) for phase in PHASES for platform in PLATFORMS]

HERE = Path(__file__).parent
COMMON = (
    *("head", "system", "packages", "choose", "checks", "checks-host", "checks-disk", "checks-packages"),
    *("offers", "snapshot", "outcome", "kept", "report"),
)
# Each document carries what its phase needs: only the pre-check repairs and looks back, only the patch installs.
PARTS: dict[Phase, tuple[str, ...]] = {
    "precheck": (*COMMON, "checks-told", "fixes", "fixes-kernels", "look"),
    "patch": (*COMMON, "install", "hooks", "guard"),
}
# The same rooms by the same names, where Windows has the matter; worker, restart and journal are its own.
WINDOWS = ("head", "system", "packages", "offers", "choose", "checks", "snapshot", "report")
WINDOWS_PARTS: dict[Phase, tuple[str, ...]] = {
    "precheck": WINDOWS,
    "patch": (*WINDOWS, "kept", "journal", "guard", "hooks", "install", "outcome", "restart", "worker"),
}
LIMIT_BYTES = 65_536  # AWS counts the content and the runtime parameters together
LEAST_FREE_PERCENT = 5  # room for what is still to come; script/check prints it
PACKAGE_SET_BYTES = 7_000
# The script's own deadline (DeadlineSeconds) must stay well below: the agent's kill leaves no report.
TIMEOUT_SECONDS = {"precheck": 3_600, "patch": 28_800}

# Values are pasted into the script as text: each pattern admits only characters without meaning to a shell, and no
# number with a zero ahead, which a shell takes for octal.
PARAMETERS: dict[str, dict[str, str]] = {
    "DispatchId": {
        "type": "String",
        "description": "The dispatch this command belongs to; the host runs it at most once.",
        "allowedPattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    },
    "Mode": {
        "type": "String",
        "description": "All updates, or security updates only.",
        "default": "all",
        "allowedPattern": "^(all|security)$",
    },
    "RebootPolicy": {
        "type": "String",
        "description": "Whether the host may be restarted. The pre-check never restarts it.",
        "default": "if-needed",
        "allowedPattern": "^(if-needed|never)$",
    },
    "Exclude": {
        "type": "String",
        "description": "Packages that stay as they are: names, comma separated, with the globs * and ?.",
        "default": "",
        # two halves: the agent's regular expressions know no repeat above 1,000
        "allowedPattern": "^[A-Za-z0-9.+_:*?,-]{0,1000}[A-Za-z0-9.+_:*?,-]{0,1000}$",
    },
    "PackageSet": {
        "type": "String",
        "description": "Exactly these versions and nothing else: name=version, comma separated. Empty: by mode.",
        "default": "",
        "allowedPattern": "^([A-Za-z0-9.+_-]+=[A-Za-z0-9.+_:~^-]+(,|$)){0,400}$",
    },
    "PreScript": {
        "type": "String",
        "description": "Script of the host that is run before, by its name in /etc/patch-portal/hooks.",
        "default": "",
        "allowedPattern": "^([a-z0-9][a-z0-9-]{0,39})?$",
    },
    "PostScript": {
        "type": "String",
        "description": "Script of the host that is run after, by its name in /etc/patch-portal/hooks.",
        "default": "",
        "allowedPattern": "^([a-z0-9][a-z0-9-]{0,39})?$",
    },
    "Fixes": {
        "type": "String",
        "description": "Repairs allowed: none; early (package caches, agent); all (packages, repositories too).",
        "default": "none",
        "allowedPattern": "^(none|early|all)$",
    },
    "AfterDispatch": {
        "type": "String",
        "description": "Look back: the dispatch of a command that gave no report; tells what became of it.",
        "default": "",
        "allowedPattern": "^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?$",
    },
    "MinFreeMb": {
        "type": "String",
        "description": "Free megabytes needed on the root and /var file systems.",
        "default": "1024",
        "allowedPattern": "^(0|[1-9][0-9]{0,6})$",
    },
    "LockWaitSeconds": {
        "type": "String",
        "description": "How long to wait for other package work to end.",
        "default": "120",
        "allowedPattern": "^(0|[1-9][0-9]{0,4})$",
    },
    "DeadlineSeconds": {
        "type": "String",
        "description": "The script stops its own work after this time, and still reports.",
        "default": "3000",
        "allowedPattern": "^(0|[1-9][0-9]{0,4})$",
    },
    "SentAt": {
        "type": "String",
        "description": "The portal's time when it sent the command, in seconds since 1970; tells a wrong clock.",
        "default": "",
        "allowedPattern": "^[0-9]{0,10}$",
    },
    "DocumentHash": {
        "type": "String",
        "description": "Hash of this document as the portal knows it; comes back in the report.",
        "default": "",
        "allowedPattern": "^[0-9a-f]{0,64}$",
    },
}
# The longest values that the patterns, and for PackageSet the portal, let through; the others are short.
LONGEST = {
    "DispatchId": 36, "AfterDispatch": 36, "Exclude": 2_000, "PackageSet": PACKAGE_SET_BYTES,
    "PreScript": 40, "PostScript": 40, "DocumentHash": 64,
}  # fmt: skip
SHORT_BYTES = 10
# Words after which a line need not end: a break counts twice.
JOINED = re.compile(r"(?<![\w'$-])(then|else|do|\{|\|\||&&|\||;;|case .* in)\n(?!EOF)")
ROOT_IS = "PATCH_PORTAL_ROOT=${PATCH_PORTAL_ROOT:-}\n"


@dataclass(frozen=True)
class Document:
    """One SSM document: its name, its YAML text and the SHA-256 of that text in hex."""

    name: str
    content_yaml: str
    sha256: str


@cache
def document(phase: Phase, platform: Platform) -> Document:
    """The document of a phase for a platform. Raises ValueError when it outgrows AWS's limit."""
    text = (
        _linux_text(phase)
        if platform == "linux"
        else _dumped(_body(phase, platform, script(phase, platform)))
    )
    made = Document(name_of(phase, platform), text, hashlib.sha256(text.encode()).hexdigest())
    if (free := free_bytes(made)) < 0:
        raise ValueError(f"{made.name} and its longest parameters are {-free} bytes too large for AWS")
    return made


def name_of(phase: Phase, platform: Platform) -> str:
    return f"{Names.document_prefix}{phase.title()}-{platform.title()}"


def free_bytes(made: Document) -> int:
    """What AWS's limit leaves beside the document and its own parameters at their longest."""
    declared = yaml.safe_load(made.content_yaml)["parameters"]
    values = {name: ["x" * LONGEST.get(name, SHORT_BYTES)] for name in declared}
    return LIMIT_BYTES - len(made.content_yaml.encode()) - len(json.dumps(values))


@cache
def parameters_of(name: str) -> frozenset[str]:
    """The parameters that a document's script has a place for: it declares these and takes no others."""
    [(phase, platform)] = [kind for kind in KINDS if name_of(*kind) == name]
    return frozenset(re.findall(r"\{\{ (\w+) \}\}", source(phase, platform)))


def script(phase: Phase, platform: Platform) -> str:
    """The script of a phase as it stands in the document, before parameters are pasted in."""
    text = source(phase, platform)
    return packed(text) if platform == "linux" else powershell.packed(text)


def packed(text: str) -> str:
    """The same shell script without comments and indentation, $R for the root: AWS's limit counts every byte."""
    first, *others = text.splitlines()
    stripped = (re.sub(r"^(\w+=\w*)  # .*", r"\1", line.strip()) for line in others)
    code = "\n".join([first, *(line for line in stripped if line and not line.startswith("#"))]) + "\n"
    head, defined, rest = code.partition(ROOT_IS)
    short = JOINED.sub(r"\1 ", re.sub(r"\$\{PATCH_PORTAL_ROOT\}(?=[/\"])", "$R", rest)).replace(" ;; ", ";; ")
    return _short_names(f"{head}{defined}R=$PATCH_PORTAL_ROOT\n{short}" if defined else code)


def _short_names(code: str) -> str:
    """Functions of two words and more get names of two letters, the most frequent ones first.

    Not those that stand for something else too: checks and fixes, which are called by the end of their names, words of
    the schema, and what a run keeps on the host.
    """
    named = set(re.findall(r"^((?!check_|fix_)[a-z]+_[a-z0-9_]+)\(\)", code, re.MULTILINE))
    words = set(re.findall(r'"(\w+)"', (HERE / "host-report.schema.json").read_text()))
    words |= set(re.findall(r"\b(?:fact|recall|remember) (\w+)", code))
    often = sorted(named - words, key=lambda name: (-code.count(name), name))
    short = {name: f"_{letter}" for name, letter in zip(often, letters(), strict=False)}
    return re.sub(r"\b[a-z]+_[a-z0-9_]+\b", lambda word: short.get(word[0], word[0]), code)


def source(phase: Phase, platform: Platform) -> str:
    """The script of a phase as people read it."""
    parts, ending = (PARTS, "sh") if platform == "linux" else (WINDOWS_PARTS, "ps1")
    names = [*(f"parts/{part}.{ending}" for part in parts[phase]), f"{phase}.{ending}"]
    return "\n".join((HERE / name).read_text() for name in names)


def _linux_text(phase: Phase) -> str:
    """YAML whose script stands in single quotes, each line break twice: fewest bytes, and readable in AWS's console.

    Such a text loses the blanks around its lines, of which a packed script has none; written as one flow, no line of it
    needs to be indented.
    """
    text, place = script(phase, "linux").rstrip("\n"), "THE-SCRIPT"
    frame = _dumped(_body(phase, "linux", place), flow=True)
    return frame.replace(place, "'" + text.replace("'", "''").replace("\n", "\n\n") + "'")


def _dumped(body: dict[str, Any], *, flow: bool = False) -> str:
    return yaml.dump(body, Dumper=_Compact, sort_keys=False, width=LIMIT_BYTES, default_flow_style=flow)


def _body(phase: Phase, platform: Platform, text: str) -> dict[str, Any]:
    declared = parameters_of(name_of(phase, platform))
    action = "aws:runShellScript" if platform == "linux" else "aws:runPowerShellScript"
    return {
        "schemaVersion": "2.2",
        "description": f"Patch Portal: {phase} of {platform.title()} hosts; prints one host report.",
        "parameters": {name: PARAMETERS[name] for name in PARAMETERS if name in declared},
        "mainSteps": [
            {
                "action": action,
                "name": phase,
                "precondition": {"StringEquals": ["platformType", platform.title()]},
                "inputs": {
                    "timeoutSeconds": str(TIMEOUT_SECONDS[phase]),
                    "runCommand": [text.rstrip("\n")],
                },
            }
        ],
    }


class _Compact(yaml.SafeDumper):
    """Plain YAML without anchors, which SSM does not promise to follow; a script is one quoted text: fewest bytes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Compact, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\n" in text else None)


_Compact.add_representer(str, _text)
