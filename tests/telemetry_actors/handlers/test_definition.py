"""A case's definition, and the table of all of them."""

from typing import get_type_hints

import pytest
from pydantic import ValidationError

from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.handlers import DEFINITIONS, MappingSettings
from tests.telemetry_actors.handlers.required import REQUIRED


def test_every_case_is_defined():
    assert set(DEFINITIONS) == set(TelemetryCase)
    assert all(definition.case is case for case, definition in DEFINITIONS.items())


def test_the_table_and_the_settings_cannot_be_changed():
    with pytest.raises(TypeError):
        DEFINITIONS[TelemetryCase.APP_CREATED] = None  # type: ignore[index]
    with pytest.raises(AttributeError):
        MappingSettings(False, 1.0).sampling_rate = 0.5  # type: ignore[misc]


def test_a_definition_names_its_case():
    assert repr(DEFINITIONS[TelemetryCase.APP_CREATED]) == "<CaseDefinition app_created>"


@pytest.mark.parametrize("case", DEFINITIONS)
@pytest.mark.parametrize("payload", [None, [], "text", 7])
def test_a_payload_is_a_map(case, payload):
    with pytest.raises(ValidationError):
        DEFINITIONS[case].validate(payload)


@pytest.mark.parametrize("case", DEFINITIONS)
def test_a_required_key_may_be_neither_missing_nor_null(case):
    whole = REQUIRED[case]

    assert DEFINITIONS[case].validate(whole) == whole
    for key in whole:
        with pytest.raises(ValidationError):
            DEFINITIONS[case].validate({**whole, key: None})
        with pytest.raises(ValidationError):
            DEFINITIONS[case].validate({k: v for k, v in whole.items() if k != key})


@pytest.mark.parametrize("case", DEFINITIONS)
def test_any_other_key_may_be_null(case):
    nulls = dict.fromkeys(get_type_hints(DEFINITIONS[case].model))

    DEFINITIONS[case].validate({**nulls, **REQUIRED[case]})


@pytest.mark.parametrize("case", DEFINITIONS)
def test_g21_the_text_of_an_error_repeats_no_value(case):
    """Mutant: _QUIET without hide_input_in_errors."""
    with pytest.raises(ValidationError) as caught:
        DEFINITIONS[case].validate({"tenant_id": ["SECRET"]})

    assert "SECRET" not in str(caught.value)
