"""The tunables: one frozen model for each part of the tree.

`settings.py` nests them; this page is their names, defaults, limits and what each costs.
Defaults are here and nowhere else. Every quantity carries its unit. Whatever a model
can't use is a `SettingsError` of one line at once, never a crash later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from telemetry_actors.settings._part import (
    Count,
    CountOrZero,
    MaxAge,
    Part,
    Seconds,
    SecondsOrZero,
    Share,
    TextBytes,
)


class GatewaySettings(Part):
    """The door: how much waits there, and how long for company."""

    part = "gateway"

    linger_s: SecondsOrZero = 0.1
    """Seconds that a batch waits for more events; less costs wake-ups, 0 waits for none. While
    batches are small it grows to five times as much, but not before a journal."""
    batch_events: Count = 512
    """Events in one batch at most."""
    batch_bytes: Count = 1_048_576
    """Packed bytes in one batch at most (one larger event travels alone)."""
    mailbox_events: Count = 10_000
    """Events that may wait; one more is refused as ``mailbox_full``."""
    mailbox_bytes: Count = 67_108_864
    """Packed bytes that may wait; more is refused as ``bytes_full``."""
    max_event_bytes: Count = 16_777_216
    """Packed bytes of one payload; a larger one is refused as ``too_large``."""
    max_context_bytes: Count = 65_536
    """Packed bytes of one context; a larger one is refused as ``too_large``."""
    total_events: Count = 131_072
    """Events in memory without an outcome, wherever they are; one more is refused as
    ``mailbox_full``. Never less than *mailbox_events*."""
    total_bytes: Count = 268_435_456
    """Bytes that events in memory without an outcome may hold, wherever they are; more is refused
    as ``bytes_full``. A record holds its event's bytes once more, so room for those that may wait
    before sinks (*sink.mailbox_bytes* each, at most half of all) is kept free."""

    def _contradiction(self) -> str | None:
        # Only what was asked for can contradict: a small mailbox beside the default for
        # one event is no mistake (the large event is refused as bytes_full).
        for larger, smaller in (
            ("mailbox_bytes", "max_event_bytes"),
            ("total_bytes", "mailbox_bytes"),
            ("total_events", "mailbox_events"),
        ):
            if {larger, smaller} <= self.model_fields_set:
                found = self._at_least(larger, smaller)
                if found is not None:
                    return found
        return None


class JournalSettings(Part):
    """The journal: what is accepted survives the end of the process, however it ends."""

    part = "journal"

    directory: Path | None = None
    """Where it is kept; several processes may share it. None: there is no journal."""
    fsync: Literal["never", "interval", "always"] = "interval"
    """When the kernel is to write it out. All three survive `kill -9`; a loss of power takes with
    `never` what the kernel had not written by itself, with `interval` the last interval."""
    fsync_interval_s: Seconds = 1.0
    """Seconds between two syncs."""
    segment_bytes: Count = 8_388_608
    """Bytes of one file; a file is removed when all its events have their outcome."""
    max_bytes: Count = 1_073_741_824
    """Bytes of all files; beyond it the oldest file goes first."""
    max_age_s: Seconds = 259_200.0
    """Seconds that an event is kept by one process at most; so long its export is tried again."""
    memory_directory: Path | None = None
    """Directory in memory (tmpfs) for the count of accepted events, which a ``kill -9`` leaves;
    none: in ``/dev/shm``, else in ``$XDG_RUNTIME_DIR``."""
    replay_events_per_s: Count = 2_000
    """Events of an earlier process that are replayed in a second."""

    def _contradiction(self) -> str | None:
        return self._at_least("max_bytes", "segment_bytes")


class PressureSettings(Part):
    """Who is refused first while mailboxes get full, decided when an event comes."""

    part = "pressure"

    low_share: Share = 0.7
    """Share of each budget (of the gateway mailbox, and in all) that node executions may fill."""
    normal_share: Share = 0.9
    """The same for runs, messages, and cases of your own."""
    high_share: Share = 1.0
    """The same for feedback and changes of apps."""
    fair_share: Share = 0.5
    """Share of a budget above which a tenant that holds more than its part is refused; 1: never."""
    classes: str = ""
    """Cases of another class than theirs: ``tool_execution=low,my_case=high``."""
    low_max_age_s: MaxAge = None
    """Seconds after which a node execution that a stage or sink takes is dropped as ``expired``;
    none: never. By the wall clock, since events from elsewhere have their own time."""
    normal_max_age_s: MaxAge = None
    """The same for runs, messages, and cases of your own."""
    high_max_age_s: MaxAge = None
    """The same for feedback and changes of apps."""
    give_way: bool = True
    """A host that makes short system calls without pause can keep our threads from ever running.
    While an event is 0.25 s overdue for that, ``emit()`` gives way for 50 µs, at most 50 times a
    second; never in an event loop, a signal handler, or where gevent or eventlet is imported."""

    @property
    def by_case(self) -> dict[str, str]:
        """*classes* as a map.

        >>> PressureSettings(classes="tool_execution=low").by_case
        {'tool_execution': 'low'}
        """
        return _classes(self.classes) or {}

    def _contradiction(self) -> str | None:
        if _classes(self.classes) is None:
            return f"classes ({self.classes!r}) must be pairs such as my_case=low"
        return self._at_least("normal_share", "low_share") or self._at_least(
            "high_share", "normal_share"
        )


def _classes(text: str) -> dict[str, str] | None:
    pairs = [pair.strip().partition("=") for pair in text.split(",") if pair.strip()]
    if any(value.strip() not in ("low", "normal", "high") for _, _, value in pairs):
        return None
    return {case.strip(): value.strip() for case, _, value in pairs}


class StageSettings(Part):
    """Router, dedup and rehydrator."""

    part = "stages"

    mailbox_batches: Count = 64
    """Batches that may wait before each stage; a full one holds back the stage before it."""


class DedupSettings(Part):
    """What counts as a repeat, and how much memory finding out may cost."""

    part = "dedup"

    ttl_s: Seconds = 3600.0
    """Seconds for which an event id is remembered."""
    lease_s: Seconds = 60.0
    """Seconds for which Redis keeps an id at a time until its event's outcome."""
    max_ids: Count = 1_000_000
    """Ids remembered in this process at most; beyond it the oldest are forgotten first."""
    timeout_s: Seconds = 0.5
    """Seconds that a batch may wait for Redis, connecting included; then its events pass."""
    breaker_failures: Count = 3
    """Failures in a row after which Redis is left alone for a while."""
    breaker_open_s: Seconds = 1.0
    """Seconds until Redis is tried again; doubles at each failure."""
    breaker_max_s: Seconds = 5.0
    """Seconds between two tries at most."""

    def _contradiction(self) -> str | None:
        return self._at_least("breaker_max_s", "breaker_open_s")


