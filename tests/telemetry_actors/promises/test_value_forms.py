"""One value in one form, and one answer to whose event it is, whichever way it comes in.

Whole events through a tree of their own: what a receiver sees, and what is counted.
"""

import datetime
import decimal
import enum
import json
import uuid
from typing import Any

import pytest
from typing_extensions import TypedDict

from supervisors.testing import DeterministicRuntime
from telemetry_actors import (
    CaseDefinition,
    CaseError,
    Instrument,
    Signals,
    TelemetryContext,
    TelemetryGateway,
    TelemetrySettings,
)
from telemetry_actors.event.envelope import unpack_map
from telemetry_actors.sinks.encode import encode_log
from telemetry_actors.testing import RecordingSink, registered_case
from tests.telemetry_actors.handlers.required import REQUIRED

CONTEXT = {"tenant_id": "acme"}
NIL = "00000000-0000-0000-0000-000000000000"
RUN = "f3c95789-ace1-4954-ac5d-6baed2eac902"
UNREADABLE = "dify.telemetry.unreadable"


class Anything(TypedDict, total=False):
    """A model that takes whatever there is."""

    tenant_id: object


class Key(enum.Enum):
    INPUTS = "inputs"


class Seen:
    """What came of some events."""

    def __init__(self, *events: Any, **settings: Any) -> None:
        sink = RecordingSink()
        given = TelemetrySettings.enabled(**settings)
        gateway = TelemetryGateway(given, sinks=[sink], runtime=DeterministicRuntime())
        with gateway:
            self.admissions = [self._emit(gateway, *event) for event in events]
            self.held = list(gateway._life.door.mailbox.held())
            assert gateway.flush()
            self.status, self.ledger = gateway.status(), gateway.ledger()
            self.letters = gateway.dead_letters()
        assert self.ledger.balanced()
        self.logs, self.spans, self.metrics = sink.logs, sink.spans, sink.metrics()

    @staticmethod
    def _emit(gateway, case, context, payload, event_id=None):
        return str(gateway.emit(case, context, payload, event_id=event_id))

    @property
    def log(self) -> dict[str, Any]:
        (log,) = self.logs
        return log.attributes


def run(**more):
    return {**REQUIRED["workflow_run"], "workflow_run_id": RUN, **more}


# -- whose event it is (B1, B3) -------------------------------------------------------------------


def of(tenant, *, by_context=False, event_id="e1"):
    said = {"tenant_id": tenant}
    return (
        "app_created",
        said if by_context else {},
        {"app_id": "a"} if by_context else {"app_id": "a", **said},
        event_id,
    )


def test_b1_one_event_id_of_two_tenants_that_are_named_in_payloads_is_two_events():
    seen = Seen(of("t1"), of("t2"))

    assert (seen.ledger.exported, seen.ledger.duplicate) == (2, 0)
    assert [log.attributes["dify.tenant_id"] for log in seen.logs] == ["t1", "t2"]


def test_b1_a_tenant_is_the_same_by_payload_and_by_context():
    seen = Seen(of("t1"), of("t1", by_context=True), of("t1", by_context=True, event_id="e2"))

    assert (seen.ledger.exported, seen.ledger.duplicate) == (2, 1)
    assert {item[1].tenant_id for item in seen.held} == {"t1"}
    assert len({id(item[0].share) for item in seen.held}) == 1


@pytest.mark.parametrize("tenant", ["42", 42, b"42", decimal.Decimal(42)])
@pytest.mark.parametrize("by_context", [True, False])
def test_b3_an_id_in_another_form_is_the_same_tenant(tenant, by_context):
    seen = Seen(of(tenant, by_context=by_context))

    assert {item[1].tenant_id for item in seen.held} == {"42"}
    assert seen.log["dify.tenant_id"] == "42"
    assert {labels["tenant_id"] for labels in labels_of(seen)} == {"42"}


def labels_of(seen):
    return [dict(zip(point.label_keys, point.label_values, strict=True)) for point in seen.metrics]


def test_b1_a_case_of_the_users_own_has_its_tenant_by_the_same_rule():
    orders = Instrument("shop.orders.total", "counter", "{order}")

    def mapping(facts, _payload, _settings):
        return Signals(measurements=(orders.measure(tenant=facts.tenant_id),))

    definition = CaseDefinition("order_made", Anything, mapping, instruments=[orders])
    with registered_case(definition):
        seen = Seen(("order_made", CONTEXT, {"tenant_id": 7}))

    assert labels_of(seen) == [{"tenant": "7"}]


