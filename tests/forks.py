"""As in the child of a fork, without one: for tests of what is renewed there."""

from contextlib import contextmanager

from supervisors.system import process as _process

__all__ = ["as_in_a_child"]


@contextmanager
def as_in_a_child():
    """In the block this is another process to everything that asks; nobody has looked yet."""
    before = _process._Present.process
    _process.SAME[0] = 0
    try:
        yield
    finally:
        _process._Present.process = before
        before.heir.clear()
        _process.SAME[0] = 1
