"""What comes from a broker: kept by the broker alone, gated as all is, and harmless."""

import base64
import json
import tracemalloc

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telemetry_actors import TelemetrySettings
from telemetry_actors.bridges.celery import CeleryBridge
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink
from tests.telemetry_actors.handlers.required import REQUIRED

APP = {"app_id": "a"}
MESSAGE = {**REQUIRED[TelemetryCase.MESSAGE_RUN], "outputs": "secret", "inputs": {"q": "secret"}}


class Down(RecordingSink):
    """Answers 503."""

    def export(self, kind, encoded, timeout_s):
        return ExportResult(Verdict.RETRY, message="HTTP 503")


class Refusing(RecordingSink):
    """Answers 403 to whatever it is."""

    def export(self, kind, encoded, timeout_s):
        return ExportResult(Verdict.REFUSED, message="HTTP 403")


def text(case="app_created", payload=APP, **fields):
    event = {"case": case, "tenant_id": "t", "event_id": "e", "payload": payload}
    return json.dumps(event | fields)


def a_bridge(sink, **parts):
    return CeleryBridge(TelemetrySettings.enabled(**parts), sinks=[sink])


# -- kept by the broker alone ---------------------------------------------------------------------


def test_what_a_broker_delivers_again_is_in_no_journal(tmp_path):
    """Nor does a stop put it there: out of both it would come twice."""
    bridge = a_bridge(Down(), journal={"directory": tmp_path}, celery={"outcome_timeout_s": 0.0})
    gateway = bridge.gateway
    with gateway:
        assert gateway.emit("app_created", {"tenant_id": "t"}, APP)
        assert bridge.take(text())
        gateway.flush(0.3)
        held = gateway.status().journal.held
        report = gateway.stop(0.3)
        ledger = gateway.ledger()

    assert held == 1, "emit()'s own"
    assert (report.kept, ledger.dropped) == (1, {"shutdown": 1})
    assert ledger.balanced()


def test_what_a_stop_finds_at_the_door_is_not_put_into_the_journal_either(tmp_path):
    bridge = a_bridge(Down(), journal={"directory": tmp_path}, celery={"outcome_timeout_s": 0.0})
    enqueuer = bridge.gateway._life.door.enqueuer
    enqueuer.asleep, enqueuer._awaken = True, lambda: True  # nobody takes anything
    assert bridge.take(text())
    bridge.gateway.stop(0.2)

    assert bridge.gateway.status().journal.held == 0
    assert bridge.ledger().dropped == {"shutdown": 1}


def test_a_large_payload_from_a_broker_stays_in_memory(tmp_path):
    recording = RecordingSink()
    bridge = a_bridge(recording, payload_store={"directory": tmp_path})
    assert bridge.take(text(payload={**APP, "more": "x" * 1_100_000}))
    bridge.stop()

    assert bridge.gateway.status().payload_store.written == 0
    assert bridge.ledger().exported == 1


# -- gated as all is ------------------------------------------------------------------------------


def inline(_root):
    return text("message_run", MESSAGE)


def as_fallback(_root):
    fallback = base64.b64encode(msgpack.packb(MESSAGE)).decode()
    return text("message_run", {}, payload_fallback=fallback)


def in_the_store(root):
    (root / "telemetry" / "t").mkdir(parents=True)
    (root / "telemetry" / "t" / "e.json").write_text(json.dumps(MESSAGE))
    return text("message_run", {}, metadata={"payload_ref": "telemetry/t/e.json"})


@pytest.mark.parametrize("put", [inline, as_fallback, in_the_store])
@pytest.mark.parametrize("content", [False, True])
def test_g21_an_old_producers_content_is_taken_out_wherever_it_comes_from(content, put, tmp_path):
    recording = RecordingSink()
    store = {"directory": tmp_path}
    bridge = a_bridge(recording, payload_store=store, enterprise_include_content=content)
    assert bridge.take(put(tmp_path))
    bridge.stop()

    assert bridge.ledger().exported == 1
    seen = repr(recording.logs) + repr(recording.spans)
    assert ("secret" in seen) is content