def test_b1_what_says_whose_event_it_is_can_not_be_content():
    with pytest.raises(CaseError, match="whose event it is"):
        CaseDefinition("order_made", Anything, Signals, gated=["tenant_id"])


def test_b3_what_a_context_says_is_read_as_in_a_payload():
    ids = {"app_id": 17, "user_id": 5}
    by_context = Seen(("feedback_created", {"tenant_id": 42, **ids}, {}))
    by_payload = Seen(("feedback_created", {}, {"tenant_id": 42, **ids}))

    for seen in (by_context, by_payload):
        log = seen.log
        assert (log["dify.tenant_id"], log["dify.app_id"], log["gen_ai.user.id"]) == (
            "42",
            "17",
            "5",
        )
        assert UNREADABLE not in log
        assert seen.status.values.unreadable == {}


def test_b3_a_context_object_takes_what_a_mapping_takes():
    context = TelemetryContext(tenant_id=42, app_id=uuid.UUID(int=1))  # type: ignore[arg-type]

    assert (context.tenant_id, context.app_id) == ("42", str(uuid.UUID(int=1)))


def test_b3_what_can_not_be_read_of_a_context_is_marked_and_counted():
    seen = Seen(("feedback_created", {"tenant_id": ["x"], "user_id": 1.5, "app_id": "a"}, {}))

    assert (seen.log["dify.tenant_id"], seen.log["dify.app_id"]) == ("", "a")
    assert seen.log[UNREADABLE] == "context.tenant_id, context.user_id"
    assert seen.status.values.unreadable == {
        "feedback_created": {"context.tenant_id": 1, "context.user_id": 1}
    }


# -- forms (B2, B4, B5, B6, B7) -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "attribute", "shown"),
    [
        ("total_tokens", decimal.Decimal(12), "gen_ai.usage.total_tokens", 12),
        ("total_tokens", 12.0, "gen_ai.usage.total_tokens", 12),
        ("elapsed_time", decimal.Decimal("1.5"), "dify.workflow.elapsed_time", 1.5),
        ("user_id", 5, "gen_ai.user.id", "5"),
        ("version", b"v1", "dify.workflow.version", "v1"),
    ],
)
def test_b6_a_number_of_another_type_is_read(key, value, attribute, shown):
    seen = Seen(("workflow_run", CONTEXT, run(**{key: value})))

    assert seen.log[attribute] == shown
    assert UNREADABLE not in seen.log


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("total_tokens", 1.5),
        ("total_tokens", "many"),
        ("start_time", ""),
        ("user_id", ["u"]),
        ("elapsed_time", True),
    ],
)
def test_b6_an_optional_key_that_can_not_be_read_costs_that_key_and_is_marked(key, value):
    seen = Seen(("workflow_run", CONTEXT, run(**{key: value}, version="v1")))

    assert seen.ledger.exported == 1
    assert seen.log["dify.workflow.version"] == "v1"
    assert seen.log[UNREADABLE] == seen.spans[0].attributes[UNREADABLE] == key
    assert seen.status.values.unreadable == {"workflow_run": {key: 1}}
    assert (
        f'telemetry_actors_values_unreadable_total{{telemetry_actors_case="workflow_run",'
        f'telemetry_actors_key="{key}"}} 1' in seen.status.to_prometheus()
    )


def test_b6_a_required_key_costs_the_event_and_its_letter_says_what_is_right():
    seen = Seen(("moderation_check", CONTEXT, {"flagged": "no", "action": "block"}))

    assert seen.ledger.dropped == {"invalid_payload": 1}
    assert seen.letters[0].error == "flagged: unreadable, must be a bool"
    assert seen.status.values.unreadable == {}


