"""Total always, input and output only above 0."""

import pytest

from telemetry_actors.handlers._tokens import token_measurements

LABELS = ("t", "a", "message", "p", "m", "")


def values(*tokens):
    return {m.instrument.name: m.value for m in token_measurements(LABELS, *tokens)}


def test_all_three_with_the_same_six_labels():
    found = token_measurements(LABELS, 3, 2, 1)

    assert [m.value for m in found] == [3, 2, 1]
    assert {(m.label_keys, m.label_values) for m in found} == {
        (
            ("tenant_id", "app_id", "operation_type", "model_provider", "model_name", "node_type"),
            LABELS,
        )
    }


@pytest.mark.parametrize("nothing", [0, None, -1])
def test_the_total_is_there_also_when_it_is_0(nothing):
    assert values(nothing, nothing, nothing) == {"dify.tokens.total": 0}


def test_the_total_is_not_made_of_the_other_two():
    assert values(0, 2, 1) == {
        "dify.tokens.total": 0,
        "dify.tokens.input": 2,
        "dify.tokens.output": 1,
    }
