"""g08 with a journal: what is durable ends by its outcome and by nothing else.

Real ends of a process are in tests/faults/test_journal.py; here a stop, a full memory, caps.
"""

import os
import threading
from pathlib import Path

import pytest

from supervisors.run.words import Vanished
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.signals import Instrument, Signals
from telemetry_actors.life import stopping as _stopping
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.stores.journal import Journal, _outcomes
from telemetry_actors.testing import RecordingSink, registered_case
from tests.stopwatch import Stopwatch
from tests.telemetry_actors.handlers.required import REQUIRED
from tests.telemetry_actors.test_definition import a_case

TENANT = {"tenant_id": "acme"}
APP = {"app_id": "a1", "mode": "chat"}
RUN = REQUIRED[TelemetryCase.WORKFLOW_RUN]
NIMBLE = {
    "gateway": {"linger_s": 0.005, "batch_events": 16},
    "sink": {"linger_s": 0, "batch_records": 16},
    "otlp": {"backoff_min_s": 0.005, "backoff_max_s": 0.01, "attempt_timeout_s": 0.1},
}
CRAMPED = {
    **NIMBLE,
    "gateway": {"linger_s": 0, "batch_events": 16, "mailbox_events": 64},
    "stages": {"mailbox_batches": 1},
    "sink": {"linger_s": 0, "batch_records": 16, "mailbox_records": 16},
}


def a_log(facts, _payload, _settings):
    return Signals((facts.log("shop.billing.closed", {}),), (), ())


class Receiver(RecordingSink):
    """Answers 503 while it is down."""

    def __init__(self, *, up=True):
        super().__init__()
        self.up = up
        self.asked = 0

    def export(self, kind, encoded, timeout_s):
        self.asked += 1
        if not self.up:
            return ExportResult(Verdict.RETRY, message="HTTP 503")
        return super().export(kind, encoded, timeout_s)

    @property
    def uids(self):
        return [log.attributes["log.record.uid"] for log in self.logs]


def a_gateway(directory, receiver, **settings):
    journal = {"directory": directory, **settings.pop("journal", {})}
    return TelemetryGateway(
        TelemetrySettings.enabled(**{**NIMBLE, **settings}, journal=journal), sinks=[receiver]
    )


def until(condition, within_s=8.0):
    pause, waited_s = threading.Event(), 0.0
    while not condition():
        assert waited_s < within_s, "too late"
        pause.wait(0.005)
        waited_s += 0.005


def emit(gateway, ids):
    """Patiently: each is accepted."""
    for event_id in ids:
        until(gateway.has_room)
        assert gateway.emit("app_created", TENANT, APP, event_id=event_id)


def a_stop_that_keeps(directory, ids, stop_s=0.4, **settings):
    """The books and the report of a process whose receiver is down to the end."""
    gateway = a_gateway(directory, Receiver(up=False), **settings).start()
    emit(gateway, ids)
    until(lambda: gateway.status().journal.durable == len(ids))
    report = gateway.stop(stop_s)
    return gateway.ledger(), report


IDS = [f"e{n:04}" for n in range(100)]


def test_g08_what_a_stop_leaves_is_kept_and_the_next_start_delivers_it(tmp_path):
    ledger, report = a_stop_that_keeps(tmp_path, IDS)

    assert (report.kept, report.shutdown, report.unconfirmed) == (100, 0, 0)
    assert (ledger.in_flight, ledger.dropped) == (100, {})
    assert ledger.balanced()

    receiver = Receiver()
    with a_gateway(tmp_path, receiver) as gateway:
        until(lambda: len(receiver.logs) == 100)
        assert gateway.flush(5)
        ledger = gateway.ledger()
        journal = gateway.status().journal
    assert receiver.uids == IDS
    assert ledger.sources == {"emit": 0, "journal": 100}
    assert (ledger.emitted, ledger.accepted, ledger.exported) == (100, 100, 100)
    assert ledger.balanced()
    assert (journal.recovered, journal.lost_on_crash, journal.damaged) == (100, 0, 0)
    assert list(tmp_path.iterdir()) == []


