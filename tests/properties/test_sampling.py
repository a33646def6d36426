"""Sampling keeps whole traces: a run, the runs inside it, and all their nodes, or nothing of them.

payloads.md 1.8: all spans of a trace are kept iff UUID(trace id).int / 2**128 < rate, else none;
logs and metrics are never sampled, and a log keeps its ids when its span is left out.
"""

from fractions import Fraction
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from telemetry_actors.event.ids import is_sampled
from telemetry_actors.handlers import DEFINITIONS, EventFacts, MappingSettings

IDS = 2**128
uuids = st.integers(1, IDS - 1).map(lambda number: UUID(int=number))
rates = st.one_of(
    st.sampled_from([0.0, 5e-324, 2.0**-128, 2.0**-127, 1e-9, 0.1, 0.5, 1 - 2**-53, 1.0]),
    st.floats(0.0, 1.0),
)
spellings = st.sampled_from([str, lambda u: str(u).upper(), lambda u: u.hex])


@given(rate=rates, offset=st.integers(-3, 3))
@example(rate=5e-324, offset=0)
@example(rate=1 - 2**-53, offset=0)
def test_the_boundary_is_exact_to_the_last_bit_of_the_id(rate, offset):
    """Ids right at rate * 2**128, where a rounded product would be off."""
    number = min(max(int(Fraction(rate) * IDS) + offset, 0), IDS - 1)

    assert is_sampled(number.to_bytes(16), rate) == (Fraction(number, IDS) < Fraction(rate))


@given(uuid=uuids, some=rates, more=rates)
def test_whoever_is_kept_at_a_rate_is_kept_at_every_higher_one(uuid, some, more):
    some, more = sorted((some, more))

    assert is_sampled(uuid.bytes, some) <= is_sampled(uuid.bytes, more)


@given(uuid=uuids)
def test_rate_one_keeps_every_trace_and_rate_zero_none(uuid):
    assert is_sampled(uuid.bytes, 1.0)
    assert not is_sampled(uuid.bytes, 0.0)


@st.composite
def families(draw):
    """Events of one trace: runs nested up to four deep, each with its nodes, in any order."""
    spell = draw(spellings)
    depth, events, outer = draw(st.integers(1, 4)), [], []
    for _ in range(depth):
        run = draw(uuids)
        context = {}
        if outer:
            context = {"parent_workflow_run_id": spell(outer[-1][0])}
            if len(outer) > 1 or draw(st.booleans()):
                context["root_workflow_run_id"] = spell(outer[0][0])
            if outer[-1][1] and draw(st.booleans()):
                context["parent_node_execution_id"] = spell(draw(st.sampled_from(outer[-1][1])))
        nodes = draw(st.lists(uuids, max_size=3))
        common = {"workflow_id": "w", "workflow_run_id": spell(run), "status": "succeeded"}
        if context:
            common["parent_trace_context"] = context
        events.append(("workflow_run", common))
        events += [("node_execution", {**common, **node(spell(one))}) for one in nodes]
        outer.append((run, nodes))
    return outer[0][0], draw(st.permutations(events))


def node(node_execution_id):
    return {"node_execution_id": node_execution_id, "node_id": "n", "node_type": "llm"}


def mapped(number, case, payload, rate):
    facts = EventFacts(f"event-{number}", "acme", 10**18, 10**18, {})
    definition = DEFINITIONS[case]
    settings = MappingSettings(include_content=False, sampling_rate=rate)
    return definition.map(facts, definition.validate(payload), settings)


@given(family=families(), rate=rates)
def test_runs_inside_runs_and_their_nodes_are_kept_together_or_left_out_together(family, rate):
    outermost, events = family
    kept = Fraction(outermost.int, IDS) < Fraction(rate)
    for number, (case, payload) in enumerate(events):
        signals = mapped(number, case, payload, rate)

        assert [span.trace_id for span in signals.spans] == [outermost.bytes] * kept
        assert signals.spans_sampled_out == (not kept)


@given(family=families(), rate=rates)
def test_logs_and_metrics_are_never_sampled_and_a_log_keeps_its_ids(family, rate):
    for number, (case, payload) in enumerate(family[1]):
        whole, some = mapped(number, case, payload, 1.0), mapped(number, case, payload, rate)

        assert some.logs == whole.logs
        assert some.measurements == whole.measurements
        assert (some.logs[0].trace_id, some.logs[0].span_id) == (
            whole.spans[0].trace_id,
            whole.spans[0].span_id,
        )


@given(rate=rates, uuid=uuids)
def test_a_message_has_no_span_whatever_the_rate(rate, uuid):
    payload = {"message_id": str(uuid), "status": "succeeded", "workflow_run_id": str(uuid)}
    signals = mapped(1, "message_run", payload, rate)

    assert (signals.spans, signals.spans_sampled_out, len(signals.logs)) == ((), 0, 1)
