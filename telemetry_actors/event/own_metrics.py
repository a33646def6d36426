"""The gateway's own metrics, in one table: name, kind, unit, attributes, meaning.

What is exported (`observe/_samples.py`), `Status.to_prometheus` and docs/self-telemetry.md are
made of it. Names are those of OpenTelemetry's convention for SDKs (``otel.sdk.*``) where it
has one for the thing, and ``telemetry_actors.*`` where it has none. No attribute names a
tenant, a user or an event: each has a bounded number of values. ADR-0013 says why they are
computed when somebody asks.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, NamedTuple

from telemetry_actors.event.signals import Instrument

OWN_PREFIXES: Final = ("otel.sdk.", "telemetry_actors.")
"""Begin the names of these metrics, and of no others."""


INFO: Final = "telemetry_actors.info"
"""The one that is no number: who speaks. For Prometheus' text alone."""


class SelfMetric(NamedTuple):
    """One row."""

    name: str
    kind: str
    """``counter``, ``updown_counter``, ``gauge`` or ``histogram`` (of seconds)."""
    unit: str
    """In UCUM."""
    attributes: tuple[str, ...]
    """Keys, in the order of a sample's values; one without a value is left out."""
    description: str

    @property
    def instrument(self) -> Instrument:
        """As the sinks take it."""
        return Instrument(self.name, self.kind, self.unit)


_CASE, _PART = "telemetry_actors.case", "telemetry_actors.part"
_KEY = "telemetry_actors.key"
_ADMISSION = "telemetry_actors.admission"
_OUTCOME, _REASON = "telemetry_actors.outcome", "telemetry_actors.reason"
_SINK, _STATE = "telemetry_actors.sink", "telemetry_actors.breaker.state"
_COMPONENT = ("otel.component.type", "otel.component.name")
_SERVER = ("server.address", "server.port")
_EXPORTER = (*_COMPONENT, *_SERVER)
_ERROR = "error.type"
_INFO = (
    *("telemetry_actors.version", "process.pid", "service.instance.id"),
    "process.runtime.version",
)
_STATUS_CODE = "http.response.status_code"


def _own(name: str, kind: str, unit: str, attributes: tuple[str, ...], text: str) -> SelfMetric:
    return SelfMetric(f"telemetry_actors.{name}", kind, unit, attributes, text)


def _sdk(name: str, kind: str, unit: str, attributes: tuple[str, ...], text: str) -> SelfMetric:
    return SelfMetric(f"otel.sdk.{name}", kind, unit, attributes, text)


_COUNTER, _UPDOWN, _GAUGE, _HISTOGRAM = "counter", "updown_counter", "gauge", "histogram"

_EVENTS = (
    _own("admissions", _COUNTER, "{event}", (_CASE, _ADMISSION),
         "Events that came, by emit() or another way: accepted, or why they were refused"),
    _own("events", _COUNTER, "{event}", (_CASE, _OUTCOME, _REASON),
         "Accepted events that have their outcome; a dropped one with its reason"),
    _own("dead_letters.kept", _UPDOWN, "{letter}", (),
         "Dropped events that can be looked at"),
    _own("dead_letters.forgotten", _COUNTER, "{letter}", (),
         "Dead letters that had to make room for newer ones"),
    _own("bridge.inflight", _UPDOWN, "{event}", _EXPORTER,
         "Events that the way out to a broker has in hand, waits for a retry included"),
    _own("bridge.exported", _COUNTER, "{event}", (*_EXPORTER, _ERROR),
         "Events that the way out is done with: without error.type the broker has confirmed them"),
    _own("provider.calls", _COUNTER, "{call}", ("telemetry_actors.result",),
         "Calls of trace managers and providers: called, raised, hung, full, absent"),
    _own("values.unreadable", _COUNTER, "{value}", (_CASE, _KEY),
         "Values of optional keys in a form that can't be read; each cost its key, not its event"),
    _own("measurement.created", _COUNTER, "{measurement}", (),
         "Measurements that handlers made"),
    _own("metric.label_sets", _UPDOWN, "{label_set}", ("telemetry_actors.instrument",),
         "Label sets of a metric; metrics.cardinality_limit is the most"),
    _own("metric.overflowed", _COUNTER, "{measurement}", ("telemetry_actors.instrument",),
         "Measurements whose label set was one too many; they are in otel.metric.overflow"),
    _own("metric.left_out", _COUNTER, "{measurement}", ("telemetry_actors.instrument",),
         "Values of a gauge whose label set was one too many; they are nowhere"),
)  # fmt: skip

