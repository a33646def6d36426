"""Reading the books and the tree: one look, from any thread, while everything moves."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from typing import Any

from supervisors import Clock, Slot
from supervisors.system.clock import give_way
from supervisors.system.process import this_process
from telemetry_actors.batch.places import Places
from telemetry_actors.books.books import Books
from telemetry_actors.books.ledger import (
    Admission,
    CaseLedger,
    Ledger,
    MeasurementLine,
    ProviderLine,
    SignalLedger,
    SignalLine,
    SinkLine,
)
from telemetry_actors.books.shards import Shard
from telemetry_actors.books.snapshot import BooksSnapshot
from telemetry_actors.door.door import Door
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.observe._models import (
    BreakerStatus,
    DeadLetterStatus,
    FailureStatus,
    InstrumentStatus,
    MailboxStatus,
    PressureStatus,
    ProcessStatus,
    RefusedTenantStatus,
    SinkStatus,
    TreeNode,
)
from telemetry_actors.observe._problems import problems
from telemetry_actors.observe.counts import (
    came,
    counted,
    mailbox_status,
    plain,
    provider_calls,
    records,
)
from telemetry_actors.observe.sources import Sources
from telemetry_actors.observe.status import Status
from telemetry_actors.ports import MetricRecorder
from telemetry_actors.redaction.redaction import without_secrets
from telemetry_actors.sinks.health import Endpoint, Failure, SinkHealth
from telemetry_actors.sinks.resource import instance_id, package_version
from telemetry_actors.stores.status import PayloadStoreStatus

_LETTERS_SHOWN = 100
_LOOK_AGAIN_S = (0.001, 0.005, 0.02)


class _Found:
    """What is found in the places: distinct serials by case, distinct records by kind."""

    def __init__(self, places: Places) -> None:
        by_serial: dict[int, int] = {}
        records: dict[SignalKind, set[tuple[int, int]]] = {
            SignalKind.LOGS: set(),
            SignalKind.SPANS: set(),
            SignalKind.BRIDGE: set(),
        }
        for kind, item in places.held():
            ticket = item[0]
            by_serial[ticket.serial] = ticket.case_index
            if kind is not None:
                records[kind].add((ticket.serial, item[3]))
        self.by_case = Counter(by_serial.values())
        self.records = {kind: len(distinct) for kind, distinct in records.items()}


def read_ledger(door: Door, places: Places) -> Ledger:
    """One snapshot. See `Ledger.settled`.

    What moves on is for a moment in two places, and the thread that moves it may be waiting for
    its turn right then. So one that does not balance is looked at again.
    """
    ledger = _look(door, places)
    for pause_s in _LOOK_AGAIN_S:
        if ledger.balanced() or not ledger.settled:
            break
        give_way(pause_s)
        ledger = _look(door, places)
    if ledger.emitted > ledger.accepted + sum(ledger.refused.values()):  # an emit() is under way
        return ledger.model_copy(update={"settled": False})
    return ledger


def _look(door: Door, places: Places) -> Ledger:
    """Counts of the door, what is held, the books; then whether any of them has moved meanwhile."""
    books, shards = door.books, door.intake.shards
    before = books.version
    counted = shards.snapshot()
    found = _Found(places)
    booked = books.snapshot()
    settled = before == booked.version and not booked.telling
    settled = settled and shards.snapshot().emitted == counted.emitted
    cases = {name: _case(booked, counted, found, row) for row, name in enumerate(door.cases)}
    return Ledger(
        **_sum(list(cases.values())),
        sources={"emit": sum(counted.emitted)} | booked.by_source(),
        signals=_signals(booked, counted, found),
        by_case={name: case for name, case in cases.items() if case.emitted},
        settled=settled,
    )


def _case(booked: BooksSnapshot, counted: Shard, found: _Found, index: int) -> CaseLedger:
    emitted, told = came(booked, counted, index)
    return CaseLedger(
        emitted=emitted,
        accepted=told.pop(Admission.ACCEPTED),
        refused=plain(+told),
        exported=booked.exported[index],
        duplicate=booked.duplicate[index],
        dropped=plain(booked.dropped[index]),
        in_flight=found.by_case[index],
        assumed=plain(booked.assumed[index]),
    )


def _sum(cases: list[CaseLedger]) -> dict[str, Any]:
    refused: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    assumed: Counter[str] = Counter()
    for case in cases:
        refused.update(case.refused)
        dropped.update(case.dropped)
        assumed.update(case.assumed)
    plain = ("emitted", "accepted", "exported", "duplicate", "in_flight")
    return {
        **{name: sum(getattr(case, name) for case in cases) for name in plain},
        "refused": dict(refused),
        "dropped": dict(dropped),
        "assumed": dict(assumed),
    }


def _signals(booked: BooksSnapshot, counted: Shard, found: _Found) -> SignalLedger:
    made, recorded, left_out = booked.measured
    return SignalLedger(
        logs=_line(booked, found, SignalKind.LOGS, diagnostic=booked.diagnostic),
        spans=_line(booked, found, SignalKind.SPANS, sampled_out=booked.sampled_out),
        bridge=_line(booked, found, SignalKind.BRIDGE),
        measurements=MeasurementLine(made=made, recorded=recorded, left_out=left_out),
        providers=ProviderLine(**provider_calls(booked, counted)),
    )


def _line(booked: BooksSnapshot, found: _Found, kind: SignalKind, **extra: int) -> SignalLine:
    line = booked.lines[kind]
    by_sink = {
        sink: SinkLine(
            exported=tally.exported, dropped=plain(tally.dropped), assumed=plain(tally.assumed)
        )
        for sink, tally in line.by_sink.items()
    }
    return SignalLine(
        made=line.made,
        exported=line.exported,
        dropped=plain(line.dropped),
        assumed=plain(line.assumed),
        in_flight=found.records[kind],
        by_sink=by_sink,
        **extra,
    )


def read_status(of: Sources, *, letters: bool = True) -> Status:
    """One look at the tree, without asking any of its actors."""
    tree = [_node(path, slot) for path, slot in list(of.places.slots.items())]
    mailboxes = [mailbox_status(of, place) for place in of.places]
    counts = counted(of)
    books = of.door.books
    return Status(
        state=_state(of),
        restarts=sum(node.restarts for node in tree),
        tree=tree,
        mailboxes=mailboxes,
        pressure=_pressure(of.door, mailboxes),
        sinks=[_sink(of, sink, kind, health) for (sink, kind), health in of.health.items()],
        dedup=of.dedup.health(),
        parked=[of.door.cases[i] for i in sorted(of.door.enqueuer.parked)],
        instruments=_instruments(of.recorder),
        payload_store=_payload_store(of),
        dead_letters=_letters(books) if letters else [],
        dead_letters_forgotten=books.dead_letters.forgotten,
        dead_letter_files=of.letters.state() if of.letters is not None else None,
        journal=of.journal.status() if of.journal is not None else None,
        problems=problems(of, counts["parkings"], counts["providers"]),
        process=_process(),
        **counts,
    )


def _process() -> ProcessStatus:
    return ProcessStatus(
        version=package_version(),
        pid=this_process().pid,
        instance=instance_id(),
        python=platform.python_version(),
    )


def _instruments(recorder: MetricRecorder | None) -> list[InstrumentStatus]:
    if recorder is None:
        return []
    return [InstrumentStatus(**state._asdict()) for state in recorder.instruments()]


def _sink(of: Sources, sink: str, kind: SignalKind, health: SinkHealth) -> SinkStatus:
    return SinkStatus(
        sink=sink,
        kind=str(kind),
        endpoint=health.endpoint.name,
        healthy=health.healthy,
        failures=health.failures,
        last_failure=health.last_failure,
        warnings=health.warnings,
        last_warning=health.last_warning,
        unreadable_answers=health.unreadable,
        breaker=_breaker(of.clock, health.endpoint),
        last_failures=[_failure(failure) for failure in health.endpoint.failures.copy()],
        **records(of, sink, kind, health),
    )


def _breaker(clock: Clock, endpoint: Endpoint) -> BreakerStatus:
    seen = endpoint.breaker.view(clock.now_s())
    since_ms = clock.now_ns() // 1_000_000 - round(seen.for_s * 1000)
    return BreakerStatus(
        state=str(seen.state),
        since=since_ms * 1_000_000,
        failures=seen.failures,
        next_probe_s=seen.next_probe_s,
    )


def _failure(failure: Failure) -> FailureStatus:
    result = failure.result
    return FailureStatus(
        time=failure.time_ns,
        kind=str(failure.kind),
        verdict=str(result.verdict),
        status_code=result.status_code,
        rpc_code=result.rpc_code,
        rejected=result.rejected,
        message=result.message,
    )


def _payload_store(of: Sources) -> PayloadStoreStatus | None:
    keeper = of.payloads
    if keeper is None or of.bridging or not of.door.settings.payload_store.enabled:
        return None
    names = ("written", "read", "deleted", "failed", "delete_failed", "swept", "inline")
    return PayloadStoreStatus(
        healthy=keeper.healthy,
        objects=len(keeper.objects),
        in_flight_bytes=keeper.in_flight_bytes,
        in_flight=keeper.in_flight,
        breaker=str(keeper.state),
        last_failure=keeper.last_failure,
        **{name: keeper.counts[name] for name in names},
    )


def _letters(books: Books) -> list[DeadLetterStatus]:
    return [
        DeadLetterStatus(
            case=letter.envelope.case,
            tenant_id=letter.envelope.tenant_id,
            event_id=letter.envelope.event_id,
            emitted_at=letter.envelope.emitted_at,
            payload_bytes=len(letter.envelope.payload or b""),
            reason=str(letter.reason),
            stage=letter.stage,
            error=letter.error,
            attribution=letter.attribution,
        )
        for letter in books.letters()[-_LETTERS_SHOWN:]
    ]


def _state(of: Sources) -> str:
    return "parked" if of.state == "running" and "" in of.parkings else of.state


def _node(path: tuple[str, ...], slot: Slot) -> TreeNode:
    current = slot.current
    parked = slot.mailbox.parked
    running = current is not None and current.started and not current.finished
    state = (
        "stopped" if slot.ended else "parked" if parked else "running" if running else "restarting"
    )
    return TreeNode(
        path="/".join(path[1:]),
        state=state,
        incarnation=current.number if current is not None else 0,
        restarts=slot.restarts,
        last_exit=without_secrets(str(slot.last_exit or "")),
    )


def _pressure(door: Door, mailboxes: Sequence[MailboxStatus]) -> PressureStatus:
    pressure, room = door.pressure, door.pressure.room
    return PressureStatus(
        events=room.events,
        events_capacity=pressure.total_events,
        event_bytes=room.event_bytes,
        event_bytes_capacity=pressure.most_bytes,
        record_bytes=sum(sink.queued_bytes for sink in pressure.sinks),
        tenants=room.tenants(),
        oldest_age_s=max((m.oldest_age_s for m in mailboxes), default=0.0),
        overdue_s=max((m.overdue_s for m in mailboxes), default=0.0),
        gave_way=door.pauses.count,
        out_of_memory=door.intake.out_of_memory,
        refused_tenants=[
            RefusedTenantStatus(tenant_id=tenant.tenant_id, refused=tenant.refused)
            for tenant in pressure.refused.most()
        ],
    )
