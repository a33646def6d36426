"""What commit 68ca3b8 has written is read: journal, letters, envelopes for a broker (g08, g18)."""

import tarfile
from pathlib import Path

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.door.arrival import take_arrival
from telemetry_actors.event.json_form import from_json
from telemetry_actors.stores.letters import LetterDirectory, StoredLetter
from telemetry_actors.testing import RecordingSink
from tests.telemetry_actors.handlers.required import REQUIRED

ARCHIVES = sorted((Path(__file__).parents[3] / "tests" / "data" / "formats").glob("*.tar.gz"))
UIDS = sorted(f"{case}-{number}" for case in REQUIRED for number in range(3))


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.name.partition(".")[0])
def written(request, tmp_path):
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def uids(recording):
    """Of all log records: an event has one at least."""
    return sorted({record.attributes["log.record.uid"] for record in recording.logs})


def a_gateway(recording, **settings):
    quick = {"gateway": {"linger_s": 0.0}, "sink": {"linger_s": 0.0}}
    return TelemetryGateway(TelemetrySettings.enabled(**quick, **settings), sinks=[recording])


def test_g08_a_journal_is_taken_over(written):
    recording = RecordingSink()
    with a_gateway(recording, journal={"directory": written / "journal"}) as gateway:
        assert gateway.flush(10)
        status = gateway.status().journal

    assert uids(recording) == UIDS
    assert (status.recovered, status.lost_on_crash, status.lost_unknown) == (len(UIDS), 0, 0)
    assert list((written / "journal").iterdir()) == []


def test_g18_letters_are_replayed(written):
    recording = RecordingSink()
    letters = list(LetterDirectory(written / "letters").letters())
    assert {type(letter) for letter in letters} == {StoredLetter}
    with a_gateway(recording) as gateway:
        assert all(gateway.replay(stored.letter) for stored in letters)
        assert gateway.flush(10)

    assert uids(recording) == UIDS


def test_envelopes_from_a_broker_are_let_in(written):
    recording = RecordingSink()
    texts = (written / "envelopes.jsonl").read_text(encoding="utf-8").splitlines()
    with a_gateway(recording) as gateway:
        for text in texts:
            assert take_arrival(gateway._life.door, from_json(text, "task"), None)
        assert gateway.flush(10)

    assert uids(recording) == UIDS
