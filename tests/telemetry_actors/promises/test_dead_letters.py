"""g18: what was dropped can be had once more, and is counted as what it is."""

import pytest

from telemetry_actors import Outcome, TelemetryGateway, TelemetrySettings
from telemetry_actors.books.ledger import Reason
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink, running_gateway

TENANT = {"tenant_id": "acme", "user_id": "u"}
APP = {"app_id": "a1", "mode": "chat"}
MESSAGE = {"message_id": "m", "inputs": "what was asked"}


class Moody(RecordingSink):
    """Refuses everything until it is told not to."""

    refuses = True

    def __init__(self):
        super().__init__()
        self.tried = []

    def export(self, kind, encoded, timeout_s):
        self.tried += encoded
        if self.refuses:
            return ExportResult(Verdict.REFUSED, message="HTTP 403", status_code=403)
        return super().export(kind, encoded, timeout_s)


@pytest.fixture
def sink():
    return Moody()


@pytest.fixture
def gateway(sink):
    with a_gateway(sink) as started:
        yield started


def a_gateway(sink, **settings):
    quick = {"gateway": {"linger_s": 0.0}, "sink": {"linger_s": 0.0}, **settings}
    return TelemetryGateway(TelemetrySettings.enabled(**quick), sinks=[sink])


def dropped(gateway, *case_and_payload, event_id="e-1"):
    """The letter of one event that was let in and then dropped."""
    assert gateway.emit(case_and_payload[0], TENANT, case_and_payload[1], event_id=event_id)
    assert gateway.flush(5)
    return gateway.dead_letters()[-1]


def total(recording, name):
    return sum(p.value for p in recording.metrics() if p.instrument.name == name)


def test_g18_a_replay_passes_dedup_and_counts_as_a_source_of_its_own(gateway, sink):
    letter = dropped(gateway, "app_created", APP)
    sink.refuses = False
    ends = []

    assert gateway.replay(letter, lambda *end: ends.append(end))
    assert gateway.flush(5)
    ledger = gateway.ledger()

    assert ends == [(Outcome.EXPORTED, None)]
    assert ledger.sources == {"emit": 1, "dead_letters": 1}
    assert (ledger.emitted, ledger.accepted, ledger.exported) == (2, 2, 1)
    assert ledger.dropped == {"rejected": 1}
    assert ledger.balanced()
    assert ledger.by_case["app_created"].emitted == 2


def test_g18_a_replayed_event_is_the_same_event(gateway, sink):
    letter = dropped(gateway, "app_created", APP)
    sink.refuses = False
    gateway.replay(letter)
    assert gateway.flush(5)
    first, second = sink.tried

    assert second._replace(observed_ns=0) == first._replace(observed_ns=0)
    assert (first.time_ns, "e-1" in first.values) == (letter.envelope.emitted_at, True)


def test_g18_what_was_measured_before_is_not_measured_again(gateway, sink):
    letter = dropped(gateway, "app_created", APP)
    measured = gateway.ledger().signals.measurements.recorded
    assert letter.measured
    assert measured > 0

    again = []
    gateway.replay(letter, lambda *end: again.append(end))
    assert gateway.flush(5)
    ((outcome, second),) = again

    assert (outcome, second.reason) == (Outcome.DROPPED, Reason.REJECTED)
    assert second.measured
    assert gateway.ledger().signals.measurements.recorded == measured


def test_g18_what_was_dropped_before_its_mapping_is_measured_by_the_replay():
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[])
    with gateway:
        letter = dropped(gateway, "app_created", APP)
    assert (letter.reason, letter.measured) == (Reason.NO_SINK, False)

    with running_gateway() as (other, _):
        assert other.replay(letter)
        assert other.flush(5)
        assert other.ledger().signals.measurements.recorded > 0


def test_g18_a_replay_of_what_has_arrived_meanwhile_is_a_duplicate(gateway, sink):
    letter = dropped(gateway, "app_created", APP)
    sink.refuses = False
    assert gateway.emit("app_created", TENANT, APP, event_id="e-1")
    assert gateway.flush(5)
    ends = []

    assert gateway.replay(letter, lambda *end: ends.append(end))
    assert gateway.flush(5)

    assert ends == [(Outcome.DUPLICATE, None)]
    assert gateway.ledger().balanced()


def test_g18_content_that_was_let_in_is_taken_out_where_it_is_off_now(sink):
    with a_gateway(sink, enterprise_include_content=True) as generous:
        letter = dropped(generous, "message_run", MESSAGE)
    assert b"what was asked" in letter.envelope.payload

    strict_sink = Moody()
    with a_gateway(strict_sink) as strict:
        ends = []
        assert strict.replay(letter, lambda *end: ends.append(end))
        assert strict.flush(5)
    ((_, second),) = ends

    assert b"what was asked" not in second.envelope.payload
    assert b"[gated]" in second.envelope.payload


