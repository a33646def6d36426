"""The application that `tests.servers.fleet.Worker` runs; what it is told is in the environment.

Each process writes its books into a folder when it ends. Elsewhere (pytest imports every file, for
its examples) it is an application without a broker.
"""

import os
from pathlib import Path

from celery import Celery, signals

from telemetry_actors import TelemetrySettings
from telemetry_actors.bridges.celery import register

TOLD = {"FLEET_BROKER": "memory://", "FLEET_VISIBILITY_S": "1", "FLEET_OTLP": ""} | os.environ

app = Celery("fleet", broker=TOLD["FLEET_BROKER"], set_as_current=False)
app.conf.update(
    broker_transport_options={
        "visibility_timeout": int(TOLD["FLEET_VISIBILITY_S"]),
        "unacked_restore_interval": 0.5,
    },
    broker_connection_retry_on_startup=True,
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=4,
)
bridge = register(
    app, settings=TelemetrySettings.enabled(enterprise_otlp_endpoint=TOLD["FLEET_OTLP"])
)


def _write_books(**_said):
    if bridge._gateways:
        file = Path(os.environ["FLEET_FOLDER"]) / f"{os.getpid()}.json"
        file.write_text(bridge.ledger().model_dump_json())


for _signal in (signals.worker_process_shutdown, signals.worker_shutdown):
    _signal.connect(_write_books, weak=False)