def test_g08_wherever_it_is_when_the_tree_stops_it_is_kept(tmp_path):
    """In every mailbox and batch on the way, and on disk alone; runs have a log and a span each."""
    gateway = a_gateway(tmp_path, Receiver(up=False), **CRAMPED).start()
    for n in range(300):
        until(gateway.has_room)
        run = {**RUN, "workflow_run_id": f"123e4567-e89b-12d3-a456-{n:012}"}
        assert gateway.emit("workflow_run", TENANT, run, event_id=f"r{n}")
    until(lambda: gateway.status().journal.durable == 300)
    report = gateway.stop(0.4)
    ledger = gateway.ledger()

    assert (report.kept, report.shutdown, report.unconfirmed) == (300, 0, 0)
    assert ledger.in_flight == 300
    assert ledger.balanced()
    receiver = Receiver()
    with a_gateway(tmp_path, receiver) as gateway:
        until(lambda: gateway.ledger().exported == 300)
        assert gateway.flush(5)
        assert gateway.ledger().balanced()
    assert sorted(receiver.uids) == sorted(f"r{n}" for n in range(300))
    assert len(receiver.spans) == 300


def test_g08_what_still_waits_at_the_door_of_a_stopping_tree_is_kept_too(tmp_path):
    gateway = a_gateway(tmp_path, Receiver())
    gateway._life.door.enqueuer.asleep = False  # as if the thread that builds it were slow
    gateway.emit("app_created", TENANT, APP, event_id="early")
    report = gateway.stop(0.1)

    assert (report.kept, report.shutdown) == (1, 0)
    assert gateway.ledger().balanced()
    door = gateway._life.places.gateway  # it went in three times, and is charged once
    assert door.queued_bytes == sum(ticket.charged_bytes for ticket, _ in door.held()) > 0
    receiver = Receiver()
    with a_gateway(tmp_path, receiver):
        until(lambda: receiver.uids == ["early"])


def test_g08_what_the_gateway_has_in_hand_when_it_ends_is_kept_too(tmp_path, monkeypatch):
    """Its thread is gone before it has written them, and nobody has noticed when the stop comes."""
    gateway = a_gateway(tmp_path, Receiver(), supervision={"sweep_interval_s": 60.0}).start()
    journal, gone = gateway._life.stores.journal, threading.Event()

    def append(_items):
        gone.set()
        raise Vanished

    with monkeypatch.context() as patch:
        patch.setattr(journal, "append", append)
        emit(gateway, IDS[:3])
        assert gone.wait(8)
    report = gateway.stop(0.2)

    assert (report.kept, report.shutdown) == (3, 0)
    assert gateway.ledger().in_flight == 3
    assert gateway.ledger().balanced()
    receiver = Receiver()
    with a_gateway(tmp_path, receiver):
        until(lambda: receiver.uids == IDS[:3])


def test_g08_a_stop_waits_for_the_write_that_is_under_way(tmp_path, monkeypatch):
    """Else what it writes was counted as shutdown and kept as well; what waited was lost."""
    gateway = a_gateway(tmp_path, Receiver()).start()
    index, at_work, go = gateway._life.stores.journal._index, threading.Event(), threading.Event()
    add, put_away = index.add, _stopping.put_away

    def add_late(*args):
        at_work.set()
        assert go.wait(8)
        return add(*args)

    def put_away_meanwhile(*args):
        go.set()
        put_away(*args)

    monkeypatch.setattr(index, "add", add_late)
    monkeypatch.setattr(_stopping, "put_away", put_away_meanwhile)
    emit(gateway, IDS[:1])
    assert at_work.wait(8)
    emit(gateway, IDS[1:3])
    gateway.stop(0.1)
    until(lambda: gateway.status().state == "stopped")

    report, ledger = gateway.stop(5), gateway.ledger()
    assert (report.kept, report.shutdown, ledger.in_flight) == (3, 0, 3)
    assert ledger.balanced()


def test_g08_a_receiver_that_is_down_for_longer_than_give_up_costs_nothing(tmp_path):
    receiver = Receiver(up=False)
    otlp = {**NIMBLE["otlp"], "give_up_s": 0.1}
    with a_gateway(tmp_path, receiver, otlp=otlp) as gateway:
        emit(gateway, IDS[:10])
        assert not gateway.flush(0.6)
        assert gateway.ledger().in_flight == 10
        receiver.up = True
        assert gateway.flush(5)
        ledger = gateway.ledger()
    assert (ledger.exported, ledger.dropped) == (10, {})


