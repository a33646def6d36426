"""Our supervisor, running actors, and Erlang/OTP's own: side by side over recorded histories.

Compared after every step: ret, which_children in order, incarnations, starts and stops in
order, count_children, how the supervisor ended; and the outcome.
"""

import copy
import gzip
import json
from typing import Any

import pytest

from tests.otp.replay import DeterministicWorld, main, replay, report
from tests.otp.traces import BURSTS, TRACES, differences, read_traces

ALL = [*read_traces(TRACES), *read_traces(BURSTS)]
PARTS = 5  # so that a failure is found among two hundred, and none takes long on a slow machine


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


def test_both_recordings_are_whole():
    assert len(ALL) == 789 + 199


@pytest.mark.parametrize("name", TAMPERED)
@pytest.mark.parametrize("deterministic", [True, False])
def test_a_difference_is_found_and_told(name, deterministic):
    """The comparison can fail, in each of its parts."""
    trace = copy.deepcopy(next(t for t in ALL if t["outcome"] == "alive" and len(t["steps"]) > 3))
    trace["steps"][2][name] = TAMPERED[name]

    (line,), _ = replay(trace, deterministic=deterministic)

    assert f"seed {trace['seed']} step 2" in line
    assert f"{name} is" in line


def of_a_burst(op, answer) -> Any:
    """Of each strategy: a trace with *op* in a burst and an answer like that, and where it is."""
    found: dict[str, Any] = {}
    for trace in ALL:
        for number, step in enumerate(trace["steps"]):
            if step["cmd"][0] != "burst" or trace["strategy"] in found:
                continue
            for place, (asked, answered) in enumerate(
                zip(step["cmd"][1], step["ret"], strict=True)
            ):
                if asked[0] == op and answer(answered):
                    found[trace["strategy"]] = (trace, number, place)
    assert len(found) == 4, found.keys()
    return found.values()


def spoilt(trace, number, place, change):
    """*trace* with another answer in that burst; whether that is noticed."""
    trace = copy.deepcopy(trace)
    returned = trace["steps"][number]["ret"]
    returned[place] = change(returned[place])
    lines, _ = replay(trace, deterministic=True)
    return any(f"seed {trace['seed']} step {number} " in line for line in lines)


CHANGES = {
    "one more": lambda rows: [*rows, rows[0]],
    "one less": lambda rows: rows[1:],
    "another label": lambda rows: [["nobody", *rows[0][1:]], *rows[1:]],
    "another state": lambda rows: [[rows[0][0], "restarting"], *rows[1:]],
    "another process": lambda rows: [[*rows[0][:2], 99], *rows[1:]],
    "none": lambda rows: [],
    "a refusal": lambda rows: ["exit", "shutdown"],
}


@pytest.mark.parametrize("change", CHANGES)
def test_children_that_were_spoilt_in_a_burst_are_noticed(change):
    """Under every strategy."""

    def several_alive(answer):
        return len(answer) > 1 and answer[0][1] == "alive"

    for found in of_a_burst("which_children", several_alive):
        assert spoilt(*found, change=CHANGES[change])


def test_the_order_of_children_is_compared_but_for_those_of_a_template():
    """Theirs is undefined in OTP: ten of them come in an order that is no label's."""

    def several(answer):
        return len(answer) > 1 and isinstance(answer[0], list)

    for trace, number, place in of_a_burst("which_children", several):
        noticed = spoilt(trace, number, place, lambda rows: rows[::-1])
        assert noticed is (trace["strategy"] != "simple_one_for_one")


@pytest.mark.parametrize("simple", [True, False])
def test_after_a_step_the_order_is_compared_in_the_same_way(simple):
    def step_of(trace):
        return next((n for n, s in enumerate(trace["steps"]) if len(s["which"] or ()) > 1), None)

    trace = copy.deepcopy(
        next(
            trace
            for trace in ALL
            if (trace["strategy"] == "simple_one_for_one") is simple and step_of(trace) is not None
        )
    )
    trace["steps"][step_of(trace)]["which"].reverse()

    assert bool(replay(trace, deterministic=True)[0]) is not simple


@pytest.mark.parametrize("key", ["active", "specs", "supervisors", "workers"])
@pytest.mark.parametrize("by", [1, -1])
def test_counts_that_were_spoilt_in_a_burst_are_noticed(key, by):
    """Under every strategy."""
    for found in of_a_burst("count_children", lambda answer: isinstance(answer, dict)):
        assert spoilt(*found, change=lambda counts: {**counts, key: counts[key] + by})


def test_who_is_counted_is_who_is_alive_when_the_answer_is_given():
    """What the first recording never had: a child that ends behind the question."""

    def is_one(trace):
        for step in trace["steps"]:
            ops = step["cmd"][1] if step["cmd"][0] == "burst" else []
            names = [op[0] for op in ops]
            if "count_children" in names and "exit" in names[names.index("count_children") :]:
                return True
        return False

    found = [trace for trace in read_traces(BURSTS) if is_one(trace)]

    assert len(found) > 40
    assert [line for trace in found for line in replay(trace, deterministic=True)[0]] == []


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
