"""What a user comes for stays so: an event costs a fraction of what it costs by the SDK.

Wide margins, for a machine that others use, too: `docs/performance.md` has the figures.
"""

import pytest

from benchmarks.beside import Bench, Scale
from benchmarks.contestants import OURS
from benchmarks.results import ratios_of
from benchmarks.runner import Plans
from benchmarks.scenarios import scenario


@pytest.mark.timed
@pytest.mark.timeout(120)
def test_a_call_costs_a_fifth_of_the_sdks_and_an_event_of_the_mix_half_the_processor():
    scale = Scale(events=4_000, repeats=3, threads=[1], workloads=["mix"])
    with Plans.kept() as plans:
        rows = Bench(plans, print).measure("flood", scenario("flood"), scale)

    (theirs,) = [ratios_of(rows, row) for row in rows if row["subject"] != OURS]
    assert theirs["p50_us"] >= 5
    assert theirs["cpu_us"] >= 2