_QUEUES = (
    _own("queue.size", _UPDOWN, "{item}", (_PART,),
         "Events (records, before a sink) that wait in a part's mailbox"),
    _own("queue.capacity", _UPDOWN, "{item}", (_PART,),
         "How many may wait; absent where only bytes are bounded"),
    _own("queue.memory", _UPDOWN, "By", (_PART,),
         "Bytes charged for what waits"),
    _own("queue.memory_capacity", _UPDOWN, "By", (_PART,),
         "How many may be charged; absent where only the number is bounded"),
    _own("queue.in_hand", _UPDOWN, "{item}", (_PART,),
         "What a part has taken out of its mailbox and is not done with"),
    _own("queue.oldest_age", _GAUGE, "s", (_PART,),
         "Time since emit() of the first in line, in hand or waiting; 0 where there is none"),
)  # fmt: skip

_ROOM = (
    _own("room.events", _UPDOWN, "{event}", (),
         "Events in memory that have no outcome yet, wherever they are"),
    _own("room.events_capacity", _UPDOWN, "{event}", (),
         "How many there may be; then emit() says mailbox_full"),
    _own("room.memory", _UPDOWN, "By", (),
         "Bytes charged for these events"),
    _own("room.memory_capacity", _UPDOWN, "By", (),
         "How many may be charged; then emit() says bytes_full"),
    _own("room.record_memory", _UPDOWN, "By", (),
         "Bytes charged for the records that wait before sinks"),
    _own("room.tenants", _UPDOWN, "{tenant}", (),
         "About how many tenants have an event in memory"),
    _own("out_of_memory", _COUNTER, "{event}", (),
         "Events refused as invalid since memory ran out inside emit()"),
    _own("overdue", _GAUGE, "s", (),
         "How late the latest part is in taking what waits; over 0.25 s it is starved or slow"),
    _own("give_ways", _COUNTER, "{pause}", (),
         "How often emit() gave way to the gateway's starved threads"),
)  # fmt: skip

_SINKS = (
    _own("sink.healthy", _GAUGE, "{sink}", _EXPORTER,
         "1 while the last request of a sink was a success, else 0"),
    _own("sink.request.duration", _HISTOGRAM, "s", (*_EXPORTER, _STATUS_CODE, _ERROR),
         "Time for one request, retries by themselves; with error.type it was no success"),
    _own("sink.warnings", _COUNTER, "{answer}", _EXPORTER,
         "Successes about which the receiver had something to say"),
    _own("sink.unreadable_answers", _COUNTER, "{answer}", _EXPORTER,
         "Of these, those that can't be read; all of their records count as taken"),
    _own("sink.next_try", _GAUGE, "s", _EXPORTER,
         "Time until what a sink has in hand is sent again; absent while it waits for no time"),
    _own("breaker.state", _UPDOWN, "{breaker}", (_SINK, *_SERVER, _STATE),
         "1 for the state that an endpoint's circuit breaker is in, 0 for the others"),
    _own("breaker.failures", _UPDOWN, "{failure}", (_SINK, *_SERVER),
         "Failures in a row at an endpoint"),
    _own("breaker.next_probe", _GAUGE, "s", (_SINK, *_SERVER),
         "Time until one request goes out to see; absent while no breaker is open"),
)  # fmt: skip

