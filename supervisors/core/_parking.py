"""Parking: what a supervisor does instead of giving up.

A library inside someone's process must not take the process down, so a root
supervisor that has spent its budget *parks*: its children stay stopped, and
now and then it *probes*, starting them again on probation. A child that ends
on probation before it has shown that it works sends the supervisor back, for
twice as long. It has shown that once it has handled a message or has been up
for ``stable_after_s``.

Part of the pure core: the state of this, and its arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from supervisors.core.protocol import TimerKey
    from supervisors.core.spec import SupervisorSpec


@dataclass(slots=True)
class Parking:
    """Whether a supervisor is parked, until when, and who is on probation."""

    key: TimerKey | None = None
    """The timer of the next probe; None when not parked."""
    delay_s: float = 0.0
    """The last wait."""
    probes: int = 0
    probation: set[str] = field(default_factory=set)
    """Ids of children started by the last probe that have proved nothing yet."""

    @property
    def parked(self) -> bool:
        """Whether the supervisor waits for a probe."""
        return self.key is not None

    def enter(self, culprit: str, spec: SupervisorSpec) -> tuple[TimerKey, float]:
        """Park because of *culprit*: the key of the probe's timer, and the wait in seconds."""
        again = culprit in self.probation
        self.delay_s = min(2 * self.delay_s, spec.probe_max_s) if again else spec.probe_min_s
        self.probes += 1
        self.key = ("probe", "", self.probes)
        return self.key, self.delay_s

    def probe(self, ids: Iterable[str]) -> None:
        """Leave, with *ids* on probation."""
        self.key = None
        self.probation = set(ids)

    def prove(self, child_id: str) -> None:
        """*child_id* has shown that it works."""
        self.probation.discard(child_id)
