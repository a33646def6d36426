"""A build of Python without the GIL is refused with a clear error."""

import pytest

from supervisors.system.interpreter import refuse_free_threading


def test_a_free_threaded_build_is_refused():
    with pytest.raises(ImportError, match="free-threaded"):
        refuse_free_threading(enabled=False)


def test_the_usual_build_is_not():
    refuse_free_threading(enabled=True)