class PayloadStoreSettings(Part):
    """Where payloads of over 1 MiB wait, so that they don't in memory."""

    part = "payload_store"

    enabled: bool = True
    """Off: large payloads stay in memory like all others."""
    url: str = ""
    """``s3://bucket/prefix`` (extra ``s3``) or ``memory://``; empty: a directory."""
    directory: Path | None = None
    """Folder for the objects; none: ``telemetry-actors-<user id>`` among the temporary files."""
    timeout_s: Seconds = 5.0
    """Seconds that writing or reading one object may take; then it is done without."""
    thread_count: Count = 4
    """Threads each for writing and reading, started when they are needed."""
    max_events: Count = 64
    """Payloads that may be under way to the store; one more travels inline."""
    max_bytes: Count = 67_108_864
    """Packed bytes that may be under way to the store; more travel inline."""
    orphan_age_s: Seconds = 86_400.0
    """Seconds after which an object belongs to nobody, and is deleted at a start. Well above the
    longest that an event may be under way, in all processes that share the store."""

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        if value and not value.startswith(("s3://", "memory://")):
            raise ValueError("must start with s3:// or memory:// (a folder goes into directory)")
        if value == "s3://" or set(value.partition("://")[2].partition("/")[0]) & set(":@"):
            raise ValueError("must name a bucket, and hold no login")
        return value

    def _contradiction(self) -> str | None:
        if self.url and self.directory is not None:
            return f"url ({self.url}) and directory ({self.directory}) are two stores: give one"
        return None


class RehydratorSettings(Part):
    """What may be made whole again out of which bytes."""

    part = "rehydrator"

    allow_pickle_fallback: bool = False
    """Read a ``payload_fallback`` that old producers have pickled: plain data, never a class."""


class SinkSettings(Part):
    """Batching of records before they are sent."""

    part = "sink"

    linger_s: SecondsOrZero = 1.0
    """Seconds that a request waits for more records; flush and stop cut it short."""
    batch_records: Count = 512
    """Records in one request at most."""
    batch_bytes: Count = 4_194_304
    """Encoded bytes in one request at most (one larger record travels alone)."""
    mailbox_records: Count = 32_768
    """Records that may wait before each sink; a full one holds back the handlers."""
    mailbox_bytes: Count = 67_108_864
    """Bytes that may wait before each sink; together at most half of *gateway.total_bytes*."""


class OtlpSettings(Part):
    """How long one attempt and the whole effort may take."""

    part = "otlp"

    attempt_timeout_s: Seconds = 10.0
    """Seconds for one request; a timeout is retried."""
    give_up_s: Seconds = 60.0
    """Seconds of trying, and of waiting for an endpoint that is down, until records are dropped."""
    backoff_min_s: Seconds = 0.2
    """Seconds before the first retry, before jitter."""
    backoff_max_s: Seconds = 5.0
    """Seconds between two retries at most, unless the receiver asks for longer."""
    max_retry_after_s: Seconds = 60.0
    """Seconds for which a receiver may ask us to wait; one that asks for more is tried then."""
    breaker_failures: Count = 5
    """Failures in a row, over all signals of an endpoint, that open its circuit breaker."""
    breaker_open_s: Seconds = 1.0
    """Seconds from the opening to the probe; longer if the receiver asks for it."""
    compression: Literal["none", "gzip"] = "none"
    """``gzip`` saves the network and costs processor time."""
    ca_file: Path | None = None
    """PEM file of the authority that signed the receiver's certificate, if a private one did."""
    client_certificate_file: Path | None = None
    """PEM file of our own certificate, for a receiver that asks for one; may hold its key, too."""
    client_key_file: Path | None = None
    """PEM file of the key to it, where it is in a file of its own."""

    def _contradiction(self) -> str | None:
        if self.client_key_file is not None and self.client_certificate_file is None:
            return "client_key_file is of no use without client_certificate_file"
        return self._at_least("give_up_s", "attempt_timeout_s") or self._at_least(
            "backoff_max_s", "backoff_min_s"
        )


