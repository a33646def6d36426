"""As the big collectors are tested: a fixed rate, sent == received, CPU and memory beside a peer.

Each subject runs in a process of its own, into rotel; see `benchmarks.collector`.
"""

import pytest

from benchmarks.collector import run

pytestmark = [pytest.mark.timed, pytest.mark.alone]

OURS, SDK = "telemetry-actors", "opentelemetry-sdk"
RATE = 10_000
PEAK_MB = 200.0


def ten_thousand_a_second(seconds):
    rows = run(RATE, seconds, [OURS, SDK], say=print)
    ours, sdk = rows
    print(ours, sdk, sep="\n")
    assert ours["received"] == ours["claimed"] == ours["emitted"] == RATE * seconds
    assert ours["unaccounted"] == ours["told_lost"] == 0
    assert ours["emit_s"] < seconds * 1.2, "the rate was not kept"
    assert ours["peak_rss_mb"] < PEAK_MB
    assert ours["cpu_s"] < sdk["cpu_s"]


@pytest.mark.timeout(60)
def test_ten_thousand_events_a_second_for_three_seconds_all_arrive():
    ten_thousand_a_second(3)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_ten_thousand_events_a_second_for_fifteen_seconds_all_arrive():
    ten_thousand_a_second(15)
