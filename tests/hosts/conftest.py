"""One receiver and one Redis for all hosts of a run; the applications are the hosts' to import."""

import uuid

import pytest

from tests.hosts.programs import environment
from tests.receivers.oteltap import OtelTap
from tests.servers.redis import Redis

collect_ignore = ["apps"]


@pytest.fixture(scope="session")
def shared_tap(tmp_path_factory):
    with OtelTap(tmp_path_factory.mktemp("oteltap")) as running:
        yield running


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory):
    with Redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _bytecode_is_kept(tmp_path_factory):
    """Each host starts some processes, and compiling what they import is most of their work.

    Where the machine says that none is to be written, it is kept beside the run.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        yield


@pytest.fixture
def mark():
    """Tells a test's processes, events, queues and keys from all others."""
    return f"host-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def settings(shared_tap):
    """The environment of a host with default settings and a well receiver."""
    return environment(shared_tap.endpoint, {})