_DEDUP = (
    _own("dedup.hits", _COUNTER, "{event}", (),
         "Events that were a repeat of an event id, over all cases"),
    _own("dedup.ids", _UPDOWN, "{id}", (),
         "Event ids that are remembered in this process"),
    _own("dedup.misses", _COUNTER, "{event}", (),
         "Events whose id was free"),
    _own("dedup.healthy", _GAUGE, "{store}", (),
         "1; 0 while Redis fails and events pass with this process's own word alone"),
    _own("dedup.unchecked", _COUNTER, "{event}", (),
         "Of the misses, those that Redis was not there to be asked about"),
    _own("dedup.failures", _COUNTER, "{failure}", (),
         "Round trips to Redis that failed, and single answers that could not be used"),
    _own("dedup.leases", _UPDOWN, "{id}", (),
         "Ids in Redis whose events have no outcome yet"),
    _own("dedup.releases_waiting", _UPDOWN, "{id}", (),
         "Ids of dropped events that Redis is still to be told of"),
    _own("dedup.releases_lost", _COUNTER, "{id}", (),
         "Ids of dropped events that Redis was never told of: a repeat is a duplicate for a while"),
    _own("dedup.outcomes_waiting", _UPDOWN, "{id}", (),
         "Ids of exported events that Redis is still to be told of"),
    _own("dedup.outcomes_lost", _COUNTER, "{id}", (),
         "Ids of exported events that Redis was never told of: it forgets them with their lease"),
    _own("dedup.breaker.state", _UPDOWN, "{breaker}", (_STATE,),
         "1 for the state that the breaker before Redis is in, 0 for the others"),
)  # fmt: skip

_LETTERS = (
    _own("dead_letters.written", _COUNTER, "{letter}", (),
         "Dead letters that this process wrote to the directory"),
    _own("dead_letters.unwritten", _COUNTER, "{letter}", (),
         "Those that it did not: no room in the queue, a disk that said no, a stop"),
    _own("dead_letters.waiting", _UPDOWN, "{letter}", (),
         "Dead letters that are to be written"),
    _own("dead_letters.waiting_memory", _UPDOWN, "By", (),
         "Bytes charged for these"),
    _own("dead_letters.errors", _COUNTER, "{error}", (),
         "Times that the disk said no"),
    _own("dead_letters.evicted", _COUNTER, "{letter}", (),
         "Letters taken away again for want of room, or for their age"),
    _own("dead_letters.files", _UPDOWN, "{letter}", (),
         "Letters in the directory, those of other processes too, as of the last look"),
    _own("dead_letters.size", _UPDOWN, "By", (),
         "Bytes of these"),
    _own("dead_letters.healthy", _GAUGE, "{writer}", (),
         "1; 0 while letters can't be written"),
)  # fmt: skip

_PAYLOADS = (
    _own("payload_store.healthy", _GAUGE, "{store}", (),
         "1; 0 while something that it does fails"),
    _own("payload_store.objects", _UPDOWN, "{object}", (),
         "Objects written or being written, and not deleted yet"),
    _own("payload_store.in_flight", _UPDOWN, "{payload}", (),
         "Payloads that are being written"),
    _own("payload_store.in_flight_memory", _UPDOWN, "By", (),
         "Packed bytes of these"),
    _own("payload_store.written", _COUNTER, "{object}", (),
         "Objects written"),
    _own("payload_store.read", _COUNTER, "{object}", (),
         "Objects read back"),
    _own("payload_store.deleted", _COUNTER, "{object}", (),
         "Objects deleted when their event had its outcome"),
    _own("payload_store.failures", _COUNTER, "{failure}", (),
         "Writes and reads that failed or took too long"),
    _own("payload_store.delete_failures", _COUNTER, "{failure}", (),
         "Objects that could not be deleted and are left for a later sweep"),
    _own("payload_store.swept", _COUNTER, "{object}", (),
         "Objects that nobody waited for, deleted at the start"),
    _own("payload_store.inline", _COUNTER, "{payload}", (),
         "Large payloads that travelled with their event, since they could not be written"),
    _own("payload_store.breaker.state", _UPDOWN, "{breaker}", (_STATE,),
         "1 for the state that the breaker before the store is in, 0 for the others"),
)  # fmt: skip