@pytest.mark.parametrize("content", [True, False])
def test_b6_a_payload_has_the_same_marks_with_content_off(content):
    payload = {
        "query": 7,
        "documents": [
            {"dataset_id": uuid.UUID(int=1), "dataset_name": Key.INPUTS, "score": "0.5"},
            {"dataset_id": 1.5, "dataset_name": 7},
            {"dataset_id": 8},
        ],
    }
    seen = Seen(("dataset_retrieval", CONTEXT, payload), enterprise_include_content=content)

    assert json.loads(seen.log["dify.dataset.id"]) == [str(uuid.UUID(int=1)), "8"]
    assert json.loads(seen.log["dify.dataset.name"]) == ["inputs"]
    assert seen.log[UNREADABLE] == "documents.dataset_id, documents.dataset_name"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (1_795_162_530, 1_795_162_538),
        (1_795_162_530_000, 1_795_162_538_000),
        (1_795_162_530_000_000, 1_795_162_538_000_000),
        (1_795_162_530_000_000_000, 1_795_162_538_000_000_000),
        (1_795_162_530.0, 1_795_162_538.0),
        ("2026-11-20T08:15:30Z", "2026-11-20T08:15:38Z"),
        (datetime.datetime.fromtimestamp(1_795_162_530, datetime.UTC), 1_795_162_538),
    ],
)
def test_b7_a_time_is_the_same_instant_in_every_form(start, end):
    seen = Seen(("workflow_run", CONTEXT, run(start_time=start, end_time=end)))
    span = seen.spans[0]
    (point,) = [p for p in seen.metrics if p.instrument.name == "dify.workflow.duration"]

    assert (span.start_ns, span.end_ns) == (1_795_162_530 * 10**9, 1_795_162_538 * 10**9)
    assert point.value == 8.0


def test_b2_an_offset_with_seconds_is_the_right_instant():
    amsterdam = datetime.timezone(datetime.timedelta(minutes=19, seconds=32))
    start = datetime.datetime(1990, 1, 1, tzinfo=amsterdam)
    seen = Seen(("workflow_run", CONTEXT, run(start_time=start, elapsed_time=1)))

    assert seen.spans[0].start_ns == int(start.timestamp()) * 10**9


@pytest.mark.parametrize("more", [{}, {"s": {1}}], ids=["as it is", "cleaned"])
def test_b4_a_key_of_bytes_is_its_text_on_both_ways_of_packing(more):
    inputs = {b"k": 1, "k": 2, "n": [{b"x": b"y"}], **more}
    seen = Seen(("workflow_run", CONTEXT, run(inputs=inputs)), enterprise_include_content=True)
    sent = seen.log["dify.workflow.inputs"]

    assert sent.count('"k"') == 1
    assert json.loads(sent) == {
        "k": 1,
        "k (2)": 2,
        "n": [{"x": "y"}],
        **({"s": [1]} if more else {}),
    }


@pytest.mark.parametrize("key", [b"inputs", Key.INPUTS])
def test_g21_a_gated_key_that_is_no_text_is_gated_all_the_same(key):
    """Its text is the key, so what it holds is content."""
    seen = Seen(("workflow_run", CONTEXT, {**run(), key: "TOPSECRET"}))
    envelope = seen.held[0][1]

    assert b"TOPSECRET" not in envelope.payload
    assert unpack_map(envelope.payload)["inputs"] == "[gated]"


@pytest.mark.parametrize("first", [True, False])
def test_g21_of_two_keys_with_one_text_both_are_gated(first):
    """The later one has a number behind it, which hides from nobody that it is content."""
    plain, odd = {"inputs": "x"}, {b"inputs": "TOPSECRET"}
    payload = {**run(), **plain, **odd} if first else {**run(), **odd, **plain}
    seen = Seen(("workflow_run", CONTEXT, payload))
    envelope = seen.held[0][1]

    assert b"TOPSECRET" not in envelope.payload
    assert list(unpack_map(envelope.payload).values()).count("[gated]") >= 2


def test_b5_a_model_of_pydantics_first_version_is_a_map():
    v1 = pytest.importorskip("pydantic.v1")
    model = v1.create_model("P1", a=(int, 1), inner=(dict, {"b": 2}))()
    seen = Seen(("workflow_run", CONTEXT, run(inputs=model)), enterprise_include_content=True)

    assert json.loads(seen.log["dify.workflow.inputs"]) == {"a": 1, "inner": {"b": 2}}


def test_b5_so_is_a_class_of_attrs():
    attrs = pytest.importorskip("attrs")
    made = attrs.make_class("A", ["a", "b"])(1, {2})
    seen = Seen(("workflow_run", CONTEXT, run(inputs=made)), enterprise_include_content=True)

    assert json.loads(seen.log["dify.workflow.inputs"]) == {"a": 1, "b": [2]}


