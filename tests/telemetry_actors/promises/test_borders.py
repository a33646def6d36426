"""g28, g29: what comes in is bounded in what it holds, and what can't be read costs itself."""

import json
from hashlib import sha256

import msgpack
import pytest

from telemetry_actors import Admission, TelemetryGateway, TelemetrySettings
from telemetry_actors.books.dead_letters import DeadLetter
from telemetry_actors.books.ledger import Reason
from telemetry_actors.demo.jsonl import event_of_line
from telemetry_actors.door.arrival import CELERY, take_arrival
from telemetry_actors.errors import EnvelopeError
from telemetry_actors.event.decoding import MAX_VALUES
from telemetry_actors.event.envelope import Envelope, charge_of
from telemetry_actors.event.json_form import from_json
from telemetry_actors.event.ticket import Ticket
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.stores.letters import LetterDirectory, StoredLetter
from telemetry_actors.testing import RecordingSink, running_gateway
from tests.servers.redis import Redis

LONG = "é" * 500_000
DIGEST = "~" + sha256(LONG.encode()).hexdigest()
TENANT, TENANT_DIGEST = "t" * 201, "~" + sha256(b"t" * 201).hexdigest()
APP = {"app_id": "a1", "mode": "chat"}
IDS = (TENANT_DIGEST, DIGEST)


class Refusing(RecordingSink):
    def export(self, kind, encoded, timeout_s):
        return ExportResult(Verdict.REFUSED, message="HTTP 403", status_code=403)


def a_letter():
    packed = msgpack.packb({"tenant_id": TENANT})
    envelope = Envelope("app_created", TENANT, LONG, 1, packed, msgpack.packb(APP))
    return DeadLetter(envelope, Reason.REJECTED, "sinks/logs", "HTTP 403", serial=1)


def by_emit(gateway, _path):
    return gateway.emit("app_created", {"tenant_id": TENANT}, APP, event_id=LONG)


def by_a_broker(gateway, _path):
    fields = {"case": "app_created", "tenant_id": TENANT, "event_id": LONG[:60_000], "payload": APP}
    read = from_json(json.dumps(fields), "task")
    return take_arrival(gateway._life.door, read._replace(event_id=LONG), None)


def by_a_letter(gateway, _path):
    return gateway.replay(a_letter())


def by_a_letter_on_disk(gateway, path):
    directory = LetterDirectory(path / "old")
    directory.prepare(1)
    directory.write(StoredLetter(a_letter(), 1, "ab" * 16, 42), 1)
    (stored,) = directory.letters()
    return gateway.replay(stored.letter)


def by_a_line(gateway, _path):
    line = {"case": "app_created", "context": {"tenant_id": TENANT}, "payload": APP}
    event = event_of_line(1, json.dumps(line | {"event_id": LONG}).encode())
    return gateway.emit(event.case, event.context, event.payload, event_id=event.event_id)


WAYS = [by_emit, by_a_broker, by_a_letter, by_a_letter_on_disk, by_a_line]


@pytest.mark.parametrize("way", WAYS)
def test_g29_a_long_id_is_one_digest_for_the_receiver_and_for_dedup(way, tmp_path):
    with Redis(tmp_path) as redis:
        with running_gateway(redis_url=redis.url) as (gateway, recording):
            assert way(gateway, tmp_path)
            assert gateway.flush(5)
            assert by_emit(gateway, tmp_path)
            assert gateway.flush(5)
            (log,) = recording.logs
            assert gateway.ledger().duplicate == 1
        assert log.attributes["log.record.uid"] == DIGEST
        assert log.attributes["dify.tenant_id"] == TENANT_DIGEST
        assert list(redis.keys()) == [f"telemetry:dedup:{TENANT_DIGEST}:{DIGEST}"]