def test_g18_trace_providers_are_not_called_again(gateway, sink):
    tasks = []
    gateway.register_trace_provider(lambda name, payload, context: tasks.append(name))
    letter = dropped(gateway, "message_run", MESSAGE)
    assert gateway.replay(letter)
    assert gateway.flush(5)
    gateway.stop()

    assert len(tasks) == 1


@pytest.mark.parametrize(
    ("settings", "change", "answer"),
    [
        ({}, {"case": "no_such_case"}, "unknown_case"),
        ({}, {"case": "unknown"}, "unknown_case"),
        ({"enterprise_telemetry_gateway_enabled": False}, {}, "gateway_off"),
        ({"gateway": {"max_event_bytes": 10}}, {}, "too_large"),
        ({"gateway": {"max_context_bytes": 10}}, {}, "too_large"),
        ({"gateway": {"mailbox_bytes": 10}}, {}, "bytes_full"),
        ({}, {"case": "message_run", "payload": b"\xc1"}, "invalid"),
    ],
)
def test_a_replay_is_refused_as_an_event_would_be_and_is_then_in_no_line(
    gateway, settings, change, answer
):
    letter = dropped(gateway, "app_created", APP)
    letter = letter._replace(envelope=letter.envelope._replace(**change))
    with running_gateway(**settings) as (other, _):
        assert other.replay(letter) == answer
        assert other.ledger().emitted == 0


def test_g04_a_replay_takes_room_like_any_other_event_and_gives_it_back(sink):
    with a_gateway(sink, gateway={"linger_s": 300.0}) as gateway:
        letter = dropped(gateway, "app_created", APP)
        assert gateway.replay(letter)
        waiting = gateway.status().pressure
        assert gateway.flush(5)
        done = gateway.status().pressure

    assert (waiting.events, waiting.tenants) == (1, 1)
    assert waiting.event_bytes > 0
    assert (done.events, done.event_bytes, done.tenants) == (0, 0, 0)


def test_a_replay_after_stop_and_into_a_full_mailbox_says_so(gateway):
    letter = dropped(gateway, "app_created", APP)
    full = TelemetryGateway(
        TelemetrySettings.enabled(gateway={"mailbox_events": 1, "linger_s": 300}), sinks=[]
    )
    with full:
        while full.replay(letter) != "mailbox_full":  # one may be in hand already
            pass
    assert full.replay(letter) == "stopping"
    assert full.ledger().balanced()


def test_what_a_follower_raises_is_its_own(gateway, sink):
    letter = dropped(gateway, "app_created", APP)
    sink.refuses = False

    def bad(*_end):
        raise ValueError

    assert gateway.replay(letter, bad)
    assert gateway.flush(5)
    assert gateway.ledger().exported == 1


def test_g18_what_can_not_be_put_in_ends_counted_and_is_kept(gateway, sink, monkeypatch):
    letter = dropped(gateway, "app_created", APP)
    ends = []

    def no_memory(_item, _size):
        raise MemoryError

    monkeypatch.setattr(gateway._life.door.mailbox, "append", no_memory)
    assert gateway.replay(letter, lambda *end: ends.append(end))
    ledger = gateway.ledger()

    ((outcome, second),) = ends
    assert (outcome, second.reason) == (Outcome.DROPPED, Reason.STAGE_CRASH)
    assert (second.error, second.measured) == ("MemoryError", letter.measured)
    assert ledger.sources == {"emit": 1, "dead_letters": 1}
    assert ledger.balanced()
    assert gateway.status().pressure.events == 0


def test_g18_a_ctrl_c_in_the_middle_of_a_replay_leaves_the_books_whole(gateway, sink, monkeypatch):
    """It is raised just after the event was put in."""
    letter = dropped(gateway, "app_created", APP)
    sink.refuses = False
    mailbox = gateway._life.door.mailbox
    append = mailbox.append

    def ctrl_c(item, size):
        append(item, size)
        mailbox._break_off(0)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(mailbox, "append", ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            gateway.replay(letter)
    assert gateway.flush(5)
    ledger = gateway.ledger()

    assert (ledger.emitted, ledger.exported) == (2, 1)
    assert ledger.balanced()
    assert gateway.emit("app_created", TENANT, APP)
    assert gateway.flush(5)
    assert gateway.ledger().balanced()
