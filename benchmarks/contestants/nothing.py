"""The loop alone: what the others' figures hold beside themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.contestants.base import Event
from benchmarks.workloads import Workload

__all__ = ["Nothing", "running"]


class Nothing:
    """Takes events and forgets them."""

    def emit(self, event: Event) -> object:
        """Nothing."""
        return None

    def in_flight(self, handed: int) -> int:
        """None wait."""
        return 0

    def settle(self) -> None:
        """At once."""

    def flush(self) -> None:
        """At once."""

    def figures(self) -> dict[str, float]:
        """None."""
        return {}


@contextmanager
def running(endpoint: str, workload: Workload, options: Mapping[str, Any]) -> Iterator[Nothing]:
    """It needs nothing."""
    yield Nothing()
