"""Our supervisor, running actors, and Erlang/OTP's own: side by side over recorded histories.

Compared after every step: ret, which_children in order, incarnations, starts and stops in
order, count_children, how the supervisor ended; and the outcome.
"""

import copy
import gzip
import json

import pytest

from tests.otp.replay import DeterministicWorld, main, replay, report
from tests.otp.traces import TRACES, differences, read_traces

ALL = list(read_traces())
PARTS = 4  # so that a failure is found among two hundred, and none takes long on a slow machine


@pytest.mark.parametrize("part", range(PARTS))
def test_every_trace_agrees_in_virtual_time(part):
    """Not one step of one trace differs, bursts included."""
    line, disagreements = report(ALL[part::PARTS], deterministic=True)

    assert disagreements == []
    assert line.endswith("0 stopped early")


@pytest.mark.parametrize("part", range(PARTS))
def test_every_trace_agrees_with_real_threads(part):
    """Up to a burst, whose order is nobody's with threads."""
    traces = ALL[part::PARTS]
    bursts = sum("burst" in [step["cmd"][0] for step in trace["steps"]] for trace in traces)

    line, disagreements = report(traces, deterministic=False)

    assert disagreements == []
    assert line == f"{len(traces)} traces, {len(traces)} agree, {bursts} stopped early"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_schedule_is_of_no_consequence(seed):
    """What OTP promises does not hang on who of several ready actors runs first."""
    for trace in ALL[seed::10]:
        assert differences(trace, DeterministicWorld(trace, seed)) == []


TAMPERED = {
    "ret": ["error", "no such word"],
    "which": [["nobody", "alive"]],
    "inc": {"nobody": 1},
    "events": [["stop", "nobody", 1, "crash"]],
    "count": {"active": 9, "specs": 9, "supervisors": 9, "workers": 9},
    "sup": ["exited", "crash"],
}


@pytest.mark.parametrize("name", TAMPERED)
@pytest.mark.parametrize("deterministic", [True, False])
def test_a_difference_is_found_and_told(name, deterministic):
    """The comparison can fail, in each of its parts."""
    trace = copy.deepcopy(next(t for t in ALL if t["outcome"] == "alive" and len(t["steps"]) > 3))
    trace["steps"][2][name] = TAMPERED[name]

    (line,), _ = replay(trace, deterministic=deterministic)

    assert f"seed {trace['seed']} step 2" in line
    assert f"{name} is" in line


def test_the_outcome_is_compared():
    """A trace that ends otherwise differs even if every step agrees."""
    trace = {**next(t for t in ALL if t["outcome"] == "auto_shutdown"), "outcome": "stopped"}

    assert replay(trace, deterministic=True)[0] == [
        f"seed {trace['seed']}: auto_shutdown, OTP: stopped"
    ]


def test_the_command_prints_figures_and_disagreements(tmp_path, capsys):
    """It takes any file of that form, and ends with 1 if anything differs."""
    sound, other = ALL[0], {**ALL[1], "outcome": "alive"}
    file = tmp_path / "some.jsonl.gz"
    file.write_bytes(gzip.compress(f"{json.dumps(sound)}\n{json.dumps(other)}\n".encode()))

    assert main(["--deterministic", str(file)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first == "2 traces, 1 agree, 0 stopped early"
    assert second.startswith(f"seed {other['seed']}: ")

    file.write_bytes(gzip.compress(f"{json.dumps(sound)}\n".encode()))
    assert main([str(file), str(file)]) == 0
    assert capsys.readouterr().out == "2 traces, 2 agree, 0 stopped early\n"


def test_the_command_says_how_it_is_used(capsys):
    """Without a file, or with a flag that it doesn't know."""
    assert main([]) == main(["--fast", str(TRACES)]) == 2
    assert "usage" in capsys.readouterr().err
