"""Own metrics as they come out of the wire, beside what a third party has counted."""

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.sinks import OtlpSink
from tests.faults.test_first_light import assert_agrees, emit_patiently, events
from tests.receivers.faulty import FaultyReceiver, answer
from tests.receivers.rotel import Rotel


def sums(body):
    """Of one request: metric name -> the sum over its points without an error."""
    request = ExportMetricsServiceRequest.FromString(body)
    found = {}
    for metric in request.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.sum.data_points:
            keys = {attribute.key for attribute in point.attributes}
            if "error.type" not in keys:
                found[metric.name] = found.get(metric.name, 0) + point.as_int
    return found


@pytest.mark.timeout(60)
def test_what_the_gateway_says_that_it_exported_is_what_rotel_has_got(tmp_path):
    """Logs and spans go to rotel, metrics to us; half of the events are repeats."""
    made = events(500)
    with Rotel(tmp_path) as rotel, FaultyReceiver(answer(200)) as metrics:
        urls = {SignalKind.METRICS: f"{metrics.endpoint}/v1/metrics"}
        sink = OtlpSink(rotel.endpoint, urls=urls)
        with TelemetryGateway(TelemetrySettings.enabled(), sinks=[sink]) as gateway:
            for event in [*made, *made]:
                assert emit_patiently(gateway, event)
            assert gateway.flush(30)
            ledger = gateway.ledger()
        rotel.stop()
        said, received = sums(metrics.requests[-1].body), rotel.received()

    assert_agrees(ledger, received)
    assert said["otel.sdk.exporter.log.exported"] == received.distinct_logs
    assert said["otel.sdk.exporter.span.exported"] == received.distinct_spans > 0
    assert said["telemetry_actors.admissions"] == ledger.emitted == 2 * len(made)
    assert said["telemetry_actors.events"] == ledger.exported + ledger.duplicate
    assert said["telemetry_actors.dedup.hits"] == ledger.duplicate == len(made)
    assert said["dify.requests.total"] > 0