class MetricSettings(Part):
    """The aggregate and its export."""

    part = "metrics"

    interval_s: Seconds = 60.0
    """Seconds between two exports of all points."""
    self_telemetry: bool = True
    """Send the gateway's own metrics (``telemetry_actors.*``, ``otel.sdk.*``) along with them; some
    200 points. ``status()`` has the numbers either way."""
    cardinality_limit: Count = 2000
    """Label sets of one instrument; later ones share an overflow set (a gauge's are left out)."""
    duration_buckets: Literal["seconds", "sdk"] = "seconds"
    """``seconds``: bounds from 5 ms to 10 minutes. ``sdk``: the OpenTelemetry SDK's own bounds
    (0 to 10,000, meant for milliseconds), for dashboards that were made with them."""
    app_counters: bool = True
    """Emit ``dify.app.created.total`` and its two siblings (era M)."""
    app_requests: bool = True
    """Count app events in ``dify.requests.total`` as well (era S)."""


class LimitSettings(Part):
    """How much one value may hold. What is over it is cut, and a mark says so."""

    part = "limits"

    attribute_bytes: TextBytes = 4_194_304
    """UTF-8 bytes of one attribute of a log or span. By default three contents in one record
    stay within the 20 MiB that collectors take."""
    nesting_levels: Annotated[int, Field(ge=1, le=99)] = 64
    """Levels of lists and maps within one another in content that becomes JSON."""
    list_items: Count = 10_000
    """Values of one list or map in content that becomes JSON."""
    label_bytes: TextBytes = 1_024
    """UTF-8 bytes of one label value of a metric; names of 255 characters fit in any script."""


class LifecycleSettings(Part):
    """How long an end may take."""

    part = "lifecycle"

    stop_timeout_s: SecondsOrZero = 10.0
    """Seconds that ``stop()`` and the end of a ``with`` block may take."""
    exit_timeout_s: SecondsOrZero = 5.0
    """Seconds that the interpreter's exit may be held up."""


class SupervisionSettings(Part):
    """Restart intensity of each supervisor, and how a parked one comes back."""

    part = "supervision"

    intensity: CountOrZero = 5
    """Restarts within *period_s*; one more and the supervisor gives up (it parks)."""
    period_s: Seconds = 10.0
    """Seconds over which restarts are counted."""
    park_probe_min_s: Seconds = 1.0
    """Seconds until a parked part is tried again; doubles at each failure."""
    park_probe_max_s: Seconds = 60.0
    """Seconds between two tries at most."""
    sweep_interval_s: Seconds = 0.25
    """Seconds between two looks for threads that ended without a word, or hang."""
    hang_deadline_s: Seconds = 30.0
    """Seconds that a stage or a handler may take for one batch before it is judged a hang."""
    sink_hang_deadline_s: Seconds = 60.0
    """The same for a sink; leave it well above ``otlp.attempt_timeout_s``."""

    def _contradiction(self) -> str | None:
        return self._at_least("park_probe_max_s", "park_probe_min_s")


class DeadLetterSettings(Part):
    """Events that ended badly: a ring in memory, and if wanted a directory with a file each."""

    part = "dead_letters"

    max_count: CountOrZero = 1000
    """Letters kept; the oldest go first. 0 keeps none."""
    max_bytes: Count = 16_777_216
    """Packed bytes kept; the oldest go first."""
    directory: Path | None = None
    """Where each dropped event is written, too; see ``telemetry-actors dead-letters``."""
    max_files: Count = 10_000
    """Letters in the directory; the oldest go first."""
    max_directory_bytes: Count = 268_435_456
    """Bytes of all letters in the directory; the oldest go first."""
    max_age_s: Seconds = 604_800.0
    """Seconds that a letter stays in the directory; looked at when one is written, and at start."""
    queue_bytes: Count = 16_777_216
    """Packed bytes that may wait to be written; a letter that finds no room is counted."""


class ProviderSettings(Part):
    """Calls of trace managers and trace providers."""

    part = "providers"

    mailbox_calls: Count = 1000
    """Calls that may wait; one more is counted ``full`` and not made."""
    mailbox_bytes: Count = 67_108_864
    """Bytes of the events of calls that wait, whatever they are: one more is ``full``, too."""