def test_g08_what_memory_has_no_room_for_waits_on_disk_and_comes_back_in_order(tmp_path):
    ids = [f"e{n:04}" for n in range(1_000)]
    receiver = Receiver(up=False)
    with a_gateway(tmp_path, receiver, **CRAMPED) as gateway:
        emit(gateway, ids)
        until(lambda: gateway.status().journal.spilled > 500)
        ledger = gateway.ledger()
        assert ledger.in_flight == 1_000
        assert ledger.balanced()
        in_memory = sum(m.items for m in gateway.status().mailboxes)
        assert in_memory < 300
        receiver.up = True
        assert gateway.flush(8)
        ledger = gateway.ledger()
    assert receiver.uids == ids
    assert (ledger.accepted, ledger.exported) == (1_000, 1_000)
    assert gateway.status().journal.evicted == 0


def test_g04_what_is_on_disk_alone_takes_no_room_and_pays_for_it_when_it_comes_back(tmp_path):
    """Stages and sinks could hold them all; memory may not."""
    ids = [f"e{n:04}" for n in range(2_000)]
    receiver = Receiver(up=False)
    small = {"linger_s": 0, "batch_events": 16, "mailbox_events": 64, "total_events": 200}
    with a_gateway(tmp_path, receiver, gateway=small) as gateway:
        emit(gateway, ids)

        def what_is_not_on_disk_takes_room():
            status = gateway.status()
            in_memory = 2_000 - status.journal.spilled
            return (
                in_memory <= 100 + 16 and status.pressure.events == in_memory
            )  # calm, and a batch

        until(what_is_not_on_disk_takes_room)
        ledger = gateway.ledger()
        assert ledger.in_flight == 2_000 and ledger.balanced()
        receiver.up = True
        assert gateway.flush(8)
        ledger, pressure = gateway.ledger(), gateway.status().pressure
    assert receiver.uids == ids
    assert ledger.exported == ledger.accepted == 2_000
    assert (pressure.events, pressure.event_bytes, pressure.tenants) == (0, 0, 0)


def test_g04_what_comes_back_from_disk_is_no_more_than_there_is_room_for(tmp_path):
    """Else a receiver that is well for a moment would fill memory, and nobody else had any."""

    class Brief(Receiver):
        takes = 0

        def export(self, kind, encoded, timeout_s):
            self.up = self.takes > 0
            self.takes -= self.up
            return super().export(kind, encoded, timeout_s)

    receiver, ids = Brief(up=False), [f"e{n:04}" for n in range(1_000)]
    small = {"linger_s": 0, "batch_events": 16, "mailbox_events": 64, "total_events": 200}
    with a_gateway(tmp_path, receiver, gateway=small) as gateway:
        emit(gateway, ids)
        until(lambda: not gateway._here().door.pressure._queue)
        before = gateway.status().journal.spilled
        receiver.takes = 2
        until(lambda: gateway.status().journal.spilled < before)
        assert gateway.status().pressure.events <= 100  # calm
        until(gateway.has_room)
        receiver.takes = 1_000
        assert gateway.flush(8)
    assert receiver.uids == ids


def test_g08_a_journal_that_is_full_of_what_waits_takes_no_more_and_emit_refuses(tmp_path):
    receiver = Receiver(up=False)
    caps = {"segment_bytes": 4_096, "max_bytes": 16_384}
    with a_gateway(tmp_path, receiver, **CRAMPED, journal=caps) as gateway:
        accepted = 0
        for _ in range(50_000):
            accepted += bool(gateway.emit("app_created", TENANT, APP))
        status = gateway.status().journal
        assert accepted < 2_000
        assert status.journal_bytes < 16_384 + 2 * 4_096
        receiver.up = True
        assert gateway.flush(8)
        ledger = gateway.ledger()
    assert ledger.accepted == ledger.exported == accepted
    assert ledger.refused["mailbox_full"] == 50_000 - accepted
    assert ledger.balanced()


