"""A record in its own protobuf bytes; a batch is a join of them."""

import enum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from telemetry_actors.event.signals import LogSignal, SpanSignal
from telemetry_actors.sinks.encode import encode_log, encode_span, size_on_wire
from telemetry_actors.sinks.frame import Frame

TRACE, SPAN, PARENT = bytes(range(16)), bytes(range(8)), bytes(range(8, 16))

texts = st.text(st.characters(exclude_categories=["Cs"]))
int64s = st.integers(-(2**63), 2**63 - 1)
values = st.none() | texts | st.booleans() | int64s | st.floats(allow_nan=False)
attributes = st.dictionaries(texts, values, max_size=12)
times_ns = st.integers(0, 2**64 - 1)
logs = st.builds(
    lambda name, signal, pairs, ids, time_ns, observed_ns: LogSignal(
        name, signal, tuple(pairs), tuple(pairs.values()), ids[0], ids[1], time_ns, observed_ns
    ),
    *(texts, texts, attributes, st.sampled_from([(b"", b""), (TRACE, b""), (TRACE, SPAN)])),
    *(times_ns, times_ns),
)
spans = st.builds(
    lambda name, parent, pairs, start_ns, end_ns, error: SpanSignal(
        name, TRACE, SPAN, parent, start_ns, end_ns, tuple(pairs), tuple(pairs.values()), error
    ),
    *(texts, st.sampled_from([b"", PARENT]), attributes),
    *(times_ns, times_ns, st.none() | texts),
)


def a_log(*values, trace_id=b"", span_id=b""):
    keys = tuple(f"k{i}" for i in range(len(values)))
    return LogSignal("dify.app.created", "metric_only", keys, values, trace_id, span_id, 1, 2)


def a_span(error=None, trace_id=TRACE, span_id=SPAN):
    return SpanSignal("dify.workflow.run", trace_id, span_id, b"", 1, 2, ("k",), ("v",), error)


def plain(pairs):
    """The attributes of a protobuf message as a dict."""
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value")
        for pair in pairs
    }


class TestLog:
    def test_is_what_the_architecture_says(self):
        """Body, severity, event name, times, flags: "A log record on the wire"."""
        record = LogRecord.FromString(encode_log(a_log("x", trace_id=TRACE, span_id=SPAN)))

        assert record.body.string_value == "telemetry.metric_only"
        assert (record.severity_number, record.severity_text) == (9, "INFO")
        assert record.event_name == "dify.app.created"
        assert (record.time_unix_nano, record.observed_time_unix_nano) == (1, 2)
        assert (record.trace_id, record.span_id, record.flags) == (TRACE, SPAN, 1)

    def test_has_no_flags_without_ids(self):
        """Flags say "sampled" of a trace; without one there is nothing to say."""
        record = LogRecord.FromString(encode_log(a_log()))

        assert (record.trace_id, record.span_id, record.flags) == (b"", b"", 0)

    def test_keeps_the_type_of_each_value(self):
        """A bool is no int, an int is no float, and None isn't there."""
        record = LogRecord.FromString(encode_log(a_log("text", True, 7, 1.5, None)))

        kinds = [pair.value.WhichOneof("value") for pair in record.attributes]
        assert kinds == ["string_value", "bool_value", "int_value", "double_value"]

    def test_takes_the_text_of_a_string_enum(self):
        """A subclass is its plain value."""

        class Mode(enum.StrEnum):
            CHAT = "chat"

        record = LogRecord.FromString(encode_log(a_log(Mode.CHAT)))

        assert plain(record.attributes) == {"k0": "chat"}

    @pytest.mark.parametrize(
        "bad",
        ["\ud800", 2**63, -(2**63) - 1, b"bytes", ["list"], object()],
        ids=["lone surrogate", "int too large", "int too small", "bytes", "list", "object"],
    )
    def test_that_can_not_be_carried_raises(self, bad):
        """What OTLP has no form for is an error of this record alone."""
        with pytest.raises((ValueError, TypeError, OverflowError)):
            encode_log(a_log(bad))

    @pytest.mark.parametrize("ids", [{"trace_id": b"short"}, {"span_id": b"muchtoolong"}])
    def test_with_ids_of_a_wrong_length_raises(self, ids):
        """A receiver would answer 400 to all of the batch."""
        with pytest.raises(ValueError, match="an id of"):
            encode_log(a_log(**ids))

    def test_with_a_value_too_few_raises(self):
        """Keys and values must be as many."""
        with pytest.raises(ValueError, match="zip"):
            encode_log(a_log("x")._replace(values=()))


