"""Where things are remembered: claims of event ids, payloads, dead letters, the journal.

The room owns what outlasts a crash of the tree or of the process, and the waits for disks and
servers. It never decides about an event, and never holds up the thread of whoever emits.

For others: `memory`, `redis_dedup`, `payload_keeper`, `status`, and the rooms `journal` and
`letters`.
"""

from telemetry_actors.stores.memory import MemoryDedupStore

__all__ = ["MemoryDedupStore"]
