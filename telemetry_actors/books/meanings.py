"""What the words of the books mean, who is at fault, and what to do: one table for all who say it.

docs/errors.md is made of it, the command line prints it, `status().problems` ends with it. Pure; it
imports nothing of ours, so that any thread and any page may ask. It decides nothing. Every text is
one line of plain words, without a full stop, so that it can stand in a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Fault(StrEnum):
    """With whom to begin. For any one event it may be somebody else."""

    HOST = "host"
    """The application: what it hands in, its own mappings, how it ends its processes."""
    SETTINGS = "settings"
    RECEIVER = "receiver"
    """Whoever the sinks send to, a broker too."""
    NETWORK = "network"
    """What lies between, and the stores and disks that we were told to use."""
    US = "us"
    """This library."""
    NOBODY = "nobody"


class Meaning(NamedTuple):
    """One row."""

    meaning: str
    fault: Fault
    what_to_do: str

    @property
    def is_advice(self) -> bool:
        """There is something to do."""
        return self.what_to_do != _NOTHING


_NOTHING: Final = "nothing"
_PARKED_TO_DO: Final = (
    "read status().problems and the log for the crash behind it; the part is tried again by itself"
)

ADMISSIONS: Final[Mapping[str, Meaning]] = MappingProxyType({
    "accepted": Meaning(
        "the event is in, and will have exactly one outcome", Fault.NOBODY, _NOTHING
    ),
    "gateway_off": Meaning(
        "the settings switch the gateway off, or can't be used",
        Fault.SETTINGS,
        "read the WARNING that names the setting; ENTERPRISE_TELEMETRY_GATEWAY_ENABLED and"
        " ENTERPRISE_OTLP_ENDPOINT must be set, OTEL_SDK_DISABLED must not",
    ),
    "not_eligible": Meaning(
        "the case is for the enterprise edition alone, or the event came from inside the gateway",
        Fault.SETTINGS,
        "set ENTERPRISE_ENABLED and ENTERPRISE_TELEMETRY_ENABLED if the case is to be exported",
    ),
    "unknown_case": Meaning(
        "no case has this name",
        Fault.HOST,
        "correct the name, or call register_case() before the gateway is made",
    ),
    "invalid": Meaning(
        "payload or context is no mapping that can be packed, or memory ran out inside emit()",
        Fault.HOST,
        "hand in a mapping with texts as keys; status().problems says whether memory ran out",
    ),
    "too_large": Meaning(
        "payload or context has more bytes or items than one event may have",
        Fault.HOST,
        "send less with the event, or raise gateway.max_event_bytes or gateway.max_context_bytes",
    ),
    "mailbox_full": Meaning(
        "as many events wait as may wait",
        Fault.RECEIVER,
        "see in status() which sink or part is slow; raise gateway.mailbox_events or"
        " gateway.total_events, or emit less",
    ),
    "bytes_full": Meaning(
        "the events that wait have as many bytes as they may have",
        Fault.RECEIVER,
        "see in status() which sink or part is slow; raise gateway.mailbox_bytes or"
        " gateway.total_bytes, or send less with each event",
    ),
    "parked": Meaning(
        "the part that takes the case has crashed too often and rests", Fault.US, _PARKED_TO_DO
    ),
    "stopping": Meaning(
        "the gateway stops, or has stopped",
        Fault.HOST,
        "stop it after the last emit(), or make a new one",
    ),
})  # fmt: skip
"""By the words of `Admission`."""

REASONS: Final[Mapping[str, Meaning]] = MappingProxyType({
    "invalid_payload": Meaning(
        "a required key of the payload is missing, or its value can't be read",
        Fault.HOST,
        "correct what emit() is given (a dead letter's error names the key)",
    ),
    "rehydration_failed": Meaning(
        "the payload had been put away, and neither it nor its fallback can be read back",
        Fault.NETWORK,
        "see status().payload_store; the processes of one fleet must share the store, and keep its"
        " objects until their events have arrived",
    ),
    "handler_crash": Meaning(
        "the mapping of the case raised",
        Fault.HOST,
        "read the log for type, file and line; mend a mapping of your own, report one of ours, then"
        " replay the dead letters",
    ),
    "stage_crash": Meaning(
        "a stage or a sink crashed again and again with this event in hand",
        Fault.US,
        "report it with the log's lines, unless a sink of your own crashed; then replay the dead"
        " letters",
    ),
    "encode_error": Meaning(
        "a record can't be put into the form in which it travels",
        Fault.HOST,
        "read the dead letter's error: the payload, or a mapping of your own, has a value that"
        " can't be carried",
    ),
    "rejected": Meaning(
        "the receiver said no, and would say so again",
        Fault.RECEIVER,
        "read its words in status().sinks or the log; correct URL, key or limits, then replay the"
        " dead letters",
    ),
    "retry_exhausted": Meaning(
        "for as long as it was tried, the receiver was busy or out of reach",
        Fault.NETWORK,
        "see in status().sinks why; bring the receiver back or raise otlp.give_up_s, then replay"
        " the dead letters",
    ),
    "unconfirmed": Meaning(
        "it was sent in full and never answered, so it may have arrived",
        Fault.NETWORK,
        "raise otlp.attempt_timeout_s if the receiver is slow; replay the dead letters if it can"
        " tell doubles by log.record.uid",
    ),
    "expired": Meaning(
        "it was older than events of its class may get",
        Fault.SETTINGS,
        "raise or unset pressure.low_max_age_s, normal_max_age_s or high_max_age_s, or see in"
        " status() what holds events up",
    ),
    "parked": Meaning(
        "it was with a part that has crashed too often and rests",
        Fault.US,
        f"{_PARKED_TO_DO}, and the dead letters can be replayed then",
    ),
    "no_handler": Meaning(
        "no part of this process takes the case",
        Fault.HOST,
        "call register_case() before the gateway is made, in each process that takes events in",
    ),
    "no_sink": Meaning(
        "there is nowhere to send it",
        Fault.SETTINGS,
        "set TELEMETRY_ACTORS__ENDPOINT, or ENTERPRISE_OTLP_ENDPOINT, or hand a sink to the"
        " gateway",
    ),
    "shutdown": Meaning(
        "the time to stop was over before it was out",
        Fault.SETTINGS,
        "raise lifecycle.stop_timeout_s or exit_timeout_s, or set journal.directory, which keeps it"
        " for the next start",
    ),
    "abandoned": Meaning(
        "a thread hung with it in hand and was left behind",
        Fault.HOST,
        "see in the log which part hung; give what it waits for (a mapping, a sink, a store) a"
        " time-out",
    ),
    "fork_child": Meaning(
        "it belonged to the parent of a forked process; this version never says so",
        Fault.NOBODY,
        _NOTHING,
    ),
    "journal_full": Meaning(
        "the journal was full, or this event in it was too old or damaged",
        Fault.SETTINGS,
        "see in status().journal which; raise journal.max_bytes or journal.max_age_s, or see why"
        " its events don't get out",
    ),
    "lost_on_crash": Meaning(
        "its process was killed before the journal had it",
        Fault.HOST,
        "find out what killed the process (memory, a time-out); a shorter gateway.linger_s loses"
        " fewer",
    ),
})  # fmt: skip
"""By the words of `Reason`, of events and of their log records, spans and messages."""

ERROR_TYPES: Final[Mapping[str, Meaning]] = MappingProxyType({
    "unreachable": Meaning(
        "there was no answer, and the request can't have been received",
        Fault.NETWORK,
        "see that the receiver runs at the endpoint's host and port, and can be reached from here",
    ),
    "4xx": Meaning(
        "the receiver answered that the request is wrong; 429 that there are too many",
        Fault.SETTINGS,
        "401, 403: correct the API key or headers; 404: the endpoint is a base URL; 429: send less,"
        " or raise the receiver's limits",
    ),
    "5xx": Meaning(
        "the receiver, or a proxy before it, can't do its work",
        Fault.RECEIVER,
        "read the receiver's log; what it answers with 502, 503 or 504 is tried again by itself",
    ),
    "3xx": Meaning(
        "the receiver sends us elsewhere, and no redirect is followed",
        Fault.SETTINGS,
        "name the address that it leads to",
    ),
    "gRPC": Meaning(
        "a status of gRPC, by its name",
        Fault.RECEIVER,
        "UNAUTHENTICATED, PERMISSION_DENIED: correct the API key or headers; UNIMPLEMENTED: no OTLP"
        " is there; UNAVAILABLE: it is tried again by itself",
    ),
})  # fmt: skip
"""By ``error.type`` of requests and points, where it is no word of `REASONS`."""

PROVIDER_RESULTS: Final[Mapping[str, Meaning]] = MappingProxyType({
    "called": Meaning("it was called and came back", Fault.NOBODY, _NOTHING),
    "raised": Meaning("it raised", Fault.HOST, "mend the trace manager or provider"),
    "hung": Meaning(
        "it did not come back in time and was left behind",
        Fault.HOST,
        "give what the trace manager or provider waits for a time-out",
    ),
    "full": Meaning(
        "as many calls wait as may wait",
        Fault.HOST,
        "make the trace manager or provider faster, or raise providers.mailbox_calls or"
        " mailbox_bytes",
    ),
    "absent": Meaning(
        "it takes no tasks, or was gone or the gateway stopped before its turn came",
        Fault.NOBODY,
        "if it must get events that were read back from the journal, use register_trace_provider()",
    ),
})  # fmt: skip
"""By what became of a call of a trace manager or provider."""


def meaning_of(word: str) -> Meaning | None:
    """The row of a reason, an admission or an ``error.type``; None: it is none of these words.

    ``parked`` is the reason.

    >>> meaning_of("503").fault, meaning_of("no word")
    (<Fault.RECEIVER: 'receiver'>, None)
    """
    found = REASONS.get(word) or ADMISSIONS.get(word) or ERROR_TYPES.get(word)
    if found is not None:
        return found
    if len(word) == 3 and word.isascii() and word.isdecimal():
        return ERROR_TYPES.get(f"{word[0]}xx")
    return ERROR_TYPES["gRPC"] if word.isupper() else None


def what_to_do(reason: str) -> str:
    """One line of advice; "" where there is nothing to do, or nobody knows the word.

    Args:
        reason: of a drop or a refusal, or an ``error.type``.

    >>> what_to_do("no_sink")
    'set TELEMETRY_ACTORS__ENDPOINT, or ENTERPRISE_OTLP_ENDPOINT, or hand a sink to the gateway'
    >>> what_to_do("accepted")
    ''
    """
    found = meaning_of(reason)
    return found.what_to_do if found is not None and found.is_advice else ""