@pytest.mark.parametrize("put", [inline, as_fallback, in_the_store])
def test_g21_nor_is_it_in_a_letter_of_such_an_event(put, tmp_path):
    """Mapped signals have no content anyway; what lies in mailboxes and letters shows the gate."""
    bridge = a_bridge(Refusing(), payload_store={"directory": tmp_path})
    assert bridge.take(put(tmp_path))
    bridge.stop()
    (letter,) = bridge.gateway.dead_letters()

    assert letter.envelope.payload
    assert b"secret" not in letter.envelope.pack()


def test_g21_nor_in_the_letter_of_one_that_ends_before_its_fallback_is_read():
    bridge = CeleryBridge(TelemetrySettings.enabled(), sinks=[])
    assert bridge.take(as_fallback(None))
    bridge.stop()
    (letter,) = bridge.gateway.dead_letters()

    assert letter.envelope.payload_fallback
    assert b"secret" not in letter.envelope.pack()


# -- harmless -------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["t", "", "..", "../../x", "/etc/passwd", "a\nb", "\x00", "\ud800", "~", "é"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "origin": JSON | st.tuples(WORDS, st.integers()),
        "payload_ref": JSON | WORDS,
        "emitted_at": JSON,
        "context": JSON,
    },
)
ENVELOPES = st.fixed_dictionaries(
    {
        "case": st.sampled_from([*map(str, TelemetryCase), "nonsense"]) | JSON,
        "tenant_id": WORDS | JSON,
        "event_id": WORDS | JSON,
        "payload": st.dictionaries(st.text(), JSON, max_size=4) | JSON,
    },
    optional={"payload_fallback": st.text() | JSON, "metadata": METADATA | JSON, "more": JSON},
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    root = tmp_path_factory.mktemp("place") / "store"
    bridge = a_bridge(RecordingSink(), payload_store={"directory": root})
    bridge.gateway.start()
    yield bridge, root
    bridge.stop()


@pytest.mark.timeout(60)
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(ENVELOPES | JSON)
def test_g28_whatever_a_task_is_given_has_one_line_in_the_books(hostile, value):
    bridge, root = hostile
    before = bridge.ledger().emitted
    bridge.take(json.dumps(value), "task")
    ledger = bridge.ledger()

    assert ledger.emitted == before + 1
    assert ledger.in_flight == 0
    assert ledger.balanced()
    assert bridge.gateway.status().restarts == 0
    assert {path.name for path in root.parent.iterdir()} <= {"store"}


@pytest.mark.parametrize("name", ["..", "../../x", "/etc", "%2e%2e", "a/b"])
def test_g29_an_id_from_a_broker_names_no_object_but_its_own(name, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(APP | {"mode": "outside"}))
    recording = RecordingSink()
    bridge = a_bridge(recording, payload_store={"directory": tmp_path / "store"})
    for ids in ({"tenant_id": name}, {"event_id": name}):
        ref = {"payload_ref": f"telemetry/{ids.get('tenant_id', 't')}/../../../x.json"}
        assert bridge.take(text(payload={}, metadata=ref, **ids))
    bridge.stop()

    assert bridge.ledger().dropped == {"rehydration_failed": 2}
    assert "outside" not in repr(recording.logs)
    assert (tmp_path / "x.json").exists()


def test_g28_hostile_texts_cost_no_more_memory_than_their_own_size(hostile):
    bridge, _ = hostile
    nested = text(payload={"a": []}).replace("[]", "[" * 50_000 + "]" * 50_000)
    wide = text(payload={}).replace("{}", "{" + ",".join(f'"{n}":0' for n in range(50_000)) + "}")
    texts = [nested, wide, "[" * 1_000_000, text(tenant_id="x" * 1_000_000)]
    largest = max(map(len, texts))
    tracemalloc.start()
    try:
        for given_text in texts:
            bridge.take(given_text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 40 * largest


# -- in the status --------------------------------------------------------------------------------


def test_a_workers_status_says_what_came_and_what_it_was_told():
    bridge = a_bridge(RecordingSink())
    bridge.take(text())
    bridge.take(text("nonsense"))
    bridge.stop()
    cases = {case.case: case.admissions for case in bridge.gateway.status().cases}

    assert cases == {"app_created": {"accepted": 1}, "unknown": {"unknown_case": 1}}
    said = bridge.gateway.status().to_prometheus()
    assert 'case="app_created",telemetry_actors_admission="accepted"} 1' in said