_JOURNAL = (
    _own("journal.state", _UPDOWN, "{journal}", ("telemetry_actors.journal.state",),
         "1 for the state that the journal is in, 0 for the others"),
    _own("journal.page_healthy", _GAUGE, "{page}", (),
         "1: what a kill -9 costs will be counted, and counting waits for no disk; else 0"),
    _own("journal.durable", _COUNTER, "{event}", (),
         "Events that were put in, synced as set"),
    _own("journal.held", _UPDOWN, "{event}", (),
         "Events in it without an outcome, another process's too"),
    _own("journal.spilled", _UPDOWN, "{event}", (),
         "Of these, those that left memory for want of room and will be read back"),
    _own("journal.replays", _UPDOWN, "{event}", (),
         "Of these, those of an earlier process that are still to be read"),
    _own("journal.size", _UPDOWN, "By", (),
         "Bytes of its files"),
    _own("journal.segments", _UPDOWN, "{file}", (),
         "Its files"),
    _own("journal.oldest_age", _GAUGE, "s", (),
         "Time since emit() of its oldest event; 0 where it holds none"),
    _own("journal.evicted", _COUNTER, "{event}", (),
         "Events that its caps cost their place; those in memory went on all the same"),
    _own("journal.recovered", _COUNTER, "{event}", (),
         "Events of earlier processes that were taken in"),
    _own("journal.lost_on_crash", _COUNTER, "{event}", (),
         "Events that earlier processes accepted, and that are nowhere"),
    _own("journal.lost_unknown", _COUNTER, "{process}", (),
         "Earlier processes of which nobody knows how many events they lost"),
    _own("journal.damaged", _COUNTER, "{event}", (),
         "Events that were in it and could not be read"),
    _own("journal.adoptable", _UPDOWN, "{folder}", (),
         "Folders of earlier processes that are still to be read"),
    _own("journal.refused_folders", _UPDOWN, "{folder}", (),
         "Folders of earlier processes that can't be read or removed, or are a later version's"),
    _own("journal.foreign_files", _UPDOWN, "{file}", (),
         "Files in adopted folders that are none of ours"),
    _own("journal.errors", _COUNTER, "{error}", (),
         "Times that the disk said no"),
)  # fmt: skip

_SUPERVISION = (
    _own("batch.duration", _HISTOGRAM, "s", (_PART,),
         "Time for one batch; with a sink's request, without its waits"),
    _own("restarts", _COUNTER, "{restart}", (_PART,),
         "Restarts of a part; none is shown until there is one"),
    _own("parkings", _COUNTER, "{parking}", (_PART,),
         "How often a part gave up and parked; root is the whole tree"),
    _own("parked", _GAUGE, "{part}", (_PART,),
         "1 while a part is parked, 0 once it has come back"),
    _own("cases.parked", _GAUGE, "{case}", (),
         "Cases that nobody can take at present"),
    _own("threads.abandoned", _COUNTER, "{thread}", (),
         "Threads that hung and were left behind"),
    _own("threads.stuck", _UPDOWN, "{thread}", (),
         "Of these, those that still hang"),
    _own("problems", _GAUGE, "{problem}", (),
         "Sentences in status().problems; 0 = nothing is known to be wrong"),
)  # fmt: skip

