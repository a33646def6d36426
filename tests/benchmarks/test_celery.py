"""The benchmark of the Celery transport runs, and has a row for each of the two."""

import json

import pytest

from benchmarks.__main__ import main
from tests.servers.redis import redis_server


@pytest.mark.alone
@pytest.mark.timed
def test_it_measures_both_in_one_run(tmp_path, capsys):
    out = tmp_path / "figures.json"
    what = ["--events", "20", "--repeats", "1", "--server", redis_server()]
    main(["celery", *what, "--json", str(out)])
    ours, plain = json.loads(out.read_text())["rows"]

    assert (ours["subject"], plain["subject"]) == ("telemetry_actors", "plain .delay()")
    assert ours["calls"] == plain["calls"] == 20
    assert ours["stalled_ms"] < plain["stalled_ms"]
