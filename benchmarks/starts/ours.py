"""This project: import, start, one event."""

import sys

from benchmarks.starts._clock import Clock

clock = Clock()
from telemetry_actors import TelemetryGateway, TelemetrySettings  # noqa: E402

clock.took("import_ms")
gateway = TelemetryGateway(TelemetrySettings.enabled(enterprise_otlp_endpoint=sys.argv[1]))
gateway.start()
clock.took("start_ms")
clock.started()
gateway.emit("app_created", {"tenant_id": "t"}, {"app_id": "a", "mode": "chat"})
clock.took("first_call_ms")
clock.until_it_is_there()
clock.end(gateway.stop)
