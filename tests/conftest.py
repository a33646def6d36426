"""What every test has: a clean environment, and a check that it leaves nothing running."""

import gc
import os
import sys
import threading

import pykka
import pytest
from hypothesis import HealthCheck, settings

from telemetry_actors.redaction import redaction as _redaction
from tests import stopwatch
from tests.said import forget_what_waits, forget_what_was_said

# How long an example takes is the machine's affair: one that stands still for 0.3 s in the middle
# of it (a virtual one may) must not fail a test of what is computed. Sixty in each run, and
# others each time; `--hypothesis-profile many` looks for longer.
for _profile, _examples in (("untimed", 60), ("many", 2000)):
    settings.register_profile(
        _profile,
        settings(max_examples=_examples),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("untimed")

_GRACE_S, _LOOK_EVERY_S = 2.0, 0.005  # a thread on its way out may take its time


def pytest_collection_finish():
    """Thousands of test items and what they import are not looked at in each garbage collection.

    A full one took up to 0.7 s, in the middle of a test that gives a stop 0.4 s, and no host has
    such a heap because of us.
    """
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item):
    """A few tests may run at the same time, but for those that say how long something may take."""
    stopwatch.may_be_used(item.get_closest_marker("timed") is not None)


@pytest.fixture(autouse=True)
def _no_settings_from_the_machine(monkeypatch):
    """A developer's own ENTERPRISE_* or OTEL_* variables never reach a test."""
    for name in list(os.environ):
        if name.startswith(("ENTERPRISE_", "TELEMETRY_ACTORS_", "OTEL_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _nothing_said_before():
    """Lines of one kind are bounded in time; each test has its own bound."""
    forget_what_waits()
    forget_what_was_said()


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests(monkeypatch):
    """A word that is a secret in one test isn't in another's log lines."""
    monkeypatch.setattr(_redaction, "_known", {})
    monkeypatch.setattr(_redaction, "_rules", [_redaction.NOTHING_KNOWN])


@pytest.fixture(autouse=True)
def _no_leaks():
    """Every test ends with the threads it began with, and no live actor (style 27)."""
    before = set(sys._current_frames())
    yield
    left = _wait_for_the_end_of(lambda: set(sys._current_frames()) - before)
    actors = [str(ref) for ref in pykka.ActorRegistry.get_all()]
    if actors:
        pykka.ActorRegistry.stop_all(block=False)  # the next test starts clean
    assert not left, f"the test leaked threads: {_where(left)}"
    assert not actors, f"the test leaked actors: {actors}"


def _wait_for_the_end_of(extra):
    """Idents of the threads that are still there when the grace is over.

    By frames, not by `threading.enumerate`: it knows threads of `_thread` too, and forgets
    them when they end.
    """
    pause, waited_s = threading.Event(), 0.0
    while extra() and waited_s < _GRACE_S:
        pause.wait(_LOOK_EVERY_S)
        waited_s += _LOOK_EVERY_S
    return extra()


def _where(idents):
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()
    return [
        f"{names.get(ident, 'nameless')} in {frames[ident].f_code.co_qualname}"
        for ident in idents
        if ident in frames
    ]
