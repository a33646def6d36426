"""A real Redis for those that ask for it."""

import pytest

from tests.servers.redis import Redis


@pytest.fixture
def redis(tmp_path):
    with Redis(tmp_path) as running:
        yield running
