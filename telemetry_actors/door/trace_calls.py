"""Calls of trace managers and providers, on their way to the actor that makes them.

Beside the way of an event: ``emit() | router -> [here] -> trace provider actor``. It owns that
actor's mailbox, and whom to call. Any thread; takes no lock but the books', and never waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisors import Mailbox, MailboxSpec
from telemetry_actors.event.envelope import Envelope, charge_of

if TYPE_CHECKING:
    from telemetry_actors.books.books import Books
    from telemetry_actors.door.trace_providers import TraceProviders
    from telemetry_actors.settings import ProviderSettings


class TraceCalls:
    """Takes calls, and gives each registered provider its own.

    Args:
        providers: who, besides an event's trace manager, gets each trace task.
        books: count what is given, and what is full.
    """

    def __init__(self, settings: ProviderSettings, providers: TraceProviders, books: Books) -> None:
        self.providers = providers
        self.mailbox = Mailbox(
            MailboxSpec(
                max_items=settings.mailbox_calls,
                max_bytes=settings.mailbox_bytes,
                batch_max_items=64,
            ),
            lambda call: charge_of(call[2]),
        )
        self._books = books

    def offer(self, companion: object, task_name: str, envelope: Envelope) -> bool:
        """Hand a call to the actor. False: full. Any thread, no lock, no wait."""
        size = charge_of(envelope)  # it may outlive its event, which is charged for it elsewhere
        box, waiting = self.mailbox, len(self.mailbox.user)
        if waiting >= box.max_items or (waiting and box.queued_bytes + size > box.max_bytes):
            return False
        box.append((companion, task_name, envelope), size)
        return True

    def give(self, manager: object, task_name: str, envelope: Envelope) -> None:
        """Hand a task to the trace manager, if one came with it, and to each provider; count.

        The router's thread. (That a manager was given is counted at the door.)
        """
        providers = self.providers.now()
        if providers:
            self._books.count_provider("given", len(providers))
        for companion in ([] if manager is None else [manager]) + providers:
            if not self.offer(companion, task_name, envelope):
                self._books.count_provider("full")
