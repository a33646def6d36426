"""What a stop does with its time, where a part of the tree takes too long."""

import threading

from supervisors import SystemClock
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.life.draining import drain_life
from telemetry_actors.testing import RecordingSink, registered_case
from tests.telemetry_actors.test_registry import ORDERS, TENANT, _order, an_order

STOP_S = 3600.0


class Leaping(SystemClock):
    """The first wait takes most of the time that a stop has."""

    ahead_s = 0.0

    def now_s(self):
        return super().now_s() + self.ahead_s

    def wait(self, token, timeout_s):
        if not self.ahead_s:
            self.ahead_s = STOP_S * 0.8
        else:
            super().wait(token, timeout_s)


def test_what_is_mapped_after_the_last_collection_is_in_another_one():
    """It was late: the metrics had to be sent while a mapping was still at it."""
    clock, go = Leaping(), threading.Event()

    def late(facts, order, settings):
        assert order.order_id == "early" or go.wait(20)
        return _order(facts, order, settings)

    class Sink(RecordingSink):
        def export_metrics(self, points, timeout_s):
            answer = super().export_metrics(points, timeout_s)
            if clock.ahead_s:  # the collection that couldn't wait is over
                go.set()
            return answer

    sink = Sink()
    with registered_case(an_order(mapping=late)):
        gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[sink])
        with gateway:
            assert gateway.emit("order_shipped", TENANT, {"order_id": "early"})
            assert gateway.flush(5)
            assert gateway.emit("order_shipped", TENANT, {"order_id": "late"})
            gateway._life.clock = clock
            drained = drain_life(gateway._life, clock.now_s() + STOP_S)
            (point,) = [point for point in sink.metrics() if point.instrument == ORDERS]

    assert (point.value, gateway.ledger().exported) == (2, 2)
    assert drained == (True, True, [])
