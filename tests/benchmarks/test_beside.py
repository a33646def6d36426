"""Contestants beside one another: equal output or no figure; a fresh process for each run."""

import json

import pytest

from benchmarks import beside, shapes
from benchmarks.__main__ import main
from benchmarks.beside import Bench, Cell, Scale, Subject
from benchmarks.charts import CHARTS, drawn, of
from benchmarks.contestants import CONTESTANTS, OURS, Entry
from benchmarks.runner import Plans, Refused
from benchmarks.scenarios import scenario
from benchmarks.workloads import WORKLOADS, id_in_round

pytestmark = pytest.mark.timeout(60)

SDK = "opentelemetry-sdk"


@pytest.fixture(scope="module")
def plans():
    with Plans.kept() as kept:
        yield kept


def test_the_list_has_every_name(capsys):
    main([])
    out = capsys.readouterr().out
    for name in ("flood", "emit", "journal", "dedup", "supervise", "celery", SDK, "all cases"):
        assert name in out


def test_a_quick_flood_of_ours_and_the_sdk_goes_through_and_compares(tmp_path, capsys):
    file = tmp_path / "flood.json"

    what = ["--workload", "mix", "--workload", "app_created", "--threads", "2"]
    main(["flood", "--quick", *what, "--json", str(file)])

    rows = json.loads(file.read_text())["rows"]
    assert [row["subject"] for row in rows] == [OURS, SDK] * 2
    for row in rows:
        assert {"p50_us", "p99_us", "max_us", "events_per_s", "cpu_us"} <= row["figures"].keys()
        assert all(found["median"] > 0 for found in row["figures"].values())
    assert "to ours" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["compare", str(file), str(file)])
    assert ended.value.code == 0


def test_who_sends_something_else_is_refused(plans):
    """The SDK is told of one label set too many: what it sends is not what we do."""
    wrong = [plan._replace(counts=plan.counts[:1]) for plan in plans.of("app_created")]
    bench = Bench(plans, lambda line: None)
    bench.check_equal(Subject(SDK, SDK), "app_created")

    with Plans.kept() as others:
        others.file("app_created")
        others.replace("app_created", wrong)
        with pytest.raises(Refused, match="does not send what we do of app_created"):
            Bench(others, lambda line: None).check_equal(Subject(SDK, SDK), "app_created")


def test_a_contestant_that_is_not_installed_is_named_and_left_out(plans, monkeypatch):
    monkeypatch.setitem(CONTESTANTS, "fastotel", Entry("fastotel", "records", ("no_such_thing",)))
    bench = Bench(plans, lambda line: None)

    class One:
        HEADER, FIGURES = "", ()

        def cells(self, scale):
            return [Cell("none", "app_created", beside.subjects("fastotel"))]

    assert bench.measure("flood", One(), Scale(quick=True)) == []
    assert bench.left_out == {"fastotel": "no_such_thing is not installed"}


def test_every_round_has_ids_of_its_own():
    (template,) = WORKLOADS["message_run"].templates
    seen = {id_in_round(mark, number) for mark in template.marks for number in range(1000)}
    assert len(seen) == 1000 * len(template.marks) == 4000


def test_all_cases_are_all_fourteen(plans):
    assert len({template.case for template in WORKLOADS["all cases"].templates}) == 14
    assert all(len(plan.logs) == 1 for plan in plans.of("all cases"))


def test_plans_survive_their_file(plans):
    made = plans.of("mix")
    again = shapes.plans_from_json(json.loads(json.dumps(shapes.plans_to_json(made))))
    assert json.dumps(shapes.plans_to_json(again)) == json.dumps(shapes.plans_to_json(made))


def test_a_chart_has_a_bar_for_each_subject():
    figures = {"cpu_us": {"median": 50.0, "worst": 60.0, "runs": []}}
    rows = [{"cell": "a < b", "subject": name, "figures": figures} for name in (OURS, SDK)]
    (chart,) = [chart for chart in CHARTS if chart.file == "cpu.svg"]

    text = drawn(chart.title, of(chart, [{"benchmark": "flood", "rows": rows}]))

    assert text.count("<rect") == 1 + 2 * 2
    assert "a &lt; b" in text
    assert of(chart, [{"benchmark": "paced", "rows": rows}]) == []


@pytest.mark.parametrize("name", ["fastotel", "honeycomb-pycpp", "pykka", "logging", "queue.Queue"])
def test_each_contestant_sends_what_ours_does_and_its_run_goes_through(name, plans):
    bench = Bench(plans, lambda line: None)
    if beside.missing(name):
        pytest.skip(beside.missing(name))
    scale = Scale(quick=True, workloads=["mix"], only=[OURS, name])

    rows = bench.measure("peers", scenario("peers"), scale)

    assert [row["subject"] for row in rows] == [OURS, name]
    assert rows[1]["figures"]["p50_us"]["median"] > 0


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_celerys_worker_sends_what_ours_does(plans):
    bench = Bench(plans, lambda line: None)
    scale = Scale(events=20, repeats=1, workloads=["mix"], only=["celery"])

    (row,) = bench.measure("peers", scenario("peers"), scale)

    assert row["figures"]["worker_cpu_us"]["median"] > 0
