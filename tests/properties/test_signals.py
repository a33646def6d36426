"""What is accepted can be sent, what is off is nowhere, and nothing whatever does harm.

`test_mapping` looks at signals; here they go on to their bytes, and events go through a
whole tree.
"""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from supervisors.testing import DeterministicRuntime, FakeClock
from telemetry_actors import CASE_ROUTING, TelemetryGateway, TelemetrySettings
from telemetry_actors.event.cases import gate
from telemetry_actors.event.envelope import unpack_map
from telemetry_actors.event.forms import InvalidPayload
from telemetry_actors.event.sanitise import sanitise
from telemetry_actors.handlers import DEFINITIONS, EventFacts, MappingSettings
from telemetry_actors.handlers.forms import PayloadReader
from telemetry_actors.sinks.aggregates import MetricAggregates
from telemetry_actors.sinks.encode import encode_log, encode_span
from telemetry_actors.sinks.encode_metrics import encode_metrics
from telemetry_actors.testing import RecordingSink
from tests.properties.payloads import anything, cases, contents, facts, how, payloads, plain
from tests.telemetry_actors.handlers.required import REQUIRED
from tests.telemetry_actors.promises.hostile import values

TENANT = {"tenant_id": "acme"}


def encoded(signals):
    """The bytes of all that is sent."""
    aggregates = MetricAggregates(FakeClock().now_ns)
    assert aggregates.record(signals.measurements) == (len(signals.measurements), 0)
    metrics, left_out = encode_metrics(aggregates.collect())
    assert left_out == 0
    return [
        *map(encode_log, signals.logs),
        *map(encode_span, signals.spans),
        *(metric.data for metric in metrics),
    ]


@pytest.mark.timeout(60)
@settings(max_examples=120)
@given(data=st.data(), case=cases, facts=facts, how=how)
def test_what_a_model_accepts_makes_signals_that_otlp_encodes(data, case, facts, how):
    """As the door leaves it: what protobuf can't hold is replaced there, not here."""
    payload = sanitise(data.draw(payloads(case)))
    facts = facts._replace(
        event_id=sanitise(facts.event_id),
        tenant_id=sanitise(facts.tenant_id),
        context=sanitise(facts.context),
    )
    try:
        model, _ = PayloadReader(DEFINITIONS[case]).read(payload)
    except InvalidPayload:
        return
    signals = DEFINITIONS[case].map(facts, model, how)

    encoded(signals)
    for log in signals.logs:
        sent = {pair.key for pair in LogRecord.FromString(encode_log(log)).attributes}
        assert sent == set(log.attributes)
    for span in signals.spans:
        sent = {pair.key for pair in Span.FromString(encode_span(span)).attributes}
        assert sent == set(span.attributes)


# --- content --------------------------------------------------------------------------

leaves = st.text("zqxjkvw", min_size=8, max_size=12)


def leaves_of(value):
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in (k, *leaves_of(v))]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves_of(item)]
    return [value]


@cache
def at_the_door():
    """A gateway whose tree nobody starts: what is let in stays at the door."""
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False
    return gateway


@pytest.mark.timeout(60)
@settings(max_examples=80)
@given(data=st.data(), case=cases)
def test_g21_with_content_off_no_leaf_is_in_the_envelope_or_in_the_bytes_that_are_sent(data, case):
    """Mutant: gate() returns its copy unchanged."""
    gated, kept = CASE_ROUTING[case].gated, CASE_ROUTING[case].reduced
    content, text = data.draw(contents(leaves)), data.draw(leaves)
    shaped = {"text": text, "count": [text, text], "datasets": [content, {"page_content": text}]}
    secret = {key: shaped.get(kept.get(key), content) for key in gated}

    at_the_door().emit(case, TENANT, {**REQUIRED[case], **secret})
    ((_, envelope),) = at_the_door()._life.door.mailbox.drain()
    model = DEFINITIONS[case].validate(unpack_map(envelope.payload))
    about = EventFacts(envelope.event_id, envelope.tenant_id, 1, 2, unpack_map(envelope.context))
    signals = DEFINITIONS[case].map(about, model, MappingSettings(False, 1.0))

    sent = b"".join((envelope.pack(), *encoded(signals)))
    assert not [leaf for leaf in leaves_of(content) if gated and leaf.encode() in sent]


# --- anything whatever ----------------------------------------------------------------


def outcome_of(case, payload, context):
    """One event through a tree of its own: nothing crashes, and the books know its end."""
    runtime = DeterministicRuntime()
    gateway = TelemetryGateway(
        TelemetrySettings.enabled(), sinks=[RecordingSink()], runtime=runtime
    )
    with gateway:
        admission = gateway.emit(case, context, payload)
        assert gateway.flush()
        ledger, status = gateway.ledger(), gateway.status()

    assert ledger.emitted == 1
    assert ledger.settled
    assert ledger.balanced()
    assert set(ledger.dropped) <= {"invalid_payload"}
    assert bool(admission) == (ledger.accepted == 1)
    assert status.restarts == 0


@pytest.mark.timeout(60)
@settings(max_examples=80)
@given(data=st.data(), case=cases)
def test_any_payload_has_an_outcome_and_crashes_nobody(data, case):
    payload = data.draw(payloads(case) | anything)
    context = data.draw(st.just(TENANT) | anything)

    outcome_of(case, payload, context)


@pytest.mark.parametrize("case", DEFINITIONS)
def test_any_object_in_any_key_has_an_outcome_and_crashes_nobody(case):
    keys = DEFINITIONS[case].model.__annotations__
    runtime = DeterministicRuntime()
    gateway = TelemetryGateway(
        TelemetrySettings.enabled(), sinks=[RecordingSink()], runtime=runtime
    )
    with gateway:
        for name, thing in values().items():
            for key in keys:
                gateway.emit(case, TENANT, {**REQUIRED[case], key: thing}, event_id=f"{name}{key}")
        assert gateway.flush()
        ledger, status = gateway.ledger(), gateway.status()

    assert ledger.balanced()
    assert ledger.in_flight == 0
    assert status.restarts == 0


@pytest.mark.timeout(60)
@settings(max_examples=120)
@given(data=st.data(), case=cases)
def test_a_payload_is_as_valid_with_content_off_as_with_content_on(data, case):
    """Of JSON's types; whatever else there is has become one of them on its way."""
    route = CASE_ROUTING[case]
    payload = sanitise(data.draw(payloads(case)))
    for key in data.draw(st.sets(st.sampled_from(route.gated)) if route.gated else st.just(set())):
        payload[key] = data.draw(plain)

    assert _is_valid(case, gate(route, payload)) == _is_valid(case, payload)


def _is_valid(case, payload):
    try:
        _, lost = PayloadReader(DEFINITIONS[case]).read(payload)
    except InvalidPayload:
        return False
    # A score is not there with content off, so nobody can tell that it was none (a NaN, say).
    return set(lost) - {"documents.score"}
