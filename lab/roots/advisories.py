"""The updateinfo of rpm repositories: security advisories, one for each package."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

Advised = tuple[str, str, str, str, str]  # name, version, release, architecture, file
CVE = "CVE-2026-11111"
ISSUED = "2026-11-01 08:00:00"


def updateinfo(part: str, rpms: Iterable[Advised]) -> str:
    """The XML text; kernels suggest a reboot."""
    told = "".join(_advisory(number, part, rpm) for number, rpm in enumerate(rpms, start=1))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<updates>\n{told}</updates>\n'


def _advisory(number: int, part: str, rpm: Advised) -> str:
    name, version, release, arch, file = map(quoteattr, rpm)
    reboot = "<reboot_suggested>True</reboot_suggested>" if part.startswith("kernel") else ""
    return f"""<update from="lab@example.internal" status="final" type="security" version="1">
<id>LAB-{part}-{number}</id><title>Security update of {rpm[0]}</title><severity>Important</severity>
<issued date="{ISSUED}"/><updated date="{ISSUED}"/>
<references><reference href="https://example.internal/{CVE}" id="{CVE}" type="cve" title="{CVE}"/></references>
<description>Something was wrong.</description>
<pkglist><collection short="lab"><name>lab</name>
<package name={name} version={version} release={release} epoch="0" arch={arch} src="lab.src.rpm">
<filename>{file[1:-1]}</filename>{reboot}</package>
</collection></pkglist></update>
"""
