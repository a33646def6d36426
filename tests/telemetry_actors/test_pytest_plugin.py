"""The fixture in a project of somebody else's, run by its own pytest."""

import subprocess
import sys

import pytest

HOST = """
import sys

def test_nothing_of_ours_is_imported_before_the_fixture_is_asked_for():
    ours = ("telemetry_actors", "supervisors", "pydantic", "pykka", "msgpack")
    assert [name for name in sys.modules if name.partition(".")[0] in ours] == []

def test_what_the_code_emits_is_there_to_look_at(telemetry):
    import telemetry_actors

    assert telemetry_actors.emit("app_created", {"tenant_id": "t"}, {"app_id": "a"})
    (log,) = telemetry.logs
    assert log.attributes["dify.app_id"] == "a"

def test_each_test_has_its_own(telemetry):
    assert telemetry.logs == [] and telemetry.gateway.ledger().emitted == 0
"""


@pytest.mark.timeout(120)
def test_a_host_s_test_gets_the_recording_of_what_its_code_emitted(tmp_path):
    (tmp_path / "test_host.py").write_text(HOST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "3 passed" in done.stdout, done.stdout + done.stderr
