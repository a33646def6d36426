"""Each scenario goes through with ours in its smallest form, and has the figures that it names."""

import pytest

from benchmarks import flooding, pacing
from benchmarks.beside import Bench, Scale
from benchmarks.contestants import OURS, sdk
from benchmarks.contestants.base import events_of
from benchmarks.contestants.nothing import Nothing
from benchmarks.figures import summary
from benchmarks.receiver import running_receiver
from benchmarks.runner import Plans
from benchmarks.scenarios import SCENARIOS, scenario
from benchmarks.workloads import WORKLOADS

pytestmark = pytest.mark.timeout(90)

OWN_TESTS = {"flood", "peers", "emit", "journal"}
SHORT = {"loop", "busy", "redis"}
REST = [
    pytest.param(name, marks=() if name in SHORT else pytest.mark.slow)
    for name in SCENARIOS
    if name not in OWN_TESTS
]


@pytest.fixture(scope="module")
def plans():
    with Plans.kept() as kept:
        yield kept


@pytest.mark.parametrize("name", REST)
def test_it_goes_through_with_ours_and_has_its_figures(name, plans):
    module = scenario(name)
    only = [OURS, "nothing"] if name != "redis" else []

    rows = Bench(plans, lambda line: None).measure(name, module, Scale(quick=True, only=only))

    assert rows
    for row in rows:
        if row["subject"] != "nothing":
            assert set(module.FIGURES) <= row["figures"].keys()


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_says_what_it_measures(name):
    module = scenario(name)
    assert module.HEADER.strip()
    assert module.FIGURES
    assert all(cell.subjects for cell in module.cells(Scale()))


def test_net_of_the_loop_is_less_what_nothing_costs():
    def row(cell, subject, *runs):
        return {"cell": cell, "subject": subject, "figures": {"cpu_us": summary("cpu_us", runs)}}

    rows = [
        row("10", OURS, 30.0, 40.0),
        row("10", "nothing", 10.0, 10.0),
        row("100", OURS, 30.0),
    ]
    net, loop, other = pacing.net_of_nothing(rows, ["cpu_us"])
    assert net["figures"]["cpu_us"]["runs"] == [20.0, 30.0]
    assert loop is rows[1]
    assert other is rows[2]  # nothing was not measured beside it


def test_a_flood_never_has_more_in_flight_than_its_window():
    class Slow(Nothing):
        """Sends a hundred whenever it is looked at."""

        handed = sent = most = 0

        def emit(self, event):
            self.handed += 1
            self.most = max(self.most, self.handed - self.sent)

        def in_flight(self, handed):
            self.sent = min(self.sent + 1_000, self.handed)
            return self.handed - self.sent

    slow = Slow()
    found = flooding.flood(slow, range(3 * flooding.WINDOW), threads=2)

    assert slow.handed == 3 * flooding.WINDOW
    assert slow.most <= flooding.WINDOW + 2 * 32  # a slice of each thread
    assert found["events_per_s"] > 0


def test_what_the_sdk_has_in_flight_counts_from_the_last_flush(plans):
    """Else its warm-up would be taken off, and its window would be larger than ours."""
    workload = WORKLOADS["app_created"]
    events = events_of(workload, plans.of("app_created"), 3)
    with (
        running_receiver() as receiver,
        sdk.running(receiver.endpoint, workload, {"plans": plans.of("app_created")}) as one,
    ):
        for event in events:
            one.emit(event)
        one.flush()
        one.emit(events[0])
        assert one.in_flight(1) == 1