_SDK = (
    _sdk("log.created", _COUNTER, "{log_record}", (),
         "Log records that handlers made"),
    _sdk("span.started", _COUNTER, "{span}", ("otel.span.sampling_result",),
         "Spans that handlers made (RECORD_AND_SAMPLE), or that sampling left out (DROP)"),
    _sdk("processor.log.queue.size", _UPDOWN, "{log_record}", _COMPONENT,
         "Log records that wait before a sink"),
    _sdk("processor.log.queue.capacity", _UPDOWN, "{log_record}", _COMPONENT,
         "How many may wait"),
    _sdk("processor.span.queue.size", _UPDOWN, "{span}", _COMPONENT,
         "Spans that wait before a sink"),
    _sdk("processor.span.queue.capacity", _UPDOWN, "{span}", _COMPONENT,
         "How many may wait"),
    _sdk("exporter.log.inflight", _UPDOWN, "{log_record}", _EXPORTER,
         "Log records that a sink has in hand, waits for a retry included"),
    _sdk("exporter.log.exported", _COUNTER, "{log_record}", (*_EXPORTER, _ERROR),
         "Log records that are done: without error.type the receiver has said so"),
    _sdk("exporter.span.inflight", _UPDOWN, "{span}", _EXPORTER,
         "Spans that a sink has in hand, waits for a retry included"),
    _sdk("exporter.span.exported", _COUNTER, "{span}", (*_EXPORTER, _ERROR),
         "Spans that are done: without error.type the receiver has said so"),
    _sdk("exporter.metric_data_point.exported", _COUNTER, "{data_point}", (*_EXPORTER, _ERROR),
         "Metric points of collections before this one, the gateway's own among them"),
    _sdk("exporter.operation.duration", _HISTOGRAM, "s", (*_EXPORTER, _STATUS_CODE, _ERROR),
         "Time from an export's first request to the end of its last answer"),
    _sdk("metric_reader.collection.duration", _HISTOGRAM, "s", _COMPONENT,
         "Time for collecting all points, the gateway's own among them"),
)  # fmt: skip

_PROCESS = (
    _own("info", _GAUGE, "{info}", _INFO,
         "1: who says all this. In Prometheus' text alone; OTLP has it as resource and scope"),
)  # fmt: skip

SELF_METRICS: Final = (
    *_PROCESS,
    *(*_EVENTS, *_QUEUES, *_ROOM, *_SUPERVISION),
    *(*_SINKS, *_DEDUP, *_PAYLOADS, *_LETTERS, *_JOURNAL),
    *_SDK,
)
"""All, in the order of the page."""

_DESCRIPTIONS: Final = {metric.name: metric.description for metric in SELF_METRICS}


ATTRIBUTES: Final = MappingProxyType({
    _CASE: "name of a case; all unknown names share `unknown`",
    _ADMISSION: "the words of `Admission`",
    _OUTCOME: "the words of `Outcome`",
    _REASON: "the words of `Reason`",
    _KEY: "name of a payload key, as the data dictionary has it; of a context's, after `context.`",
    "telemetry_actors.result": "`called`, `raised`, `hung`, `full`, `absent`",
    "telemetry_actors.instrument": "name of a metric",
    _PART: "place in the tree: `stages/router`, `handlers/message_run/handler`, `sinks/logs` …;"
    " `root` is all of it",
    _SINK: "name of a sink",
    _STATE: "`closed`, `open`, `half_open`",
    "telemetry_actors.journal.state": "`on`, `out` (the disk fails; it is tried again), `closed`",
    "telemetry_actors.version": "of this package; in OTLP the version of the scope",
    "process.pid": "of this process; in OTLP an attribute of the resource, as the next two are",
    "service.instance.id": "a UUID of each process's own",
    "process.runtime.version": "Python's",
    "otel.span.sampling_result": "`RECORD_AND_SAMPLE`, `DROP`",
    "otel.component.type": "`otlp_http_log_exporter`, `otlp_grpc_span_exporter` …, for other sinks"
    " with their class; `batching_log_processor`, `periodic_metric_reader` …",
    "otel.component.name": "the type, `/`, and the name of the sink",
    "server.address": "where a sink sends; absent where it doesn't say",
    "server.port": "the same",
    _STATUS_CODE: "of the answer; absent without one",
    _ERROR: "of records: the words of `Reason`; of requests and points: the HTTP status,"
    " `rejected`, `unconfirmed` (sent, no answer), `unreachable`, `encode_error`; absent = success",
})  # fmt: skip
"""What each attribute may say."""


def is_own(name: str) -> bool:
    """Whether a metric of this name is about the gateway, and not about the host's events.

    >>> is_own("telemetry_actors.events"), is_own("dify.tokens.total")
    (True, False)
    """
    return name.startswith(OWN_PREFIXES)


def description_of(name: str) -> str:
    """What a metric of ours means; "" for any other."""
    return _DESCRIPTIONS.get(name, "")
