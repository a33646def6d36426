"""Our core and Erlang/OTP's own supervisor, side by side, over 789 recorded histories.

Compared after every command: return value, which_children in order, incarnations, starts
and stops in order, error reports, count_children, how the supervisor ended and why.
"""

import json
from collections import Counter

import pytest

from tests.otp.replay_core import main, replay
from tests.otp.traces import BURSTS, has_reports, read_traces

TRACES = list(read_traces())
SLICES = 8  # so that a failure is found among about a hundred, and the rest is still told


def test_the_recording_is_whole():
    """What is compared is what was recorded, and all strategies and ends are in it."""
    assert len(TRACES) == 789
    assert set(Counter(trace["strategy"] for trace in TRACES).values()) == {200, 189}
    assert set(Counter(trace["outcome"] for trace in TRACES)) == {
        "boot_failed",
        "stopped",
        "intensity_exceeded",
        "auto_shutdown",
        "alive",
    }


@pytest.mark.parametrize("part", range(SLICES))
def test_every_trace_agrees(part):
    """Not one reply, start, stop, report or count differs from OTP's."""
    assert [line for trace in TRACES[part::SLICES] for line in replay(trace)] == []


def test_every_trace_of_the_bursts_agrees():
    """They were recorded without reports, so nothing is said about those."""
    bursts = list(read_traces(BURSTS))

    assert not has_reports(bursts)
    assert [line for trace in bursts for line in replay(trace, reports=False)] == []


def test_the_command_takes_any_file(capsys):
    assert main([str(BURSTS)]) == 0
    assert capsys.readouterr().out == "199 of 199 traces agree\n"


def test_a_copy_goes_on_as_the_original_would():
    """Replaced by its copy after every event, the core still agrees."""
    assert [line for trace in TRACES for line in replay(trace, copying=True)] == []


def test_a_difference_is_found_and_told():
    """The comparison can fail: a recording that was tampered with doesn't pass."""
    trace = json.loads(json.dumps(next(t for t in TRACES if t["outcome"] == "stopped")))
    trace["steps"][-1]["events"].append(["stop", "nobody", 1, "crash"])

    (line,) = replay(trace)

    assert "events" in line
    assert f"seed {trace['seed']}" in line