def test_g08_a_door_that_is_full_does_not_keep_what_is_on_disk_from_coming_back(tmp_path):
    """What the journal doesn't take fills memory's room, and waits for the disk to be read."""
    receiver = Receiver(up=False)
    settings = {
        **CRAMPED,
        "gateway": {"linger_s": 0, "batch_events": 16, "mailbox_events": 900, "total_events": 1000},
        "journal": {"segment_bytes": 4_096, "max_bytes": 16_384},
    }
    with a_gateway(tmp_path, receiver, **settings) as gateway:
        pressure, accepted = gateway._here().door.pressure, 0

        def nothing_more_gets_in():
            """Filled up again: the journal takes from the door when its thread gets to it."""
            nonlocal accepted
            let_in = sum(bool(gateway.emit("app_created", TENANT, APP)) for _ in range(1_000))
            accepted += let_in
            too_much = pressure.room.events * 4 > pressure.calm_in_all_events * 3
            return not let_in and gateway.status().journal.spilled and too_much

        until(nothing_more_gets_in)
        receiver.up = True
        assert gateway.flush(8)
        ledger = gateway.ledger()
    assert ledger.accepted == ledger.exported == accepted


def test_g08_what_its_caps_cost_a_place_goes_on_in_memory(tmp_path):
    receiver = Receiver(up=False)
    caps = {"segment_bytes": 2_048, "max_bytes": 8_192}
    with a_gateway(tmp_path, receiver, journal=caps) as gateway:
        emit(gateway, IDS)
        until(lambda: gateway.status().journal.evicted > 10)
        receiver.up = True
        assert gateway.flush(5)
        ledger = gateway.ledger()
    assert (ledger.exported, ledger.dropped) == (100, {})
    assert receiver.uids == IDS


def test_g08_a_replay_that_its_caps_cost_a_place_is_dropped_and_counted(tmp_path):
    a_stop_that_keeps(tmp_path, IDS)
    pace = {"max_age_s": 1e-6, "replay_events_per_s": 5}
    with a_gateway(tmp_path, Receiver(), journal=pace) as gateway:
        until(lambda: gateway.ledger().accepted == 100)
        assert gateway.flush(5)
        ledger = gateway.ledger()
        letters = gateway.dead_letters()
    # Some are replayed before the first look at what is too old.
    assert ledger.dropped.get("journal_full", 0) + ledger.exported == 100
    assert ledger.dropped["journal_full"] > 0
    assert {letter.stage for letter in letters} == {"journal"}
    assert {letter.envelope.tenant_id for letter in letters} == {"acme"}


def test_g08_a_replay_and_the_callers_own_retry_are_one_event(tmp_path):
    a_stop_that_keeps(tmp_path, ["e1"])
    receiver = Receiver()
    with a_gateway(tmp_path, receiver) as gateway:
        until(lambda: receiver.uids == ["e1"])
        emit(gateway, ["e1"])
        assert gateway.flush(5)
        ledger = gateway.ledger()
    assert (ledger.exported, ledger.duplicate) == (1, 1)


def test_g08_a_replay_records_no_measurement_that_was_exported_before(tmp_path):
    # Its logs' failures open no breaker, which would hold back the metrics of a stop, too.
    otlp = {**NIMBLE["otlp"], "breaker_failures": 1_000_000}
    _, report = a_stop_that_keeps(tmp_path, ["e1"], stop_s=1.5, otlp=otlp)
    assert report.metrics_exported
    receiver = Receiver()
    with a_gateway(tmp_path, receiver) as gateway:
        until(lambda: receiver.uids == ["e1"])
        assert gateway.flush(5)
        assert gateway.ledger().signals.measurements.made == 0
        emit(gateway, ["e2"])
        assert gateway.flush(5)
        assert gateway.ledger().signals.measurements.made > 0


