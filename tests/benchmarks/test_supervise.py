"""The second benchmark runs: every measure, every subject, targets judged, nothing left behind."""

import json

import pytest

from benchmarks.__main__ import main
from benchmarks.supervise import TARGETS, Target

pytestmark = pytest.mark.timeout(60)

TINY = [
    "--messages",
    "200",
    "--crashes",
    "4",
    "--children",
    "6",
    "--idle-children",
    "2",
    "--repeats",
    "1",
]


@pytest.fixture
def result(tmp_path, capsys):
    file = tmp_path / "supervise.json"
    main(["supervise", *TINY, "--json", str(file)])
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(
        json.loads(file.read_text())["rows"]
    )
    return json.loads(file.read_text())


def test_it_writes_a_row_for_each_measure_and_subject(result):
    rows = {(row["measure"], row["subject"]): row for row in result["rows"]}

    assert {measure for measure, _ in rows} == {
        "tell+receive 1 producer",
        "tell+receive 4 producers",
        "tell+receive, bounded mailbox",
        "chain of 5",
        "crash to next handled p50",
        "crash to next handled p99",
        "restart storm",
        "restart storm: bystanders lost",
        "memory of an idle child",
        "6 children: start each",
        "6 children: stop each",
    }
    assert rows.keys() >= TARGETS.keys()
    assert {subject for measure, subject in rows if measure == "chain of 5"} == {
        "pykka",
        "own",
        "shared",
    }
    assert {"python", "commit", "cores", "system"} <= set(result["machine"])


def test_supervision_loses_no_bystander_and_stock_pykka_loses_all(result):
    lost = {
        row["subject"]: row["value"]
        for row in result["rows"]
        if row["measure"] == "restart storm: bystanders lost"
    }

    assert lost == {"pykka": 4, "own": 0, "shared": 0}


def test_a_target_is_a_ratio_to_stock_pykka_or_a_limit():
    assert Target(low=2).met(10.0, 2.0)
    assert not Target(low=2).met(10.0, 1.9)
    assert Target(high=150).met(150.0, None)
    assert not Target(high=150).met(151.0, None)
