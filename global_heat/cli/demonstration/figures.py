"""What the demo has seen, in figures."""

from __future__ import annotations

from dataclasses import dataclass

from global_heat.cli.lab.audit import Audit


@dataclass
class Figures:
    resources: int = 0
    kills: int = 0
    parked_seconds: float = 0.0
    orphans: int = 0
    duplicates: int = 0
    missing: int = 0

    def take(self, audit: Audit) -> None:
        """Add what an audit found."""
        self.orphans += audit.count("orphan")
        self.duplicates += audit.count("duplicate")
        self.missing += audit.count("missing")

    def line(self, seconds: float) -> str:
        return (
            f"{self.resources} resources · {self.kills} kills · {self.parked_seconds:.1f} s parked · "
            f"orphans {self.orphans} · duplicates {self.duplicates} · missing {self.missing} · "
            f"{seconds:.0f} s in all"
        )
