"""Trees for the ported cases of OTP's suite."""

import pytest

from tests.otp.tree import Tree


@pytest.fixture
def tree():
    """Start a root supervisor; when the test ends it is stopped, and nobody is left."""
    started = []

    def start(*children, **options):
        started.append(Tree.start(*children, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()
        assert not one.stage.slots, "somebody is still there"
        assert not one.stage._living, "somebody still runs"
