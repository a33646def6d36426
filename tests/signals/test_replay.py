"""The whole sample agrees, and the command says so, or what doesn't, in three ways."""

import gzip
import json

import pytest

from tests.signals.replay import main, replay, run
from tests.signals.vectors import SAMPLE, read_vectors

VECTORS = list(read_vectors(SAMPLE))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_vector_of_the_sample_agrees(vector):
    assert replay(vector) == []


def test_the_sample_has_every_case():
    from telemetry_actors import TelemetryCase

    assert {vector["case"] for vector in VECTORS} == set(TelemetryCase)


def test_an_event_is_handled_a_second_after_it_was_emitted():
    """Otherwise a processing time would pass for the emit time."""
    log = run(VECTORS[0]).logs[0]

    assert log.observed_ns - log.time_ns >= 1_000_000_000


# --- the command ----------------------------------------------------------------------


@pytest.fixture
def a_file(tmp_path):
    """Writes vectors, returns the path as text."""

    def _a_file(*vectors, name="v.jsonl"):
        path, text = tmp_path / name, "".join(f"{json.dumps(v)}\n" for v in vectors)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
        return str(path)

    return _a_file


def wrong(vector):
    """*vector*, with an admission that it doesn't get."""
    return {**vector, "expect": {**vector["expect"], "admission": "not_eligible"}}


def test_agreement_is_one_line_and_0(a_file, capsys):
    files = [a_file(*VECTORS[:2]), a_file(VECTORS[2], name="w.jsonl.gz")]

    assert main(files) == 0
    assert capsys.readouterr().out == "3 vectors, 3 agree\n"


def test_a_difference_is_named_and_1(a_file, capsys):
    assert main([a_file(VECTORS[0], wrong(VECTORS[1]))]) == 1
    assert capsys.readouterr().out == (
        "2 vectors, 1 agree\n"
        f'{VECTORS[1]["id"]}: admission: expected "not_eligible", got "accepted"\n'
    )


def test_a_machine_gets_one_object(a_file, capsys):
    assert main([a_file(wrong(VECTORS[0])), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "vectors": 1,
        "agree": 0,
        "differences": [
            {
                "vector": VECTORS[0]["id"],
                "what": "admission",
                "expected": "not_eligible",
                "got": "accepted",
            }
        ],
    }


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("none.jsonl", None, "No such file or directory"),
        ("v.txt", b"{}", "neither .jsonl nor .jsonl.gz"),
        ("v.jsonl", b'{"id": "a"}\n{"id": \n', "v.jsonl:2: not JSON"),
        ("v.jsonl", b"[]\n", "v.jsonl:1: not a vector"),
        ("v.jsonl", b'{"id": 7}\n', "v.jsonl:1: not a vector"),
        ("v.jsonl", b"\xff\n", "utf-8"),
        ("v.jsonl.gz", b"plain", "v.jsonl.gz: "),
        ("v.jsonl.gz", gzip.compress(b"{}" * 99, mtime=0)[:-9], "v.jsonl.gz: "),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_2(tmp_path, capsys, name, data, words):
    if data is not None:
        (tmp_path / name).write_bytes(data)

    assert main([str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().err


def test_progress_is_for_a_person_alone(a_file, capsys, monkeypatch):
    main([a_file(VECTORS[0])])
    assert capsys.readouterr().err == ""

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    main([a_file(VECTORS[0])])
    assert "1/1" in capsys.readouterr().err
