"""Reading the books and the tree: one look, from any thread, while everything moves."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from typing import Any

from supervisors import Slot
from supervisors.system.clock import give_way
from supervisors.system.process import this_process
from telemetry_actors.batch.places import held
from telemetry_actors.books.ledger import (
    CaseLedger,
    Ledger,
    MeasurementLine,
    ProviderLine,
    Reason,
    SignalLedger,
    SignalLine,
    SinkLine,
)
from telemetry_actors.books.shards import ADMISSIONS, Shard
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.life.burial import bury_calls
from telemetry_actors.life.life import Life
from telemetry_actors.life.stopping import end_unbuilt
from telemetry_actors.observe._problems import problems
from telemetry_actors.observe.counts import counted, mailbox_status, records
from telemetry_actors.observe.status import (
    BreakerStatus,
    DeadLetterStatus,
    DedupStatus,
    FailureStatus,
    InstrumentStatus,
    LetterFilesStatus,
    MailboxStatus,
    PayloadStoreStatus,
    PressureStatus,
    ProcessStatus,
    RefusedTenantStatus,
    SinkStatus,
    Status,
    TreeNode,
)
from telemetry_actors.redaction.redaction import without_secrets
from telemetry_actors.sinks.health import Endpoint, Failure, SinkHealth
from telemetry_actors.sinks.resource import instance_id, package_version

__all__ = ["read_ledger", "read_status"]

_LETTERS_SHOWN = 100
_LOOK_AGAIN_S = (0.001, 0.005, 0.02)


class _Found:
    """What is found in the holders: distinct serials by case, distinct records by kind."""

    def __init__(self, life: Life) -> None:
        by_serial: dict[int, int] = {}
        records: dict[SignalKind, set[tuple[int, int]]] = {
            SignalKind.LOGS: set(),
            SignalKind.SPANS: set(),
            SignalKind.BRIDGE: set(),
        }
        for kind, item in held(life):
            ticket = item[0]
            by_serial[ticket.serial] = ticket.case_index
            if kind is not None:
                records[kind].add((ticket.serial, item[3]))
        self.by_case = Counter(by_serial.values())
        self.records = {kind: len(distinct) for kind, distinct in records.items()}


def read_ledger(life: Life) -> Ledger:
    """One snapshot. See `Ledger.settled`.

    What moves on is for a moment in two places, and the thread that moves it may be waiting for
    its turn right then. So one that does not balance is looked at again.
    """
    if life.state == "stopped":
        end_unbuilt(life, Reason.SHUTDOWN)  # an `emit()` that was under way while we stopped
        bury_calls(life)
    ledger = _look(life)
    for pause_s in _LOOK_AGAIN_S:
        if ledger.balanced() or not ledger.settled:
            break
        give_way(pause_s)
        ledger = _look(life)
    if ledger.emitted > ledger.accepted + sum(ledger.refused.values()):  # an emit() is under way
        return ledger.model_copy(update={"settled": False})
    return ledger


def _look(life: Life) -> Ledger:
    books = life.books
    with books.lock:
        before = books.endings, books.openings
        counted = life.intake.shards.snapshot()
    found = _Found(life)
    with books.lock:
        settled = before == (books.endings, books.openings) and not books.telling
        again = life.intake.shards.snapshot()
        settled = settled and again.emitted == counted.emitted
        cases = {name: _case(life, counted, found, index) for index, name in enumerate(life.cases)}
        signals = _signals(life, counted, found)
        sources = dict(books.by_source())
    present = {name: case for name, case in cases.items() if case.emitted}
    total = _sum(list(cases.values()))
    return Ledger(
        **total,
        sources={"emit": sum(counted.emitted)} | sources,
        signals=signals,
        by_case=present,
        settled=settled,
    )


def _case(life: Life, counted: Shard, found: _Found, index: int) -> CaseLedger:
    books, width = life.books, len(ADMISSIONS)
    cells = counted.refused[index * width : (index + 1) * width]
    by_admission = Counter(dict(zip(ADMISSIONS, cells, strict=True)))
    taken_in, turned_away = books.other_ways(index)
    by_admission.update(turned_away)
    return CaseLedger(
        emitted=counted.emitted[index] + taken_in + turned_away.total(),
        accepted=counted.accepted[index] + taken_in,
        refused={str(a): n for a, n in by_admission.items() if n},
        exported=books.exported[index],
        duplicate=books.duplicate[index],
        dropped=_plain(books.dropped[index]),
        in_flight=found.by_case[index],
        assumed=_plain(books.assumed[index]),
    )


def _plain(counts: Counter[str]) -> dict[str, int]:
    return {str(reason): n for reason, n in counts.items()}


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


def _signals(life: Life, counted: Shard, found: _Found) -> SignalLedger:
    books = life.books
    given, full = counted.given
    # Counted at the door (trace managers; what it hands over by itself), and by the tree.
    providers = Counter(books.providers) + Counter({"given": given, "full": full})
    return SignalLedger(
        logs=_line(life, found, SignalKind.LOGS, diagnostic=books.diagnostic),
        spans=_line(life, found, SignalKind.SPANS, sampled_out=books.sampled_out),
        bridge=_line(life, found, SignalKind.BRIDGE),
        measurements=MeasurementLine(
            made=books.measured[0], recorded=books.measured[1], left_out=books.measured[2]
        ),
        providers=ProviderLine(**providers),
    )


def _line(life: Life, found: _Found, kind: SignalKind, **extra: int) -> SignalLine:
    line = life.books.lines[kind]
    by_sink = {
        sink: SinkLine(
            exported=tally.exported, dropped=_plain(tally.dropped), assumed=_plain(tally.assumed)
        )
        for sink, tally in line.by_sink.items()
    }
    return SignalLine(
        made=line.made,
        exported=line.exported,
        dropped=_plain(line.dropped),
        assumed=_plain(line.assumed),
        in_flight=found.records[kind],
        by_sink=by_sink,
        **extra,
    )


def read_status(life: Life, *, letters: bool = True) -> Status:
    """One look at the tree, without asking any of its actors.

    Args:
        life: whose.
        letters: with the dead letters.
    """
    tree = [_node(path, slot) for path, slot in list(life.slots.items())]
    mailboxes = [mailbox_status(life, holder) for holder in life.holders()]
    counts = counted(life)
    return Status(
        state=_state(life),
        restarts=sum(node.restarts for node in tree),
        tree=tree,
        mailboxes=mailboxes,
        pressure=_pressure(life, mailboxes),
        sinks=[_sink(life, sink, kind, health) for (sink, kind), health in life.health.items()],
        dedup=DedupStatus(**life.dedup.health()._asdict()),
        parked=[life.cases[i] for i in sorted(life.intake.parked)],
        instruments=_instruments(life),
        payload_store=_payload_store(life),
        dead_letters=_letters(life) if letters else [],
        dead_letters_forgotten=life.books.dead_letters.forgotten,
        dead_letter_files=_letter_files(life),
        journal=life.journal.status() if life.journal is not None else None,
        problems=problems(life, counts["parkings"], counts["providers"]),
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


def _instruments(life: Life) -> list[InstrumentStatus]:
    if life.recorder is None:
        return []
    return [InstrumentStatus(**state._asdict()) for state in life.recorder.instruments()]


def _sink(life: Life, sink: str, kind: SignalKind, health: SinkHealth) -> SinkStatus:
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
        breaker=_breaker(life, health.endpoint),
        last_failures=[_failure(failure) for failure in health.endpoint.failures.copy()],
        **records(life, sink, kind, health),
    )


def _breaker(life: Life, endpoint: Endpoint) -> BreakerStatus:
    seen = endpoint.breaker.view(life.clock.now_s())
    since_ms = life.clock.now_ns() // 1_000_000 - round(seen.for_s * 1000)
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


def _payload_store(life: Life) -> PayloadStoreStatus | None:
    keeper = life.payloads
    if keeper is None or life.bridging or not life.settings.payload_store.enabled:
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


def _letters(life: Life) -> list[DeadLetterStatus]:
    with life.books.lock:
        letters = life.books.dead_letters.list()[-_LETTERS_SHOWN:]
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
        for letter in letters
    ]


def _letter_files(life: Life) -> LetterFilesStatus | None:
    if life.letters is None:
        return None
    directory = str(life.settings.dead_letters.directory)
    return LetterFilesStatus(directory=directory, **life.letters.state()._asdict())


def _state(life: Life) -> str:
    return "parked" if life.state == "running" and life.tree_parked() else life.state


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


def _pressure(life: Life, mailboxes: Sequence[MailboxStatus]) -> PressureStatus:
    pressure, room = life.pressure, life.pressure.room
    return PressureStatus(
        events=room.events,
        events_capacity=pressure.total_events,
        event_bytes=room.event_bytes,
        event_bytes_capacity=pressure.most_bytes,
        record_bytes=sum(sink.queued_bytes for sink in pressure.sinks),
        tenants=room.tenants(),
        oldest_age_s=max((m.oldest_age_s for m in mailboxes), default=0.0),
        overdue_s=max((m.overdue_s for m in mailboxes), default=0.0),
        gave_way=life.pauses.count,
        out_of_memory=life.intake.out_of_memory,
        refused_tenants=[
            RefusedTenantStatus(tenant_id=tenant.tenant_id, refused=tenant.refused)
            for tenant in pressure.refused.most()
        ],
    )
