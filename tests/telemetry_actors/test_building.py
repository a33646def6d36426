"""What a gateway builds from its settings: buckets of histograms, the sink of a protocol."""

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.errors import SettingsError
from telemetry_actors.testing import running_gateway
from tests.receivers.faulty import FaultyReceiver, answer

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
OF_THE_SDK = (0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000)
BUCKETS = [({}, SECONDS, 7), ({"duration_buckets": "sdk"}, OF_THE_SDK, 1)]


def a_run(elapsed_s):
    return {
        "workflow_run_id": "r",
        "workflow_id": "w",
        "status": "succeeded",
        "elapsed_time": elapsed_s,
    }


def duration_of(points):
    (point,) = [p for p in points if p.instrument.name == "dify.workflow.duration"]
    return point


@pytest.mark.parametrize(("metrics", "bounds", "bucket"), BUCKETS, ids=["default", "sdk"])
def test_a_duration_of_a_second_falls_into_a_bucket_that_tells_it(metrics, bounds, bucket):
    """With the SDK's bounds all that takes up to five seconds is in one bucket."""
    with running_gateway(metrics=metrics) as (gateway, recording):
        assert gateway.emit("workflow_run", {"tenant_id": "t"}, a_run(1.0))
        assert gateway.flush(5)
        point = duration_of(recording.metrics())

    assert point.bounds == bounds
    assert point.bucket_counts == tuple(int(i == bucket) for i in range(len(bounds) + 1))


@pytest.mark.parametrize(("metrics", "bounds", "bucket"), BUCKETS, ids=["default", "sdk"])
def test_the_bytes_that_are_sent_have_these_bounds(metrics, bounds, bucket):
    """One count more than bounds, as OTLP wants it."""
    with FaultyReceiver(answer(200)) as receiver:
        settings = {"enterprise_otlp_endpoint": receiver.endpoint, "metrics": metrics}
        with TelemetryGateway(TelemetrySettings.enabled(**settings)) as gateway:
            gateway.emit("workflow_run", {"tenant_id": "t"}, a_run(1.0))
            assert gateway.flush(5)
        bodies = [r.body for r in receiver.requests if r.path == "/v1/metrics"]

    (resource,) = ExportMetricsServiceRequest.FromString(bodies[0]).resource_metrics
    sent = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    (point,) = sent["dify.workflow.duration"].histogram.data_points
    assert sent["dify.workflow.duration"].unit == "s"
    assert tuple(point.explicit_bounds) == bounds
    assert list(point.bucket_counts) == [int(i == bucket) for i in range(len(bounds) + 1)]
    assert (point.count, point.sum) == (1, 1.0)


def test_the_buckets_can_be_chosen_in_the_environment(monkeypatch):
    monkeypatch.setenv("TELEMETRY_ACTORS__METRICS__DURATION_BUCKETS", "sdk")

    assert TelemetrySettings().metrics.duration_buckets == "sdk"


def test_buckets_of_no_known_name_are_an_error_of_one_line():
    with pytest.raises(SettingsError, match=r"metrics\.duration_buckets"):
        TelemetrySettings(metrics={"duration_buckets": "wide"})
