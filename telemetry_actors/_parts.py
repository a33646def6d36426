"""The tunables: one frozen model for each part of the tree.

`settings.py` nests them; this page is their names, defaults, limits and what each costs.
Defaults are here and nowhere else. Every quantity carries its unit. Whatever a model
can't use is a `SettingsError` of one line at once, never a crash later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler

from telemetry_actors._settings_problem import first_problem
from telemetry_actors.errors import SettingsError

__all__ = [
    "CelerySettings",
    "DeadLetterSettings",
    "DedupSettings",
    "GatewaySettings",
    "LifecycleSettings",
    "LimitSettings",
    "MetricSettings",
    "OtlpSettings",
    "Part",
    "ProviderSettings",
    "SinkSettings",
    "StageSettings",
    "SupervisionSettings",
]

_YEAR_S = 31_536_000.0  # beyond what a wait on a lock can take on some systems
_MOST = 2**40  # beyond it a number is a slip of the pen, and deque's maxlen is not far

Seconds = Annotated[float, Field(gt=0, le=_YEAR_S, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, Field(ge=0, le=_YEAR_S, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=_MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=_MOST)]
TextBytes = Annotated[int, Field(ge=64, le=_MOST)]  # room for a mark that says it was cut


class Part(BaseModel):
    """Base of all parts: frozen, no unknown key, one-line errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: ClassVar[str] = ""
    """Name of the field in `TelemetrySettings` that holds this part."""

    @model_validator(mode="wrap")
    @classmethod
    def _one_line(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            made = handler(values)
        except ValidationError as error:
            problem = first_problem(cls, error, prefix=cls.part)
        else:
            contradiction = made._contradiction()
            if contradiction is None:
                return made
            problem = SettingsError(cls.part, allowed=contradiction)
        # Not inside the except: the pydantic error holds the values, secrets included,
        # and must not travel along as __context__ (g30).
        raise problem

    def _contradiction(self) -> str | None:
        """What is wrong with two fields together, naming both and their values."""
        return None

    def _at_least(self, larger: str, smaller: str) -> str | None:
        high, low = getattr(self, larger), getattr(self, smaller)
        if high >= low:
            return None
        return f"{larger} ({high:g}) must be at least {smaller} ({low:g})"


class GatewaySettings(Part):
    """The door: how much waits there, and how long for company."""

    part = "gateway"

    linger_s: SecondsOrZero = 0.1
    """Seconds that a batch waits for more events; less costs wake-ups, 0 waits for none."""
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
    total_bytes: Count = 268_435_456
    """Packed bytes in all mailboxes together; more is refused as ``bytes_full``."""

    def _contradiction(self) -> str | None:
        # Only what was asked for can contradict: a small mailbox beside the default for
        # one event is no mistake (the large event is refused as bytes_full).
        for larger, smaller in (
            ("mailbox_bytes", "max_event_bytes"),
            ("total_bytes", "mailbox_bytes"),
        ):
            if {larger, smaller} <= self.model_fields_set:
                found = self._at_least(larger, smaller)
                if found is not None:
                    return found
        return None


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
    """Encoded bytes that may wait before each sink."""


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
    cardinality_limit: Count = 2000
    """Label sets of one instrument; what comes later is added to one overflow set."""
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
    """The ring of events that ended badly."""

    part = "dead_letters"

    max_count: CountOrZero = 1000
    """Letters kept; the oldest go first. 0 keeps none."""
    max_bytes: Count = 16_777_216
    """Packed bytes kept; the oldest go first."""


class ProviderSettings(Part):
    """Calls of trace managers and trace providers."""

    part = "providers"

    mailbox_calls: Count = 1000
    """Calls that may wait; one more is counted ``full`` and not made."""


class CelerySettings(Part):
    """The way out to a fleet of Celery workers, and (the last two) the way in there."""

    part = "celery"

    broker_url: SecretStr | None = None
    """As Celery takes it: ``redis://user:password@host:port/database``. Only Redis is tested."""
    queue: Annotated[str, Field(min_length=1, max_length=200)] = "enterprise_telemetry"
    """Queue that events are sent to."""
    socket_timeout_s: Seconds = 2.0
    """Seconds for one connection attempt and for one answer of the broker."""
    give_up_s: Seconds = 60.0
    """Seconds after which an event that the broker does not take is ``retry_exhausted``."""
    backoff_min_s: Seconds = 0.2
    """Seconds before the first retry of a publish; doubles at each."""
    backoff_max_s: Seconds = 5.0
    """Seconds between two retries at most."""
    breaker_failures: Count = 3
    """Failed publishes in a row that open the circuit breaker."""
    breaker_open_s: Seconds = 2.0
    """Seconds from its opening to the next attempt."""
    room_timeout_s: SecondsOrZero = 10.0
    """A worker's task waits so many seconds for room; then it goes back to the queue."""
    outcome_timeout_s: SecondsOrZero = 120.0
    """A worker's task waits so many seconds for its event's outcome before it is acknowledged."""

    @field_validator("broker_url")
    @classmethod
    def _has_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and "://" not in value.get_secret_value():
            raise ValueError("must be of the form redis://user:password@host:port/database")
        return value

    def _contradiction(self) -> str | None:
        return self._at_least("backoff_max_s", "backoff_min_s")
