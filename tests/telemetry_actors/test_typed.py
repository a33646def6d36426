"""Typed ways to emit: one for each case, doing what `emit()` does. The types: tests/typing."""

import subprocess
import sys
from pathlib import Path

import pytest

from telemetry_actors import (
    Admission,
    TelemetryCase,
    TelemetryGateway,
    TelemetrySettings,
    payloads,
    typed,
)
from telemetry_actors.handlers import DEFINITIONS
from telemetry_actors.testing import RecordingSink

ROOT = Path(__file__).parents[2]
TENANT = {"tenant_id": "acme"}
FUNCTIONS = [name for name in typed.__all__ if name.startswith("emit_")]


@pytest.mark.parametrize("case", DEFINITIONS)
def test_each_case_has_its_payload_and_its_function(case):
    model = DEFINITIONS[case].model

    assert getattr(payloads, model.__name__) is model
    assert model.__name__ in payloads.__all__
    assert f"emit_{case}" in FUNCTIONS
    assert repr(getattr(typed, f"emit_{case}")) == f"<emit {case}>"


class Given(list):
    """Stands in for a gateway: what it was given."""

    def emit(self, *args, **options):
        self.append((args, options))
        return Admission.ACCEPTED


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_typed_function_hands_its_case_to_the_gateway_it_is_given(name):
    gateway, payload, manager = Given(), {}, object()
    answer = getattr(typed, name)(TENANT, payload, manager, event_id="e", gateway=gateway)

    ((args, options),) = gateway
    assert answer is Admission.ACCEPTED
    assert args == (TelemetryCase(name.removeprefix("emit_")), TENANT, payload, manager)
    assert options == {"event_id": "e"}


def test_by_default_it_is_the_gateway_of_the_process(monkeypatch):
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    monkeypatch.setattr("telemetry_actors._process._PROCESS", {"gateway": gateway})
    assert typed.emit_app_created(TENANT, {"mode": "chat"}) is Admission.ACCEPTED
    gateway.stop()

    assert gateway.ledger().by_case["app_created"].emitted == 1


@pytest.mark.timeout(180)
def test_a_type_checker_accepts_what_is_right_and_refuses_what_is_wrong(tmp_path):
    """tests/typing/api.py under mypy; and mypy does complain when an expected error is gone."""
    page = (ROOT / "tests/typing/api.py").read_text()
    assert "type: ignore[typeddict-unknown-key]" in page
    wrong = tmp_path / "wrong.py"
    wrong.write_text(page.replace('{"mood": "chat"}', '{"mode": "chat"}'))

    assert mypy(ROOT / "tests/typing/api.py").returncode == 0
    answer = mypy(wrong)
    assert answer.stdout.count("error") == 2, answer.stdout  # the line, and "Found 1 error"
    assert 'Unused "type: ignore" comment' in answer.stdout


def mypy(path):
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", path],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
