"""What is measured: one file each. ``cells()`` says it, ``measure()`` does it in a child."""

from __future__ import annotations

import importlib
from typing import Any

from benchmarks.beside import Scenario

__all__ = ["SCENARIOS", "scenario"]

SCENARIOS = (
    "flood",
    "peers",
    "paced",
    "emit",
    "loop",
    "busy",
    "starvation",
    "idle",
    "startup",
    "memory",
    "hour",
    "otel",
    "journal",
    "redis",
)


def scenario(name: str) -> Scenario:
    """Its file, imported."""
    module: Any = importlib.import_module(f"benchmarks.scenarios.{name}")
    found: Scenario = module
    return found
