"""`StopReport.threads_left` counts threads that are stuck, and not the actors behind them."""

import threading

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import RecordingSink

WAIT_S = 5


@pytest.mark.timed
@pytest.mark.parametrize("path", ["handlers/app_created", "stages/router"])
def test_g22_one_stage_that_hangs_is_one_thread_whoever_waits_behind_it(path):
    """A tree stops in order, so all that were started before it are still there."""
    came, release = threading.Event(), threading.Event()

    def hang():
        came.set()
        release.wait(20)

    gateway = TelemetryGateway(
        TelemetrySettings.enabled(gateway={"linger_s": 0}), sinks=[RecordingSink()]
    ).start()
    gateway._ref(path)._slot.sabotage = hang
    gateway.emit("app_created", {"tenant_id": "acme"}, {"app_id": "a1", "mode": "chat"})
    assert came.wait(WAIT_S)
    report = gateway.stop(0.5)
    release.set()

    assert report.threads_left == 1
    assert not report.drained
