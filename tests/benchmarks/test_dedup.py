"""The benchmark of dedup runs, and its rows are of both stores."""

import json

from benchmarks.__main__ import main
from tests.servers.redis import redis_server


def test_it_measures_both_stores_at_each_size(tmp_path, capsys):
    out = tmp_path / "figures.json"
    what = ["--events", "40", "--batches", "1,16", "--server", redis_server()]
    main(["dedup", *what, "--json", str(out)])
    rows = json.loads(out.read_text())["rows"]

    assert [(r["store"], r["batch"]) for r in rows] == [
        ("memory", 1),
        ("redis", 1),
        ("memory", 16),
        ("redis", 16),
    ]
    assert all(r["new_us"] > 0 and r["seen_us"] > 0 for r in rows)
    assert "new_us" in capsys.readouterr().out


def test_without_a_server_memory_alone_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    main(["dedup", "--events", "40", "--batches", "16"])

    assert "redis" not in capsys.readouterr().out
