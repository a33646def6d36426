"""The benchmark of the journal runs: a row for each mode."""

import json

import pytest

from benchmarks.__main__ import main

pytestmark = pytest.mark.timeout(60)


def test_it_writes_a_row_for_each_mode(tmp_path, capsys):
    file = tmp_path / "journal.json"

    main(["journal", "--events", "200", "--repeats", "1", "--json", str(file)])

    rows = {row["subject"]: row["figures"] for row in json.loads(file.read_text())["rows"]}
    assert list(rows) == [f"journal {mode}" for mode in ("off", "never", "interval", "always")]
    assert all(0 < row["p50_us"]["median"] <= row["p99_us"]["median"] for row in rows.values())
    assert all(row["cpu_us"]["median"] > 0 for row in rows.values())
    assert len(capsys.readouterr().out.splitlines()) == 6
