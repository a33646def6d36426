"""Made-up arrivals have the real file's form and are the same for the same seed."""

import io

from telemetry_actors.demo.arrivals import made_up_arrivals, main
from telemetry_actors.demo.azure import Arrival, read_arrivals


def test_the_form_is_the_trace_s():
    lines = list(made_up_arrivals(500))

    assert lines[0] == "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    found = list(read_arrivals(io.BytesIO("".join(lines).encode())))
    assert len(found) == 500
    assert all(isinstance(arrival, Arrival) for arrival in found)


def test_time_goes_forward_and_counts_are_bounded():
    arrivals = list(read_arrivals(io.BytesIO("".join(made_up_arrivals(500)).encode())))

    times = [a.at_ns for a in arrivals]
    assert times == sorted(times)
    assert all(1 <= a.context_tokens <= 7437 and 1 <= a.generated_tokens <= 99 for a in arrivals)


def test_a_seed_gives_the_same_bytes(capsys):
    main(["--rows", "20", "--seed", "7"])

    assert capsys.readouterr().out == "".join(made_up_arrivals(20, seed=7))
    assert list(made_up_arrivals(20, seed=7)) != list(made_up_arrivals(20, seed=8))
