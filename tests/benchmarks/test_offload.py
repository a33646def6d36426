"""The benchmark of the payload store runs, and off-loads."""

import json

import pytest

from benchmarks.__main__ import main


@pytest.mark.timeout(60)
def test_it_writes_a_row_for_each_subject(tmp_path, capsys):
    file = tmp_path / "offload.json"

    main(["offload", "--events", "3", "--repeats", "1", "--json", str(file)])

    rows = {row["subject"]: row for row in json.loads(file.read_text())["rows"]}
    assert {name: row["off_loaded"] for name, row in rows.items()} == {
        "directory": 3,
        "inline": 0,
        "caller writes": 0,
    }
    assert all(row["calls"] == 63 for row in rows.values())
    assert len(capsys.readouterr().out.splitlines()) == 4
