"""What must hold of every run, whatever crashes, repeats, comes late or lies: checked by tests and every night."""

from __future__ import annotations

from patching.invariants.audit import ALL, CHECKS, audited, chunk_checks, late, of_the_portal, violations
from patching.invariants.violation import Violation

__all__ = ["ALL", "CHECKS", "Violation", "audited", "chunk_checks", "late", "of_the_portal", "violations"]
