"""Medians with the worst run beside them, ratios, and what of two files is worse."""

import doctest
import json

import pytest

from benchmarks import compare, figures, workloads
from benchmarks.figures import percentiles_us, ratio, shown, summary

MODULES = (compare, figures, workloads)
ROW = {"cell": "mix", "workload": "mix", "subject": "telemetry-actors"}


def result(**runs):
    found = {name: summary(name, values) for name, values in runs.items()}
    return {"benchmark": "flood", "measures": "", "rows": [{**ROW, "figures": found}]}


def written(file, *results):
    file.write_text(json.dumps({"machine": {"processor": "p"}, "benchmarks": list(results)}))
    return str(file)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_its_examples_are_right(module):
    done = doctest.testmod(module)
    assert done.attempted > 0
    assert done.failed == 0


def test_the_worst_run_stands_beside_the_median():
    cost, rate = summary("cpu_us", [5.0, 4.0, 30.0]), summary("events_per_s", [5.0, 4.0, 30.0])
    assert (cost["median"], cost["worst"], cost["runs"]) == (5.0, 30.0, [5.0, 4.0, 30.0])
    assert (rate["median"], rate["worst"]) == (5.0, 4.0)
    assert shown(cost) == "5 (30)"
    assert shown(summary("cpu_us", [5.0])) == "5"


def test_a_ratio_says_how_many_times_better_ours_is():
    assert ratio("cpu_us", ours=10.0, theirs=25.0) == 2.5
    assert ratio("events_per_s", ours=10.0, theirs=25.0) == 0.4
    assert ratio("cpu_us", ours=0.0, theirs=25.0) is None


def test_percentiles_are_of_single_calls():
    found = percentiles_us([1_000] * 995 + [50_000] * 5)
    assert (found["p50_us"], found["p99_us"], found["max_us"]) == (1.0, 1.0, 50.0)


@pytest.mark.parametrize(
    ("figure", "after", "verdict"),
    [
        ("cpu_us", 100.0, "same"),
        ("cpu_us", 109.0, "same"),
        ("cpu_us", 112.0, "worse"),
        ("cpu_us", 88.0, "better"),
        ("events_per_s", 112.0, "better"),
        ("events_per_s", 88.0, "worse"),
    ],
)
def test_what_lies_within_the_noise_is_the_same(figure, after, verdict):
    before = compare.flat([result(**{figure: [100.0, 95.0, 110.0]})])
    (change,) = compare.changes(before, compare.flat([result(**{figure: [after]})]))
    assert change.band == 0.1
    assert change.verdict == verdict


def test_a_second_measurement_of_the_baseline_widens_the_band():
    key = ("flood", "mix", "telemetry-actors", "cpu_us")
    before, after, again = {key: [100.0]}, {key: [120.0]}, {key: [125.0]}
    assert compare.changes(before, after)[0].verdict == "worse"
    assert compare.changes(before, after, again)[0].verdict == "same"


def test_it_exits_with_1_if_anything_is_worse(tmp_path, capsys):
    before = written(tmp_path / "a.json", result(cpu_us=[100.0], p50_us=[3.0]))
    after = written(tmp_path / "b.json", result(cpu_us=[150.0], p50_us=[3.0]))
    assert compare.main([before, after]) == 1
    assert "worse   flood / mix / telemetry-actors / cpu_us" in capsys.readouterr().out
    assert compare.main([after, before]) == 0
    assert compare.main([before, after, "--again", after]) == 0


def test_tables_that_have_no_runs_compare_by_their_labels():
    rows = [{"store": "memory", "batch": size, "new_us": 1.0 * size} for size in (1, 16)]
    found = compare.flat([{"benchmark": "dedup", "measures": "", "rows": rows}])
    assert found == {
        ("dedup", "memory", "1", "new_us"): [1.0],
        ("dedup", "memory", "16", "new_us"): [16.0],
    }
