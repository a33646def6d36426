"""Arrivals become chat turns by rule: the same ids each time, tokens and times as given."""

import io
import uuid
from pathlib import Path

import pytest

from telemetry_actors.demo._text import LONGEST_TEXT_CHARS
from telemetry_actors.demo.arrivals import made_up_arrivals
from telemetry_actors.demo.azure import (
    Arrival,
    NotArrivalsError,
    events_of,
    read_arrivals,
    read_azure,
)
from telemetry_actors.demo.event import BadLine, MadeEvent

HEADER = b"TIMESTAMP,ContextTokens,GeneratedTokens\n"
REAL_FILE = Path(__file__).parents[4] / "shared/data/azure_llm_inference_2023_code.csv"


def stream(*lines):
    return io.BytesIO(HEADER + b"".join(lines))


def made_up(rows, seed=0):
    return io.BytesIO("".join(made_up_arrivals(rows, seed)).encode())


def test_a_row_gives_a_node_its_run_and_its_message():
    row = b"2023-11-16 18:17:03.9799600,4808,10\n"

    node, run, message = read_azure(stream(row))

    assert [e.case for e in (node, run, message)] == [
        "node_execution",
        "workflow_run",
        "message_run",
    ]
    for event in (node, run, message):
        assert event.payload["prompt_tokens"] == 4808
        assert event.payload["completion_tokens"] == 10
        assert event.payload["start_time"] == 1_700_158_623_979_960_000
        assert event.payload["end_time"] > event.payload["start_time"]
        assert event.payload["workflow_run_id"] == run.payload["workflow_run_id"]
        assert event.at_ns == 1_700_158_623_979_960_000
        assert event.line == 2


def test_the_trace_s_seven_digits_are_kept():
    row = b"2023-11-16 18:17:03.9799607,1,1\n"

    (arrival,) = read_arrivals(stream(row))

    assert arrival.at_ns % 1_000_000_000 == 979_960_700


def test_a_second_replay_has_the_same_ids_and_rows_differ():
    first, second = list(read_azure(made_up(50))), list(read_azure(made_up(50)))

    assert first == second
    ids = [e.event_id for e in first]
    assert len(set(ids)) == len(ids) == 150
    assert all(str(uuid.UUID(i)) == i for i in ids)


def test_ids_come_from_the_row_number_and_not_from_its_content():
    one = list(read_azure(stream(b"2023-11-16 18:17:03,1,1\n")))
    other = list(read_azure(stream(b"2024-01-01 00:00:00,999,7\n")))

    assert [e.event_id for e in one] == [e.event_id for e in other]


def test_a_bad_row_does_not_move_the_ids_of_the_others():
    good = b"2023-11-16 18:17:03,1,1\n"

    clean = list(read_azure(stream(good, good, good)))
    broken = list(read_azure(stream(good, b"?\n", good)))

    assert broken[:3] == clean[:3]
    assert broken[4:] == clean[6:]
    assert broken[3] == BadLine(3, "1 fields, 3 needed")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"yesterday,1,1", "TIMESTAMP is no time: 'yesterday'"),
        (b"2023-13-16 18:17:03,1,1", "TIMESTAMP is no time: '2023-13-16 18:17:03'"),
        (b"2023-11-16 18:17:03,-1,1", "ContextTokens is no count: '-1'"),
        (b"2023-11-16 18:17:03,1,1.5", "GeneratedTokens is no count: '1.5'"),
        (b"2023-11-16 18:17:03,1,", "GeneratedTokens is no count: ''"),
        (b"2023-11-16 18:17:03,1,99999999999", "GeneratedTokens is no count: '99999999999'"),
        (b"2023-11-16 18:17:03,\xff,1", "ContextTokens is no count: '\ufffd'"),
        (b"2023-11-16 18:17:03,1", "2 fields, 3 needed"),
    ],
)
def test_a_bad_row_is_reported_with_its_number(row, reason):
    assert list(read_azure(stream(row + b"\n"))) == [BadLine(2, reason)]


def test_columns_may_stand_in_another_order():
    text = b"GeneratedTokens,x,TIMESTAMP,ContextTokens\r\n3,,2023-11-16 18:17:03,5\r\n"

    (arrival,) = read_arrivals(io.BytesIO(text))

    assert (arrival.context_tokens, arrival.generated_tokens) == (5, 3)


@pytest.mark.parametrize("text", [b"", b"\n", b"a,b,c\n1,2,3\n", b'{"case": "app_created"}\n'])
def test_another_kind_of_file_is_refused_as_a_whole(text):
    with pytest.raises(NotArrivalsError, match="the first line must be TIMESTAMP,"):
        list(read_azure(io.BytesIO(text)))


def test_text_is_made_to_the_token_count_but_bounded():
    node, _, message = events_of(Arrival(1, 0, context_tokens=10, generated_tokens=0))
    assert len(node.payload["inputs"]["prompt"]) == 40
    assert message.payload["outputs"] == ""

    node, _, message = events_of(Arrival(1, 0, context_tokens=1_000_000, generated_tokens=20))
    assert len(node.payload["inputs"]["prompt"]) == LONGEST_TEXT_CHARS
    assert len(message.payload["outputs"]) == 80


def test_several_tenants_take_turns():
    tenants = {e.context["tenant_id"] for e in read_azure(made_up(10))}

    assert len(tenants) == 5


@pytest.mark.skipif(not REAL_FILE.exists(), reason="the production trace is not part of a clone")
def test_the_real_trace_has_no_bad_row():
    with REAL_FILE.open("rb") as real:
        found = list(read_azure(real))

    assert len(found) == 3 * 8819
    assert all(isinstance(event, MadeEvent) for event in found)
