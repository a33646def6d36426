"""Where signals end up. A `Sink` of your own needs only the methods of `ports.Sink`."""

from telemetry_actors.sinks.console import ConsoleSink
from telemetry_actors.sinks.otlp import OtlpSink
from telemetry_actors.sinks.otlp_grpc import OtlpGrpcSink
from telemetry_actors.sinks.otlp_json_file import OtlpJsonFileSink
from telemetry_actors.sinks.recording import RecordingSink

__all__ = ["ConsoleSink", "OtlpGrpcSink", "OtlpJsonFileSink", "OtlpSink", "RecordingSink"]
