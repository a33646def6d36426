"""The words of the books: admissions, outcomes, reasons, and the ledger itself.

    emitted  = accepted + sum of refused
    accepted = exported + duplicate + sum of dropped + in_flight

Nothing in the two lines is a remainder: each term is counted or measured by itself, and
`Ledger.balanced` compares. How they are counted: `books/shards.py` (the caller's thread) and
`books/books.py` (the tree's).
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Admission(StrEnum):
    """What `emit()` says of an event. Truthy iff it was accepted. docs/errors.md explains each."""

    ACCEPTED = "accepted"
    GATEWAY_OFF = "gateway_off"
    NOT_ELIGIBLE = "not_eligible"
    UNKNOWN_CASE = "unknown_case"
    INVALID = "invalid"
    TOO_LARGE = "too_large"
    MAILBOX_FULL = "mailbox_full"
    BYTES_FULL = "bytes_full"
    PARKED = "parked"
    STOPPING = "stopping"

    def __bool__(self) -> bool:
        return self is Admission.ACCEPTED


class Outcome(StrEnum):
    """How an admitted event ends. Exactly one each."""

    EXPORTED = "exported"
    DUPLICATE = "duplicate"
    DROPPED = "dropped"


class Reason(StrEnum):
    """Why an event was dropped. A closed list; docs/errors.md says what to do about each."""

    INVALID_PAYLOAD = "invalid_payload"
    REHYDRATION_FAILED = "rehydration_failed"
    HANDLER_CRASH = "handler_crash"
    STAGE_CRASH = "stage_crash"
    ENCODE_ERROR = "encode_error"
    REJECTED = "rejected"
    RETRY_EXHAUSTED = "retry_exhausted"
    UNCONFIRMED = "unconfirmed"
    EXPIRED = "expired"
    PARKED = "parked"
    NO_HANDLER = "no_handler"
    NO_SINK = "no_sink"
    SHUTDOWN = "shutdown"
    ABANDONED = "abandoned"
    FORK_CHILD = "fork_child"
    JOURNAL_FULL = "journal_full"
    LOST_ON_CRASH = "lost_on_crash"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CaseLedger(_Model):
    """Both lines for one case."""

    emitted: int = 0
    accepted: int = 0
    refused: dict[str, int] = Field(default_factory=dict)
    exported: int = 0
    duplicate: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    in_flight: int = 0
    assumed: dict[str, int] = Field(default_factory=dict)
    """Of *dropped*: the receiver named a number, and that it was these events is assumed."""

    def balanced(self) -> bool:
        """Whether both lines hold to the unit."""
        ended = self.exported + self.duplicate + sum(self.dropped.values())
        return (
            self.emitted == self.accepted + sum(self.refused.values())
            and self.accepted == ended + self.in_flight
        )


class SinkLine(_Model):
    """What became of the records that one sink was given."""

    exported: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    assumed: dict[str, int] = Field(default_factory=dict)
    """Of *dropped*: the number is exact, and which records it were is assumed."""


class SignalLine(_Model):
    """Records of one kind: each is exported (by every sink) or dropped (by the worst)."""

    made: int = 0
    exported: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    in_flight: int = 0
    by_sink: dict[str, SinkLine] = Field(default_factory=dict)
    assumed: dict[str, int] = Field(default_factory=dict)
    """Of *dropped*: the number is exact, and which records it were is assumed."""
    diagnostic: int = 0
    """Logs: records that the product made about itself."""
    sampled_out: int = 0
    """Spans: left out by sampling; no part of the event."""

    def balanced(self) -> bool:
        """Whether every record made has an end or is held."""
        return self.made == self.exported + sum(self.dropped.values()) + self.in_flight


class MeasurementLine(_Model):
    """Single measurements; their export is cumulative and tracked apart."""

    made: int = 0
    recorded: int = 0
    """In the aggregates: those of a gauge that a newer value stands before among them."""
    left_out: int = 0
    """Values of a gauge that has its number of label sets already."""

    def balanced(self) -> bool:
        """Whether every measurement made is recorded or left out."""
        return self.made == self.recorded + self.left_out


class ProviderLine(_Model):
    """Calls to trace managers and providers: ``given`` is the sum of the others in the end."""

    given: int = 0
    called: int = 0
    raised: int = 0
    hung: int = 0
    full: int = 0
    absent: int = 0


class SignalLedger(_Model):
    """The lines per kind of signal."""

    logs: SignalLine = SignalLine()
    spans: SignalLine = SignalLine()
    bridge: SignalLine = SignalLine()
    """Events handed to a broker whole (``transport="celery"``): exported = it has them."""
    measurements: MeasurementLine = MeasurementLine()
    providers: ProviderLine = ProviderLine()


class Ledger(CaseLedger):
    """The books of one gateway at one instant, for the whole tree and for each case."""

    sources: dict[str, int] = Field(default_factory=dict)
    """Ways in, and how many events took each (``emit`` among them)."""
    signals: SignalLedger = SignalLedger()
    by_case: dict[str, CaseLedger] = Field(default_factory=dict)
    settled: bool = True
    """False: events moved while the snapshot was taken, or an `emit()` was in the middle of its
    work all the time; the two sides may differ by those."""

    def balanced(self) -> bool:
        """Whether both lines hold to the unit, for the whole and for each case and signal."""
        return (
            super().balanced()
            and all(case.balanced() for case in self.by_case.values())
            and self.signals.logs.balanced()
            and self.signals.spans.balanced()
            and self.signals.bridge.balanced()
            and self.signals.measurements.balanced()
        )
