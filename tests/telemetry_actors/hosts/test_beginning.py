"""What processes of a host do when they begin."""

import subprocess
import sys

import pytest

from telemetry_actors.hosts import _beginning


@pytest.mark.timeout(60)
def test_importing_for_children_starts_nothing():
    program = (
        "import sys, threading\n"
        "from telemetry_actors.hosts._beginning import import_for_children\n"
        "assert 'requests' not in sys.modules\n"
        "import_for_children()\n"
        "assert 'telemetry_actors.tree' in sys.modules\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_worker_makes_its_gateway_where_telemetry_is_on_and_says_what_is_wrong(monkeypatch):
    said, made = [], []
    monkeypatch.setattr(_beginning, "say_at_the_end", said.append)
    monkeypatch.setattr(_beginning, "get_gateway", lambda: made.append(1))
    _beginning.begin_worker()
    assert (made, said) == ([], [])
    monkeypatch.setenv("ENTERPRISE_TELEMETRY_GATEWAY_ENABLED", "true")
    _beginning.begin_worker()
    assert (made, said) == ([1], [])

    def fails():
        raise _beginning.SettingsError("sinks", value="x", allowed="must be y")

    monkeypatch.setattr(_beginning, "get_gateway", fails)
    _beginning.begin_worker()
    [line] = said
    assert "must be y" in line
