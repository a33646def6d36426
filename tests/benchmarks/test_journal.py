"""The benchmark of the journal runs: a row for each mode."""

import json

import pytest

from benchmarks.__main__ import main

pytestmark = pytest.mark.timeout(60)


def test_it_writes_a_row_for_each_mode(tmp_path, capsys):
    file = tmp_path / "journal.json"

    main(["journal", "--events", "200", "--repeats", "1", "--json", str(file)])

    result = json.loads(file.read_text())
    rows = {row["journal"]: row for row in result["rows"]}
    assert list(rows) == ["off", "never", "interval", "always"]
    assert all(0 < row["emit_p50_us"] <= row["emit_p99_us"] for row in rows.values())
    assert all(row["cpu_us"] > 0 for row in rows.values())
    assert rows["off"]["bytes_per_event"] == 0 < rows["never"]["bytes_per_event"]
    assert len(capsys.readouterr().out.splitlines()) == 5
