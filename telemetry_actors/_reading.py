"""Reading the books and the tree: one look, from any thread, while everything moves."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from supervisors import Slot
from telemetry_actors._burial import bury_calls
from telemetry_actors._life import Life
from telemetry_actors._shards import ADMISSIONS, Shard
from telemetry_actors._stopping import end_unbuilt
from telemetry_actors.ledger import (
    Admission,
    CaseLedger,
    Ledger,
    MeasurementLine,
    ProviderLine,
    Reason,
    SignalLedger,
    SignalLine,
    SinkLine,
)
from telemetry_actors.signals import SignalKind
from telemetry_actors.status import (
    DeadLetterStatus,
    InstrumentStatus,
    MailboxStatus,
    PressureStatus,
    RefusedTenantStatus,
    SinkStatus,
    Status,
    TreeNode,
)

if TYPE_CHECKING:
    from telemetry_actors.tree import Holder

__all__ = ["read_ledger", "read_status"]

_LETTERS_SHOWN = 100


class _Held:
    """What is found in the holders: distinct serials by case, distinct records by kind."""

    def __init__(self, life: Life) -> None:
        by_serial: dict[int, int] = {}
        records: dict[SignalKind, set[tuple[int, int]]] = {
            SignalKind.LOGS: set(),
            SignalKind.SPANS: set(),
        }
        for kind, item in life.held():
            ticket = item[0]
            by_serial[ticket.serial] = ticket.case_index
            if kind is not None:
                records[kind].add((ticket.serial, item[3]))
        self.by_case = Counter(by_serial.values())
        self.records = {kind: len(found) for kind, found in records.items()}


def read_ledger(life: Life) -> Ledger:
    """One snapshot. See `Ledger.settled`."""
    books = life.books
    if life.state == "stopped":
        end_unbuilt(life, Reason.SHUTDOWN)  # an `emit()` that was under way while we stopped
        bury_calls(life)
    with books.lock:
        before = books.endings
        counted = life.intake.shards.snapshot()
    held = _Held(life)
    with books.lock:
        settled = before == books.endings
        again = life.intake.shards.snapshot()
        settled = settled and again.emitted == counted.emitted
        cases = {name: _case(life, counted, held, index) for index, name in enumerate(life.cases)}
        signals = _signals(life, counted, held)
    present = {name: case for name, case in cases.items() if case.emitted}
    total = _sum(list(cases.values()))
    return Ledger(
        **total,
        sources={"emit": total["emitted"]},
        signals=signals,
        by_case=present,
        settled=settled,
    )


def _case(life: Life, counted: Shard, held: _Held, index: int) -> CaseLedger:
    books, width = life.books, len(ADMISSIONS)
    cells = counted.admissions[index * width : (index + 1) * width]
    by_admission = dict(zip(ADMISSIONS, cells, strict=True))
    accepted = by_admission.pop(Admission.ACCEPTED)
    return CaseLedger(
        emitted=counted.emitted[index],
        accepted=accepted,
        refused={str(a): n for a, n in by_admission.items() if n},
        exported=books.exported[index],
        duplicate=books.duplicate[index],
        dropped={str(reason): n for reason, n in books.dropped[index].items()},
        in_flight=held.by_case[index],
    )


def _sum(cases: list[CaseLedger]) -> dict[str, Any]:
    refused: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    for case in cases:
        refused.update(case.refused)
        dropped.update(case.dropped)
    plain = ("emitted", "accepted", "exported", "duplicate", "in_flight")
    return {
        **{name: sum(getattr(case, name) for case in cases) for name in plain},
        "refused": dict(refused),
        "dropped": dict(dropped),
    }


def _signals(life: Life, counted: Shard, held: _Held) -> SignalLedger:
    books = life.books
    given, full = counted.given
    # Counted at the door (trace managers; what it hands over by itself), and by the tree.
    providers = Counter(books.providers) + Counter({"given": given, "full": full})
    return SignalLedger(
        logs=_line(life, held, SignalKind.LOGS, diagnostic=books.diagnostic),
        spans=_line(life, held, SignalKind.SPANS, sampled_out=books.sampled_out),
        measurements=MeasurementLine(made=books.measured[0], recorded=books.measured[1]),
        providers=ProviderLine(**providers),
    )


def _line(life: Life, held: _Held, kind: SignalKind, **extra: int) -> SignalLine:
    line = life.books.lines[kind]
    by_sink = {
        sink: SinkLine(exported=exported[0], dropped=dict(dropped))
        for sink, (exported, dropped) in line.by_sink.items()
    }
    return SignalLine(
        made=line.made,
        exported=line.exported,
        dropped=dict(line.dropped),
        in_flight=held.records[kind],
        by_sink=by_sink,
        **extra,
    )


def read_status(life: Life) -> Status:
    """One look at the tree, without asking any of its actors."""
    tree = [_node(path, slot) for path, slot in list(life.slots.items())]
    mailboxes = [_mailbox(life, holder) for holder in life.holders()]
    return Status(
        state=_state(life),
        restarts=sum(node.restarts for node in tree),
        tree=tree,
        mailboxes=mailboxes,
        pressure=_pressure(life, mailboxes),
        sinks=[
            SinkStatus(
                sink=sink,
                kind=str(kind),
                healthy=health.healthy,
                failures=health.failures,
                last_failure=health.last_failure,
            )
            for (sink, kind), health in list(life.health.items())
        ],
        parked=[life.cases[i] for i in sorted(life.intake.parked)],
        instruments=_instruments(life),
        dead_letters=_letters(life),
        dead_letters_forgotten=life.books.dead_letters.forgotten,
        problems=_problems(life),
    )


def _instruments(life: Life) -> list[InstrumentStatus]:
    if life.recorder is None:
        return []
    return [InstrumentStatus(**state._asdict()) for state in life.recorder.instruments()]


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
        )
        for letter in letters
    ]


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
        last_exit=str(slot.last_exit or ""),
    )


def _mailbox(life: Life, holder: Holder) -> MailboxStatus:
    mailbox, slot = holder.mailbox, life.slots.get(holder.path)
    return MailboxStatus(
        path="/".join(holder.path[1:]),
        items=len(mailbox),
        items_capacity=mailbox.spec.max_items,
        queued_bytes=mailbox.queued_bytes,
        bytes_capacity=mailbox.spec.max_bytes,
        oldest_age_s=life.lateness.oldest_age_s(mailbox, slot),
        overdue_s=life.lateness.overdue_at_s(mailbox, slot) if slot is not None else 0.0,
    )


def _pressure(life: Life, mailboxes: list[MailboxStatus]) -> PressureStatus:
    pressure = life.pressure
    events, event_bytes = pressure.in_flight()
    return PressureStatus(
        events=events,
        events_capacity=pressure.total_events,
        event_bytes=event_bytes,
        event_bytes_capacity=pressure.most_bytes,
        record_bytes=sum(sink.queued_bytes for sink in pressure.sinks),
        tenants=pressure.tenants.active(),
        oldest_age_s=max((m.oldest_age_s for m in mailboxes if m.oldest_age_s), default=None),
        overdue_s=max((m.overdue_s for m in mailboxes), default=0.0),
        gave_way=life.pauses.count,
        refused_tenants=[
            RefusedTenantStatus(tenant_id=tenant.tenant_id, refused=tenant.refused)
            for tenant in pressure.refused.most()
        ],
    )


def _problems(life: Life) -> list[str]:
    found = [
        f"sink {sink}/{kind} fails: {health.last_failure}"
        for (sink, kind), health in list(life.health.items())
        if not health.healthy
    ]
    if life.tree is not None and not life.sinks:
        found.append("no sink: events end as dropped (no_sink)")
    found += [
        f"{name} has {sets} label sets: {overflowed} values of others are in otel.metric.overflow"
        for name, sets, overflowed in (life.recorder.instruments() if life.recorder else ())
        if overflowed
    ]
    return found
