"""What must hold of every run, whatever crashes, repeats, comes late or lies: checked by tests and every night."""

from __future__ import annotations

from patching.invariants.audit import ALL, Violation, violations

__all__ = ["ALL", "Violation", "violations"]
