"""The bill of materials names each package of the lock once, and what pyproject.toml asks for directly."""

from __future__ import annotations

import json
import tomllib

from script import sbom

PROJECT = {
    "name": "patch-portal",
    "version": "0.1.0",
    "dependencies": ["django==5.2.19", "celery[redis]==5.7.0"],
}
LOCK = """amqp==5.4.2 \\
    --hash=sha256:93
celery[redis]==5.7.0 \\
    --hash=sha256:18
Django==5.2.19 \\
    --hash=sha256:aa
tzdata_x==2026.6 ; sys_platform == 'win32' \\
    --hash=sha256:bb
"""


def test_each_package_stands_once_with_its_address_and_where_it_is_installed() -> None:
    found = json.loads(sbom.bill(LOCK, PROJECT))
    assert [part["purl"] for part in found["components"]] == [
        "pkg:pypi/django@5.2.19", "pkg:pypi/amqp@5.4.2", "pkg:pypi/celery@5.7.0", "pkg:pypi/tzdata-x@2026.6",
    ]  # fmt: skip
    assert found["components"][3]["properties"] == [
        {"name": "python:marker", "value": "sys_platform == 'win32'"}
    ]
    assert found["dependencies"][0]["dependsOn"] == ["pkg:pypi/django@5.2.19", "pkg:pypi/celery@5.7.0"]
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")


def test_the_file_is_that_of_today_and_names_every_direct_dependency() -> None:
    project = tomllib.loads((sbom.ROOT / "pyproject.toml").read_text())["project"]
    text = sbom.bill(sbom.LOCK.read_text(), project)
    assert sbom.FILE.read_text() == text
    found = json.loads(text)
    assert len(found["dependencies"][0]["dependsOn"]) == len(project["dependencies"])
    assert len(found["components"]) == sbom.LOCK.read_text().count("==") - sbom.LOCK.read_text().count(" == ")
