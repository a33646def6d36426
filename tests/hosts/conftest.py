"""One receiver and one Redis for all hosts of a run: their start takes longer than most tests.

The applications in ``apps`` and ``hub_program.py`` are the hosts' to run.
"""

import subprocess
import sys
import uuid

import pytest

from tests.hosts.processes import ROOT
from tests.hosts.programs import environment
from tests.receivers.oteltap import OtelTap
from tests.servers.redis import Redis

collect_ignore = ["apps", "hub_program.py"]
_IMPORT = """
from telemetry_actors import TelemetryGateway, TelemetrySettings
import tests.hosts.apps.asgi, tests.hosts.apps.wsgi
settings = TelemetrySettings.enabled(enterprise_otlp_endpoint="http://127.0.0.1:9")
gateway = TelemetryGateway(settings).start()
gateway.emit("app_created", {}, {})
gateway.stop(1)
"""


@pytest.fixture(scope="session")
def tap(tmp_path_factory):
    """A third-party receiver."""
    with OtelTap(tmp_path_factory.mktemp("oteltap")) as running:
        yield running


@pytest.fixture(scope="session")
def shared_tap(tap):
    """The same, for who tells its own records from those of others by their application."""
    return tap


@pytest.fixture
def arrived(tap):
    """How many distinct records have come since the test began."""
    before = len(tap.received().log_uids)

    def count():
        uids = tap.received().log_uids
        assert len(set(uids)) == len(uids)
        return len(uids) - before

    return count


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory):
    with Redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _bytecode_is_kept(tmp_path_factory):
    """Each host starts some processes, and compiling what they import is most of their work.

    Where the machine says that none is to be written, it is kept beside the run. It is made before
    the first host: one that is told to stop right after its first event has 5 s to get it out.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        subprocess.run([sys.executable, "-c", _IMPORT], check=True, cwd=ROOT)
        yield


@pytest.fixture
def mark():
    """Tells a test's processes, events, queues and keys from all others."""
    return f"host-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def settings(shared_tap):
    """The environment of a host with default settings and a well receiver."""
    return environment(shared_tap.endpoint, {})