def test_g08_what_was_measured_after_the_last_collection_is_measured_by_the_replay(tmp_path):
    """It came to its sink, but the metrics that a stop got out were collected before that."""
    receiver, collected = Receiver(up=False), threading.Event()
    bills = Instrument("shop.bills.total", "counter", "{bill}")

    def slow_mapping(facts, payload, settings):
        assert collected.wait(5)
        return a_log(facts, payload, settings)._replace(measurements=(bills.measure(),))

    def export_metrics(points, timeout_s):
        collected.set()
        return ExportResult(Verdict.ACCEPTED)

    receiver.export_metrics = export_metrics
    with registered_case(a_case("billing_closed", mapping=slow_mapping, instruments=[bills])):
        gateway = a_gateway(tmp_path, receiver).start()
        assert gateway.emit("billing_closed", TENANT, {"order_id": "o", "total": 1})
        until(lambda: gateway.status().journal.durable == 1)
        report = gateway.stop(1.5)
        assert (report.kept, report.metrics_exported) == (1, True)
        assert gateway.ledger().signals.measurements.made == 1
        with a_gateway(tmp_path, Receiver()) as gateway:
            until(lambda: gateway.ledger().exported == 1)
            assert gateway.ledger().signals.measurements.made == 1


def test_g08_a_replay_carries_its_first_admission(tmp_path, monkeypatch):
    a_stop_that_keeps(tmp_path, ["e1", "e2"])
    seen = []
    monkeypatch.setattr(
        "telemetry_actors.stages.gateway.forward",
        lambda _router, items, _books, _stage: seen.extend(items),
    )
    gateway = a_gateway(tmp_path, Receiver()).start()
    until(lambda: len(seen) == 2)
    origins = [envelope.metadata["origin"] for _, envelope in seen]
    gateway.stop(0.2)

    assert [serial for _, serial in origins] == [1, 2]
    assert len({process for process, _ in origins}) == 1
    assert all(len(process) == 32 for process, _ in origins)


def test_g08_a_case_that_nobody_knows_any_more_ends_counted(tmp_path):
    with registered_case(a_case("billing_closed", mapping=a_log)):
        gateway = a_gateway(tmp_path, Receiver(up=False)).start()
        assert gateway.emit("billing_closed", TENANT, {"order_id": "o", "total": 1})
        until(lambda: gateway.status().journal.durable == 1)
        gateway.stop(0.2)
    with a_gateway(tmp_path, Receiver()) as gateway:
        until(lambda: gateway.ledger().dropped == {"no_handler": 1})
        assert gateway.ledger().balanced()
        assert gateway.ledger().by_case["unknown"].accepted == 1


def test_g08_without_a_sink_what_is_kept_is_kept_on(tmp_path):
    a_stop_that_keeps(tmp_path, ["e1"])
    settings = TelemetrySettings.enabled(**NIMBLE, journal={"directory": tmp_path})
    with TelemetryGateway(settings) as gateway:
        until(lambda: gateway.status().journal.replays == 1)
        assert not gateway.flush(0.5)
    assert gateway.stop().kept == 1
    assert gateway.ledger().balanced()


def test_a_spilled_event_leaves_its_trace_manager_behind(tmp_path):
    receiver = Receiver(up=False)
    with a_gateway(tmp_path, receiver, **CRAMPED) as gateway:
        emit(gateway, [f"f{n}" for n in range(500)])
        until(lambda: gateway.status().journal.spilled > 100)
        until(gateway.has_room)
        assert gateway.emit("workflow_run", TENANT, RUN, lambda *_: None)
        until(lambda: gateway.ledger().signals.providers.absent == 1)
        receiver.up = True
        assert gateway.flush(8)
        providers = gateway.ledger().signals.providers
    assert (providers.given, providers.called, providers.absent) == (1, 0, 1)


def test_g14_a_crash_right_after_the_write_writes_nothing_twice(tmp_path, monkeypatch):
    crashes = [ValueError("after the write")]
    append = Journal.append

    def broken(self, items):
        placed = append(self, items)
        if crashes:
            raise crashes.pop()
        return placed

    monkeypatch.setattr(Journal, "append", broken)
    receiver = Receiver()
    with a_gateway(tmp_path, receiver) as gateway:
        emit(gateway, IDS[:10])
        assert gateway.flush(5)
        journal = gateway.status().journal
        assert gateway.status().restarts == 1
        assert (journal.durable, journal.held) == (10, 0)
    assert receiver.uids == IDS[:10]


