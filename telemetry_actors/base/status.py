"""What every part of `TelemetryGateway.status()` is made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StatusModel(BaseModel):
    """One look at something: frozen, and with no field that isn't declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")
