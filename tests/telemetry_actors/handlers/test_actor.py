"""The handler actor: what it can't read is data, and what it says of it holds no values."""

import msgpack
import pytest

from supervisors.testing import FakeClock
from telemetry_actors.books.books import Books
from telemetry_actors.books.dead_letters import DeadLetters
from telemetry_actors.books.ends import Drop
from telemetry_actors.books.ledger import Reason
from telemetry_actors.event.envelope import Envelope
from telemetry_actors.event.signals import Signals
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.handlers import DEFINITIONS, MappingSettings
from telemetry_actors.handlers.actor import HandlerActor
from telemetry_actors.sinks.aggregates import MetricAggregates

SECRET = "TOPSECRET"


@pytest.fixture
def handler():
    clock = FakeClock()
    return HandlerActor(
        DEFINITIONS["message_run"],
        Books(1, DeadLetters(10, 10**6)),
        settings=MappingSettings(include_content=True, sampling_rate=1.0),
        clock=clock,
        recorder=MetricAggregates(now_ns=clock.now_ns),
        logs=[],
        spans=[],
    )


def an_item(payload, context=b"\x80"):
    return Ticket(1, 0, 100), Envelope("message_run", "t", "e", 1, context, payload)


def test_a_good_payload_makes_signals(handler):
    payload = msgpack.packb({"message_id": "m", "status": "succeeded"})

    assert isinstance(handler.handle(an_item(payload), 0, None), Signals)


@pytest.mark.parametrize(
    ("payload", "context", "words"),
    [
        (b"\xc1", b"\x80", "not msgpack"),
        (b"\x90", b"\x80", "not a map"),
        (b"", b"\x80", "not msgpack"),
        (b"\x80", b"\xc1", "not msgpack"),
    ],
)
def test_bytes_that_cannot_be_read_are_an_invalid_payload(handler, payload, context, words):
    """Only from outside, or from a damaged store; never from emit()."""
    drop = handler.handle(an_item(payload, context), 0, None)

    assert isinstance(drop, Drop)
    assert (drop.reason, drop.stage) == (Reason.INVALID_PAYLOAD, "handlers/message_run")
    assert words in drop.error


def test_g21_what_is_said_of_a_wrong_payload_names_keys_and_no_values(handler):
    """With content on, too: a dead letter's words go to logs and pages."""
    wrong = {"message_id": [SECRET], "status": {SECRET: 1}, "inputs": SECRET}
    drop = handler.handle(an_item(msgpack.packb(wrong)), 0, None)

    assert drop.reason is Reason.INVALID_PAYLOAD
    assert "message_id" in drop.error
    assert SECRET not in drop.error