def test_g14_an_event_that_crashes_the_journal_is_found_and_the_others_are_durable(
    tmp_path, monkeypatch
):
    pack = Journal._packed

    def broken(self, item):
        if item[1].event_id == "e0005":
            raise ValueError("poison")
        return pack(self, item)

    monkeypatch.setattr(Journal, "_packed", broken)
    receiver = Receiver()
    with a_gateway(tmp_path, receiver) as gateway:
        emit(gateway, IDS[:10])
        assert gateway.flush(5)
        ledger = gateway.ledger()
    assert ledger.dropped == {"stage_crash": 1}
    assert sorted(receiver.uids) == sorted(set(IDS[:10]) - {"e0005"})


@pytest.mark.timeout(30)
def test_g24_a_forked_child_leaves_the_parents_journal_alone(tmp_path):
    receiver = Receiver(up=False)
    gateway = a_gateway(tmp_path, receiver).start()
    emit(gateway, ["parents"])
    until(lambda: gateway.status().journal.durable == 1)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            gateway.emit("app_created", TENANT, APP, event_id="childs")
            gateway.start()
            until(lambda: gateway.status().journal.durable == 1)
            journal = gateway.status().journal
            if journal.recovered == 0 and journal.held == 1:
                status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert gateway.stop(0.3).kept == 1
    receiver = Receiver()
    with a_gateway(tmp_path, receiver):
        until(lambda: sorted(receiver.uids) == ["childs", "parents"])


def test_g08_what_a_stop_can_not_put_away_is_counted(tmp_path, monkeypatch):
    """A fault of ours at the last moment, when they are neither at the door nor on disk."""
    receiver = Receiver(up=False)
    gateway = a_gateway(tmp_path, receiver, gateway={"linger_s": 60, "batch_events": 10_000})
    gateway.start()
    emit(gateway, ["e0", "e1", "e2"])
    life = gateway._life
    monkeypatch.setattr(life.stores.journal, "append", lambda _items: 1 / 0)
    gateway.stop(0.0)
    until(lambda: gateway.status().state == "stopped")

    ledger = gateway.ledger()
    assert sum(ledger.dropped.values()) == ledger.accepted == 3
    assert ledger.balanced()


# -- what this process accepted, beside what it has taken over -----------------------------------


class Picky(Receiver):
    """Is down for the events of an earlier process, and says when one of ours has come."""

    def __init__(self):
        super().__init__()
        self.release = False

    def export(self, kind, encoded, timeout_s):
        theirs = [log for log in encoded if log.attributes["log.record.uid"].startswith("e")]
        if theirs and not self.release:
            return ExportResult(Verdict.RETRY, message="HTTP 503")
        return super().export(kind, encoded, timeout_s)


ONE_BY_ONE = {
    "sink": {"linger_s": 0, "batch_records": 1},
    "otlp": {**NIMBLE["otlp"], "breaker_failures": 100_000},
}


def test_g26_a_flush_of_its_own_does_not_wait_for_what_an_earlier_process_left(tmp_path):
    a_stop_that_keeps(tmp_path, IDS[:5])
    receiver = Picky()
    with a_gateway(tmp_path, receiver, **ONE_BY_ONE) as gateway:
        assert gateway.flush(5, own=True)  # nothing of its own yet
        until(lambda: gateway.status().journal.recovered == 5)  # adopted
        until(lambda: gateway.status().journal.replays == 0)
        assert not gateway.flush(0.1)
        assert gateway.flush(5, own=True)  # and doesn't wait for that long
        gateway.emit("app_created", TENANT, APP, event_id="mine")
        assert not gateway.flush(0.05, own=True)  # it is behind them, in memory
        receiver.release = True
        assert gateway.flush(5, own=True)
        assert "mine" in receiver.uids
        assert gateway.flush(5)


def test_g08_few_of_an_earlier_process_s_events_are_on_their_way_at_one_time(tmp_path, monkeypatch):
    """So that what this process accepts never has to wait for long."""
    monkeypatch.setattr("telemetry_actors.stores.journal._replays._MOST_OUT", 8)
    a_stop_that_keeps(tmp_path, IDS)
    receiver = Picky()
    with a_gateway(tmp_path, receiver) as gateway:
        until(lambda: gateway.status().journal.replays == 92)
        assert not gateway.flush(0.3)
        assert gateway.status().journal.replays == 92
        receiver.release = True
        assert gateway.flush(8)
        assert len(receiver.uids) == 100


