"""The OpenTelemetry SDK: import, three providers, one log record."""

import sys

from benchmarks.starts._clock import Clock

clock = Clock()
from opentelemetry._logs import SeverityNumber  # noqa: E402
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: E402
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: E402
    OTLPMetricExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: E402
from opentelemetry.sdk._logs import LoggerProvider  # noqa: E402
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: E402
from opentelemetry.sdk.metrics import MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: E402

clock.took("import_ms")
endpoint = sys.argv[1]
logs, spans = LoggerProvider(), TracerProvider()
logs.add_log_record_processor(
    BatchLogRecordProcessor(OTLPLogExporter(endpoint=f"{endpoint}/v1/logs"))
)
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics"))
metrics = MeterProvider([reader])
logger = logs.get_logger("application")
clock.took("start_ms")
clock.started()
attributes = {"dify.tenant_id": "t", "dify.app_id": "a", "dify.app.mode": "chat"}
logger.emit(severity_number=SeverityNumber.INFO, body="b", attributes=attributes)
clock.took("first_call_ms")
clock.until_it_is_there()
clock.end(lambda: [provider.shutdown() for provider in (spans, logs, metrics)])
