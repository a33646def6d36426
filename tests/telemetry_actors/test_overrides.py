"""A configuration file changes how the tree of a gateway is supervised."""

import pytest

from telemetry_actors import SettingsError, TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import running_gateway


@pytest.fixture
def file(tmp_path):
    return tmp_path / "tree.toml"


def spec_of(gateway, *path):
    spec = gateway._life.running.tree.spec
    for id_ in path:
        (child,) = (child for child in spec.children if child.id == id_)
        spec = child.start if child.type == "supervisor" else child
    return spec


def test_a_gateway_runs_on_what_the_file_says(file):
    file.write_text("[children.handlers.children.app_created]\nintensity = 3\n")
    with running_gateway(config=file) as (gateway, recording):
        assert spec_of(gateway, "handlers", "app_created").intensity == 3
        assert spec_of(gateway, "handlers", "node_execution").intensity == 5
        assert gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a", "mode": "chat"})
        assert gateway.flush(5)
        assert len(recording.logs) == 1


def test_actors_may_move_to_other_threads(file):
    file.write_text(
        '[children.stages.children.router]\ndispatcher = "own"\n'
        '[children.sinks.children.logs]\ndispatcher = "all"\n'
        '[children.sinks.children.spans]\ndispatcher = "all"\n'
    )
    with running_gateway(config=file) as (gateway, recording):
        assert gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a", "mode": "chat"})
        assert gateway.flush(5)
        assert len(recording.logs) == 1


def test_the_environment_may_name_the_file(file, monkeypatch):
    file.write_text("intensity = 7\n")
    monkeypatch.setenv("TELEMETRY_ACTORS__CONFIG", str(file))
    with running_gateway() as (gateway, _):
        assert spec_of(gateway).intensity == 7


def test_a_wrong_file_is_a_settings_error_at_the_start(file):
    file.write_text("intensity = -1\n")

    with pytest.raises(SettingsError) as caught:
        TelemetryGateway(TelemetrySettings.enabled(config=file), sinks=[]).start()
    assert str(caught.value) == (f"config = {file}: intensity = -1: must be a whole number >= 0")
    assert (caught.value.setting, caught.value.value) == ("config", str(file))


def test_without_a_sink_what_is_said_of_sinks_is_passed_over(file):
    """The same file may serve a developer's machine, where no endpoint is configured (g27)."""
    file.write_text("[children.sinks.children.logs]\nshutdown_s = 1\n")
    with TelemetryGateway(TelemetrySettings.enabled(config=file), sinks=[]) as gateway:
        assert [child.id for child in spec_of(gateway, "sinks").children] == ["providers"]