def test_g23_an_end_serves_what_this_process_accepted_first_and_then_what_others_left(tmp_path):
    """As fast as the tree takes it, whatever the pace; not at the set one of an event a second."""
    a_stop_that_keeps(tmp_path, IDS)
    pace = {"journal": {"replay_events_per_s": 1}}
    receiver = Receiver()
    gateway = a_gateway(tmp_path, receiver, **pace).start()
    until(lambda: gateway.status().journal.recovered == 100)
    gateway.emit("app_created", TENANT, APP, event_id="mine")
    report = gateway.stop(5)

    assert sorted(receiver.uids) == sorted([*IDS, "mine"])
    assert receiver.uids.index("mine") < 10
    assert (report.kept, report.drained) == (0, True)
    assert gateway.ledger().balanced()


@pytest.mark.timed
def test_g23_an_end_does_not_wait_for_what_others_left_where_nothing_gets_out(tmp_path):
    a_stop_that_keeps(tmp_path, IDS)
    pace = {"journal": {"replay_events_per_s": 1}}
    gateway = a_gateway(tmp_path, Receiver(up=False), **pace).start()
    until(lambda: gateway.status().journal.recovered == 100)
    watch = Stopwatch()
    report = gateway.stop(8)

    assert (report.kept, report.drained) == (100, False)
    assert watch.took_s() < 6
    assert gateway.ledger().balanced()


def test_g08_a_flush_waits_for_what_is_still_being_taken_over(tmp_path):
    """A short-lived process, right at its start: nobody has looked for folders yet."""
    a_stop_that_keeps(tmp_path, IDS)
    receiver = Receiver()
    with a_gateway(tmp_path, receiver) as gateway:
        assert gateway.flush(8)
        assert sorted(receiver.uids) == sorted(IDS)


# -- nobody but the journal's own thread waits for its disk (F3) -----------------------------------


def test_g02_what_emit_counts_in_is_no_page_of_the_journals_disk(tmp_path):
    """One that the disk holds back would stop the whole host, with the interpreter's lock held."""
    with a_gateway(tmp_path / "journal", Receiver()) as gateway:
        emit(gateway, IDS[:3])
        until(lambda: gateway.status().journal.durable == 3)
        assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_g08_a_disk_that_stands_still_holds_up_no_sink(tmp_path, monkeypatch):
    """Outcomes are noted by the gateway's thread alone; meanwhile the others go on."""
    frozen, thaw, writers = threading.Event(), threading.Event(), set()
    real = _outcomes.write_acks

    def write_acks(path, values):
        writers.add(threading.current_thread().name)
        frozen.set()
        assert thaw.wait(20)
        real(path, values)

    monkeypatch.setattr(_outcomes, "write_acks", write_acks)
    receiver = Picky()
    with a_gateway(tmp_path, receiver) as gateway:
        emit(gateway, IDS)
        until(lambda: gateway.status().journal.durable == 100)
        receiver.release = True
        assert frozen.wait(8)
        until(lambda: gateway.ledger().exported == 100)  # all of them, before the first is noted
        thaw.set()
    assert writers == {"root/stages/gateway"}


# -- content --------------------------------------------------------------------------------------


class Refusing(RecordingSink):
    """Answers 403."""

    def export(self, kind, encoded, timeout_s):
        return ExportResult(Verdict.REFUSED, message="HTTP 403")


def test_g21_what_was_let_in_with_content_on_is_replayed_without_where_it_is_off_now(tmp_path):
    """F9: the dead letters of the next process held the prompts."""
    gateway = a_gateway(tmp_path, Receiver(up=False), enterprise_include_content=True).start()
    gateway.emit("message_run", TENANT, {**REQUIRED["message_run"], "inputs": "the prompt"})
    until(lambda: gateway.status().journal.durable == 1)
    assert gateway.stop(0.4).kept == 1

    with a_gateway(tmp_path, Refusing(), enterprise_include_content=False) as gateway:
        assert gateway.flush(8)
        [letter] = gateway.dead_letters()
    assert b"the prompt" not in letter.envelope.payload
    assert b"[gated]" in letter.envelope.payload
