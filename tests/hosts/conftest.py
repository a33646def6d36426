"""A third-party receiver for all programs of a test run: its start takes longer than they do."""

import pytest

from tests.receivers.oteltap import OtelTap


@pytest.fixture(scope="session")
def tap(tmp_path_factory):
    with OtelTap(tmp_path_factory.mktemp("oteltap")) as running:
        yield running


@pytest.fixture
def arrived(tap):
    """How many distinct records have come since the test began."""
    before = len(tap.received().log_uids)

    def count():
        uids = tap.received().log_uids
        assert len(set(uids)) == len(uids)
        return len(uids) - before

    return count
