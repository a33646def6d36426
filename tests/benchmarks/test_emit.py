"""What a call costs: every subject, every thread count, figures with their origin."""

import json

import pytest

from benchmarks.__main__ import main

pytestmark = pytest.mark.timeout(60)

SUBJECTS = ("telemetry-actors", "opentelemetry-sdk", "logging", "queue.Queue", "nothing")


def test_it_writes_a_row_for_each_subject_and_thread_count(tmp_path, capsys):
    file = tmp_path / "emit.json"

    main(["emit", "--events", "200", "--repeats", "1", "--threads", "1,2", "--json", str(file)])

    result = json.loads(file.read_text())
    assert {(row["subject"], row["cell"]) for row in result["rows"]} == {
        (subject, f"{threads} threads") for subject in SUBJECTS for threads in (1, 2)
    }
    for row in result["rows"]:
        p50, p99, longest = (row["figures"][name] for name in ("p50_us", "p99_us", "max_us"))
        assert 0 < p50["median"] <= p99["median"] <= longest["median"] == longest["worst"]
    assert {"python", "commit", "cores", "system", "packages"} <= set(result["machine"])
    assert "queue.Queue" in capsys.readouterr().out
