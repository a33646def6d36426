"""May this event come in: everything that `emit()` does, and the other two ways in.

It owns what the settings say of each case, the content gate, the room that is left, and the
gateway's mailbox. On the threads of whoever emits: it never waits (but 50 us where the tree is
starved), never takes a lock that is held for long, and never raises, but where ``strict`` asks.

For others: `door`, `entries`, `gating`, `pressure`, `registry`, `trace_calls`, `trace_providers`,
and the other ways in, `readmission` (dead letters) and `arrival` (a broker).
"""
