"""What this process alone knows of an event that it has admitted. Never packed, never sent."""

from __future__ import annotations

from typing import Any, NamedTuple


class Share:
    """What one tenant has in memory, or a few of them together. Numbers: any thread."""

    __slots__ = ("event_bytes", "events", "number", "tenant_id")

    def __init__(self, tenant_id: str, number: int) -> None:
        self.tenant_id = tenant_id
        self.number = number
        """Its place in `Room.numbered`: what tickets carry."""
        self.events = 0
        self.event_bytes = 0

    def __repr__(self) -> str:
        return f"<Share {self.events} events, {self.event_bytes} B>"


class Ticket(NamedTuple):
    """What this process knows of an admitted event. Never packed."""

    serial: int
    """Admission serial: unique in the process, rising."""
    case_index: int
    """Column of the books."""
    charged_bytes: int
    """What the event weighs in every mailbox."""
    companion: Any = None
    """The host's trace manager, until the router takes it off."""
    place: int | None = None
    """Where the event is in the journal; None: it is not in one."""
    measured: bool = False
    """A replay: its measurements were recorded before, and are not recorded again."""
    thread: int = 0
    """Ident of the thread that emitted it: order is kept per thread, tenant and case (g07)."""
    packed: bytes | None = None
    """The payload of an off-loaded event that trace managers get, until the router takes it."""
    bridged: bool = False
    """A broker has it until its outcome, and delivers it again if this process ends before."""
    share: int | None = None
    """Number of its tenant's `Share`: what it takes of the room in memory is counted there. None:
    it takes none, since it is on disk alone."""