class TestSpan:
    @pytest.mark.parametrize(
        ("error", "code", "message"), [(None, 0, ""), ("", 2, ""), ("boom", 2, "boom")]
    )
    def test_status_is_unset_or_error(self, error, code, message):
        """No error is UNSET, never OK; an error may have no text."""
        span = Span.FromString(encode_span(a_span(error)))

        assert (span.status.code, span.status.message) == (code, message)
        assert span.kind == Span.SPAN_KIND_INTERNAL

    @pytest.mark.parametrize("ids", [{"trace_id": b""}, {"span_id": b""}])
    def test_needs_its_ids(self, ids):
        """A span without ids is none."""
        with pytest.raises(ValueError, match="an id of"):
            encode_span(a_span(**ids))


class TestFrame:
    frame = Frame({"service.name": "dify", "process.pid": 7}, version="1.2.3")

    @given(st.lists(logs, max_size=5))
    def test_a_request_parses_to_the_same_logs(self, batch):
        """Joining the bytes of single records gives what protobuf calls a request."""
        data = self.frame.request(map(encode_log, batch))

        (resource_logs,) = ExportLogsServiceRequest.FromString(data).resource_logs
        (scope_logs,) = resource_logs.scope_logs
        records = scope_logs.log_records
        assert [plain(record.attributes) for record in records] == [s.attributes for s in batch]
        assert [record.event_name for record in records] == [s.event_name for s in batch]
        assert [record.time_unix_nano for record in records] == [s.time_ns for s in batch]
        assert [record.trace_id for record in records] == [s.trace_id for s in batch]
        assert [record.SerializeToString() for record in records] == [*map(encode_log, batch)]

    @given(st.lists(spans, max_size=5))
    def test_a_request_parses_to_the_same_spans(self, batch):
        """Spans have the same field numbers."""
        data = self.frame.request(map(encode_span, batch))

        (resource_spans,) = ExportTraceServiceRequest.FromString(data).resource_spans
        (scope_spans,) = resource_spans.scope_spans
        found = scope_spans.spans
        assert [plain(span.attributes) for span in found] == [s.attributes for s in batch]
        assert [span.name for span in found] == [s.name for s in batch]
        assert [span.parent_span_id for span in found] == [s.parent_span_id for s in batch]
        assert [span.status.code == 2 for span in found] == [s.error is not None for s in batch]

    def test_carries_resource_and_scope(self):
        """Once per request."""
        (logs,) = ExportLogsServiceRequest.FromString(self.frame.request([])).resource_logs

        assert plain(logs.resource.attributes) == {"service.name": "dify", "process.pid": 7}
        assert logs.scope_logs[0].scope.name == "dify.enterprise"
        assert logs.scope_logs[0].scope.version == "1.2.3"

    @pytest.mark.parametrize("length", [0, 100, 127, 128, 16_383, 16_384, 3_000_000])
    def test_size_on_wire_is_what_a_record_adds(self, length):
        """To the byte, so that a limit on a request is one."""
        record = encode_log(a_log("x" * length))
        filler = encode_log(a_log("x" * 3_000_000))  # so that no length around it grows by a byte

        with_it = self.frame.request([filler, record])
        assert len(with_it) - len(self.frame.request([filler])) == size_on_wire(record)
