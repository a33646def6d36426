"""What every tree is made of: the words of it, and how one mailbox or one child is described.

Below `tree.py` and `tree/_bridge.py`, which say who is in a tree and who feeds whom.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from supervisors import ChildSpec, Mailbox, MailboxSpec, Runtime, SupervisorSpec
from telemetry_actors.batch.places import Path, Place
from telemetry_actors.event.cases import CASE_ROUTING
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import Sink
from telemetry_actors.sinks.actor import RecordSinkActor
from telemetry_actors.sinks.patience import Patience, patience_of
from telemetry_actors.sinks.retry import RetryPlan
from telemetry_actors.stages import Route, TraceProviderActor
from telemetry_actors.tree.overrides import overridden
from telemetry_actors.tree.parts import Parts

HANDLER = "handler"
"""Id of the one child of each case's supervisor."""

STAGES_THREAD = "telemetry-stages"


class Tree(NamedTuple):
    """A spec, and the mailboxes that it is to run on."""

    spec: SupervisorSpec
    places: tuple[Place, ...]
    """Upstream to downstream."""
    providers: Mailbox
    metrics: tuple[Path, ...]
    """The metric sinks."""

    def adopt(self, runtime: Runtime) -> None:
        """Give *runtime* the mailboxes."""
        for place in self.places:
            runtime.adopt(place.path, place.mailbox)
        runtime.adopt(("root", "sinks", "providers"), self.providers)


def charge(item: Any) -> int:
    """Bytes that *item* weighs in a mailbox."""
    charged: int = item[0][2]  # Ticket.charged_bytes
    return charged


def sink_id(sinks: int, sink: str, kind: SignalKind) -> str:
    """Id of the actor for *kind* at *sink*, one of so many."""
    return str(kind) if sinks == 1 else f"{kind}-{sink}"


class Blueprint:
    """Base of whoever describes a tree.

    Args:
        definitions: of all cases that have a handler, here or in the fleet.
    """

    def __init__(self, parts: Parts, definitions: Sequence[CaseDefinition[object]]) -> None:
        self._parts = parts
        self._settings = parts.settings
        self._batch = parts.settings.gateway.batch_events
        self._definitions = definitions
        self._router = self._stage_mailbox()

    def build(self) -> Tree:
        """Make mailboxes, wire them, and describe who is to be started."""
        raise NotImplementedError

    def _tree(
        self,
        groups: Sequence[ChildSpec],
        places: Iterable[Place],
        metrics: tuple[Path, ...],
        *,
        has_sink: bool,
    ) -> Tree:
        spec = self._supervisor(groups, on_intensity="park")
        file, bridging = self._settings.config, self._parts.bridging
        if file is not None:
            named = self._settings.origin.names.get("config", "config")
            spec = overridden(spec, file, has_sink=has_sink, bridging=bridging, named=named)
        return Tree(spec, tuple(places), self._parts.providers, metrics)

    # -- mailboxes --------------------------------------------------------------------------------

    def _stage_mailbox(self) -> Mailbox:
        batches = self._settings.stages.mailbox_batches
        spec = MailboxSpec(
            max_items=batches * self._batch,
            batch_max_items=self._batch,
            batch_max_bytes=self._settings.gateway.batch_bytes,  # a handler holds all of it twice
        )
        return Mailbox(spec, charge)

    def _sink_mailbox(self, of: int) -> Mailbox:
        """One of so many: together they get half of all bytes at most (ADR-0014)."""
        sink, all_bytes = self._settings.sink, self._settings.gateway.total_bytes
        spec = MailboxSpec(
            max_items=sink.mailbox_records,
            max_bytes=min(sink.mailbox_bytes, max(1, all_bytes // 2 // of)),
            linger_s=sink.linger_s,
            batch_max_items=sink.batch_records,
            batch_max_bytes=sink.batch_bytes,
        )
        return Mailbox(spec, charge)

    # -- children ---------------------------------------------------------------------------------

    def _supervisor(self, children: Sequence[ChildSpec], **options: Any) -> SupervisorSpec:
        limits = self._settings.supervision
        return SupervisorSpec(
            children=tuple(children),
            intensity=limits.intensity,
            period_s=limits.period_s,
            count_progress=True,
            probe_min_s=limits.park_probe_min_s,
            probe_max_s=limits.park_probe_max_s,
            **options,
        )

    def _group(self, id_: str, children: Sequence[ChildSpec], **options: Any) -> ChildSpec:
        return ChildSpec(id_, self._supervisor(children, **options), type="supervisor")

    def _stage(
        self, id_: str, actor: type, *, dispatcher: str = STAGES_THREAD, **kwargs: object
    ) -> ChildSpec:
        return ChildSpec(
            id_,
            actor,
            args=(self._parts.books,),
            kwargs=kwargs,
            dispatcher=dispatcher,
            hang_after_s=self._settings.supervision.hang_deadline_s,
        )

    def _id(self, sink: Sink, kind: SignalKind) -> str:
        return sink_id(len(self._parts.sinks), sink.name, kind)

    def _sink(self, id_: str, actor: type, *args: object, **kwargs: object) -> ChildSpec:
        hang_after_s = self._settings.supervision.sink_hang_deadline_s
        return ChildSpec(id_, actor, args=args, kwargs=kwargs, hang_after_s=hang_after_s)

    def _record_sink(self, sink: Sink, kind: SignalKind, max_bytes: int) -> ChildSpec:
        parts = self._parts
        return self._sink(
            self._id(sink, kind),
            RecordSinkActor,
            kind,
            sink,
            parts.books,
            **self._common(),
            plan=self._plan(),
            breaker=parts.breaker(sink.name, kind),
            max_bytes=max_bytes,
            holds=parts.journal and parts.journal.holds,
        )

    def _common(self) -> dict[str, object]:
        """What every sink's actor is given."""
        return {
            "clock": self._parts.clock,
            "attempt_timeout_s": self._patience().attempt_timeout_s,
            "budget": self._parts.budget,
            "note": self._parts.note,
            "note_export": self._parts.note_export,
        }

    def _provider_child(self) -> ChildSpec:
        return self._sink("providers", TraceProviderActor, self._parts.books)

    def _patience(self) -> Patience:
        return patience_of(self._settings, bridging=self._parts.bridging)

    def _plan(self) -> Callable[[float], RetryPlan]:
        waits, rng = self._patience(), random.Random(self._parts.clock.now_ns())  # noqa: S311 -- spreads retries
        return partial(
            RetryPlan,
            give_up_s=waits.give_up_s,
            min_s=waits.backoff_min_s,
            max_s=waits.backoff_max_s,
            most_asked_s=waits.max_retry_after_s,
            rng=rng,
        )

    def _routes(self) -> Mapping[str, Route]:
        own = [definition.route for definition in self._parts.registered.values()]
        handled = {str(definition.case) for definition in self._definitions}
        return {
            str(route.case): Route(str(route.case) in handled, route.task_name)
            for route in (*CASE_ROUTING.values(), *own)
        }
