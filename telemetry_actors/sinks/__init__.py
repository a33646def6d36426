"""Where signals end up. A `Sink` of your own needs only the methods of `ports.Sink`.

The room owns what is on its way to a receiver: batches, retries, the health of an endpoint, and the
metrics that are added up. It alone knows OpenTelemetry's encoding. It never raises what a receiver
or a user's sink does, and never gives a record a second end.

For others: the classes below; `actor`, `metrics_actor`, `aggregates`, `health`, `retry`,
`patience`, `transport`, `resource`, `answer`, `encode`, `encode_metrics`, `frame`, `given`,
`celery`, `recording`.
"""

from telemetry_actors.sinks.console import ConsoleSink
from telemetry_actors.sinks.otlp import OtlpSink
from telemetry_actors.sinks.otlp_grpc import OtlpGrpcSink
from telemetry_actors.sinks.otlp_json_file import OtlpJsonFileSink
from telemetry_actors.sinks.recording import RecordingSink

__all__ = ["ConsoleSink", "OtlpGrpcSink", "OtlpJsonFileSink", "OtlpSink", "RecordingSink"]
