"""What a stop has done: the answer of `TelemetryGateway.stop`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StopReport(BaseModel):
    """What `stop()` did with what was still there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drained: bool
    """Everything accepted had its outcome in time."""
    metrics_exported: bool
    shutdown: int
    """Events dropped as ``shutdown``."""
    unconfirmed: int
    """Events whose last request had not been answered."""
    kept: int = 0
    """Events that the journal keeps for the next start; the ledger has them in flight."""
    seconds: float
    threads_left: int
    """Threads that were stuck and have been left behind."""
