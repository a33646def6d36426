"""Where things are remembered: dedup claims."""

from telemetry_actors.stores.memory import MemoryDedupStore

__all__ = ["MemoryDedupStore"]