# -- ids that belong together (B8, B9, A15, A17) --------------------------------------------------


def node(**more):
    return {**REQUIRED["node_execution"], **more}


@pytest.mark.parametrize("run_id", ["run-17", 17])
def test_b8_a_run_and_its_nodes_are_one_trace_whatever_their_ids_look_like(run_id):
    seen = Seen(
        ("workflow_run", CONTEXT, run(workflow_run_id=run_id)),
        ("node_execution", CONTEXT, node(workflow_run_id=run_id, node_execution_id="n1")),
        ("node_execution", CONTEXT, node(workflow_run_id=run_id, node_execution_id="n2")),
    )
    whole = next(span for span in seen.spans if span.name == "dify.workflow.run")
    nodes = [span for span in seen.spans if span is not whole]

    assert {span.trace_id for span in nodes} == {whole.trace_id}
    assert {span.parent_span_id for span in nodes} == {whole.span_id}
    assert len({span.span_id for span in seen.spans}) == 3
    assert {(log.trace_id, log.span_id) for log in seen.logs} == {
        (span.trace_id, span.span_id) for span in seen.spans
    }


@pytest.mark.parametrize("run_id", [NIL, "", NIL.replace("-", "")])
def test_b9_runs_without_an_id_are_distinct(run_id):
    seen = Seen(*[("workflow_run", CONTEXT, run(workflow_run_id=run_id)) for _ in range(4)])

    assert len({span.span_id for span in seen.spans}) == 4
    assert len({span.trace_id for span in seen.spans}) == 4


NODE = "f1260ebc-7d56-4b56-b714-dc919b27dbdf"
WITHOUT_SPAN = (
    "tool_execution",
    "moderation_check",
    "suggested_question",
    "dataset_retrieval",
    "generate_name",
    "prompt_generation",
    "message_run",
)


@pytest.mark.parametrize("case", WITHOUT_SPAN)
def test_a15_no_log_has_a_span_id_without_a_trace_id(case):
    payload = REQUIRED[case] | {"node_execution_id": NODE}
    alone = Seen((case, CONTEXT, payload | {"message_id": "m"})).logs[0]
    both = Seen((case, CONTEXT, payload | {"workflow_run_id": RUN})).logs[0]
    trace = Seen((case, CONTEXT, REQUIRED[case] | {"workflow_run_id": RUN})).logs[0]

    assert (alone.trace_id, alone.span_id) == (b"", b"")
    assert both.trace_id
    assert both.span_id
    assert (trace.trace_id.hex(), trace.span_id) == (RUN.replace("-", ""), b"")


def test_a15_nor_has_one_of_the_users_own():
    def mapping(facts, _payload, _settings):
        return Signals(logs=(facts.log("shop.order", {}, ids=(b"", b"12345678")),))

    with registered_case(CaseDefinition("order_made", Anything, mapping)):
        seen = Seen(("order_made", CONTEXT, {}))

    assert seen.ledger.exported == 1
    assert seen.logs[0].span_id == b""


@pytest.mark.parametrize(("rate", "flags"), [(0.0, 0), (0.9, 0), (0.96, 1), (1.0, 1)])
def test_a17_the_flag_of_a_log_says_whether_its_trace_has_spans(rate, flags):
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    seen = Seen(
        ("workflow_run", CONTEXT, run()),  # 0xf3... is 0.95
        ("tool_execution", CONTEXT, {"tool_name": "t", "workflow_run_id": RUN}),
        enterprise_otel_sampling_rate=rate,
    )
    records = [LogRecord.FromString(encode_log(log)) for log in seen.logs]

    assert [record.flags for record in records] == [flags, flags]
    assert all(record.trace_id for record in records)
    assert len(seen.spans) == flags


# -- memory (C10) ---------------------------------------------------------------------------------


def test_c10_memory_that_ran_out_is_said(monkeypatch):
    class Full:
        def pack(self, _value):
            raise MemoryError

    monkeypatch.setattr("telemetry_actors.door._packing._Packer", Full)
    seen = Seen(("workflow_run", CONTEXT, run()))

    assert seen.admissions == ["invalid"]
    assert seen.status.problems == ["memory ran out in emit(): 1 events refused as invalid"]
