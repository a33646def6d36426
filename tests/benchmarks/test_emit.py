"""The first benchmark runs: every subject, every thread count, figures with their origin."""

import json

import pytest

from benchmarks.__main__ import main

pytestmark = pytest.mark.timeout(60)


def test_it_writes_a_row_for_each_subject_and_thread_count(tmp_path, capsys):
    file = tmp_path / "emit.json"

    main(["emit", "--events", "200", "--repeats", "1", "--threads", "1,2", "--json", str(file)])

    result = json.loads(file.read_text())
    assert {(row["subject"], row["threads"]) for row in result["rows"]} == {
        (subject, threads)
        for subject in ("telemetry-actors", "opentelemetry-sdk", "queue.Queue")
        for threads in (1, 2)
    }
    assert all(row["calls"] == 200 for row in result["rows"])
    assert all(0 < row["p50_us"] <= row["p99_us"] <= row["max_us"] for row in result["rows"])
    assert {"python", "commit", "cores", "system"} <= set(result["machine"])
    assert len(capsys.readouterr().out.splitlines()) == 7
