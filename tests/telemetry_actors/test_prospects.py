"""What a command says while nothing arrives: each cause once, and how many wait."""

from collections import Counter
from types import SimpleNamespace

import pytest

from supervisors.testing import FakeClock
from telemetry_actors.cli._prospects import Prospects
from telemetry_actors.demo.session import Hopeless
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.sinks.health import Endpoint, Failure

DOWN = ExportResult(
    Verdict.RETRY, message="refused", url="http://far:4318/v1/logs", advice="start it"
)


class Waiting:
    """A gateway with 300 events of which nothing comes, and one endpoint."""

    def __init__(self):
        self.endpoint = Endpoint("http://far:4318", breaker=None)

    def ledger(self):
        return SimpleNamespace(exported=0, duplicate=0, dropped=Counter(), in_flight=300)

    def _endpoints(self):
        return [self.endpoint]


@pytest.fixture
def gateway():
    return Waiting()


@pytest.fixture
def watch(gateway):
    """Look for so many seconds; what was said meanwhile."""
    clock, notes = FakeClock(), []
    prospects = Prospects(gateway, clock, notes.append)

    def look(seconds):
        notes.clear()
        for _ in range(int(seconds * 4)):
            clock.advance(0.25)
            prospects.look()
        return list(notes)

    return look


def fails(gateway):
    gateway.endpoint.failures.append(Failure(0, SignalKind.LOGS, DOWN))
    gateway.endpoint.outages.failed("logs", "refused", DOWN, 0.0)


def test_what_fails_is_in_the_log_above_and_is_not_said_again(gateway, watch):
    fails(gateway)
    assert watch(9) == ["300 events wait", "300 events wait"]


def test_that_there_is_no_answer_is_said_once(gateway, watch):
    assert watch(3) == ["300 events wait: http://far:4318 has not answered so far"]
    assert watch(9) == ["300 events wait", "300 events wait"]


def test_the_end_names_the_cause(gateway, watch):
    fails(gateway)
    with pytest.raises(Hopeless, match="http://far:4318/v1/logs: start it"):
        watch(11)