@pytest.mark.parametrize("way", WAYS)
def test_g18_a_long_id_is_the_same_digest_in_letters(way, tmp_path):
    letters = {"directory": tmp_path / "letters"}
    with TelemetryGateway(
        TelemetrySettings.enabled(dead_letters=letters, sink={"linger_s": 0.0}), sinks=[Refusing()]
    ) as gateway:
        assert way(gateway, tmp_path)
        assert gateway.flush(5)
        (letter,) = gateway.dead_letters()
        assert gateway._life.books.dead_letters._bytes == letter.size_bytes < 3000
    (stored,) = LetterDirectory(tmp_path / "letters").letters()

    for envelope in (letter.envelope, stored.letter.envelope):
        assert (envelope.tenant_id, envelope.event_id) == IDS
    assert f"@{TENANT_DIGEST}@{DIGEST}.letter" in stored.name


@pytest.mark.parametrize("way", WAYS)
def test_g04_ids_of_a_megabyte_take_no_more_room_than_they_are_charged_for(way, tmp_path):
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False  # nothing is taken out of the mailbox
    gateway._life.phase.state = "running"
    try:
        assert way(gateway, tmp_path)
        ((ticket, envelope),) = gateway._life.door.mailbox.held()
        assert (envelope.tenant_id, envelope.event_id) == IDS
        assert ticket.charged_bytes == charge_of(envelope) < 2000
        assert gateway.status().pressure.event_bytes == ticket.charged_bytes
        gateway._life.door.mailbox.drain()
    finally:
        gateway.stop(0.1)


def too_many(count=MAX_VALUES + 100_000):
    return (
        b"\x82\xa1x\xdd" + count.to_bytes(4) + b"\x80" * count + msgpack.packb("app_id") + b"\xa1a"
    )


def test_g28_what_holds_more_values_than_are_read_is_refused_on_every_way_in():
    with running_gateway() as (gateway, _):
        letter = a_letter()
        letter = letter._replace(envelope=letter.envelope._replace(payload=too_many()))
        assert gateway.replay(letter) is Admission.TOO_LARGE
        packed = {"app_id": "a", "x": [{}] * MAX_VALUES}
        assert gateway.emit("app_created", {}, packed) is Admission.TOO_LARGE
        fields = {"case": "app_created", "tenant_id": "t", "event_id": "e", "payload": packed}
        with pytest.raises(EnvelopeError, match="more than 1000000 values"):
            from_json(json.dumps(fields), "task")
        assert gateway.ledger().balanced()


def test_g11_a_payload_that_can_not_be_read_costs_itself_and_not_the_store(tmp_path):
    """It is there all the same: another version's journal may have let it in."""
    message = msgpack.packb({"message_id": "m", "status": "succeeded", "inputs": "x" * 2_000_000})
    with running_gateway(
        payload_store={"directory": tmp_path}, enterprise_include_content=True
    ) as (gateway, recording):
        gateway.start()
        door = gateway._life.door
        for event_id, payload in (("bad", too_many()), ("good", message)):
            envelope = Envelope("message_run", "t", event_id, door.clock.now_ns(), b"\x80", payload)
            row = door.entries["message_run"].row
            ticket = Ticket(next(door.enqueuer.serials), row, charge_of(envelope))
            assert door.let_in(CELERY, (ticket, envelope), None)
        assert gateway.flush(10)
        ledger, store = gateway.ledger(), gateway.status().payload_store

    assert (ledger.dropped, ledger.exported) == ({"invalid_payload": 1}, 1)
    assert [letter.error for letter in gateway.dead_letters()] == ["more than 1000000 values"]
    assert (store.healthy, store.failed, store.written, store.inline) == (True, 0, 1, 1)
    assert recording.logs[0].attributes["log.record.uid"] == "good"


def test_calls_that_wait_are_bounded_in_bytes_as_well():
    gateway = TelemetryGateway(
        TelemetrySettings.enabled(providers={"mailbox_bytes": 5000}), sinks=[RecordingSink()]
    )
    envelope = Envelope("message_run", "t", "e", 1, b"\x80", b"\x80" * 2000)
    offer = gateway._life.calls.offer
    try:
        assert [offer(None, "message", envelope) for _ in range(3)] == [True, True, False]
        gateway._life.calls.mailbox.drain()
        assert gateway._life.calls.mailbox.queued_bytes == 0
        large = envelope._replace(payload=b"\x80" * 9000)  # it goes alone
        assert [offer(None, "message", large) for _ in range(2)] == [True, False]
        gateway._life.calls.mailbox.drain()
    finally:
        gateway.stop(0.1)
