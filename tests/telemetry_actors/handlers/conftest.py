"""How the tests of mappings map: the way of an event from the gate to its signals."""

import msgpack
import pytest

from telemetry_actors.event.cases import CASE_ROUTING, gate
from telemetry_actors.handlers import DEFINITIONS, EventFacts, MappingSettings

EVENT_ID = "0d9f1c9e-6a53-4f6e-9a7b-3f1d7c2b8a10"
EMITTED_AT_NS = 1_795_162_540_000_001_000  # 2026-11-20T08:15:40.000001Z


@pytest.fixture(scope="session")
def signals_of():
    """Gate, pack, unpack, validate and map; returns the signals."""

    def _signals_of(case, payload, *, context=None, tenant_id="t", event_id=EVENT_ID, **settings):
        settings = {"include_content": False, "sampling_rate": 1.0, **settings}
        if not settings["include_content"]:
            payload = gate(CASE_ROUTING[case], payload)
        payload = msgpack.unpackb(msgpack.packb(payload))
        facts = EventFacts(event_id, tenant_id, EMITTED_AT_NS, EMITTED_AT_NS + 7, context or {})
        definition = DEFINITIONS[case]
        return definition.map(facts, definition.validate(payload), MappingSettings(**settings))

    return _signals_of


@pytest.fixture(scope="session")
def measured():
    """Measurements as ``{name: [(labels, value)]}``."""

    def _measured(signals):
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for instrument, keys, values, value in signals.measurements:
            labels = dict(zip(keys, values, strict=True))
            found.setdefault(instrument.name, []).append((labels, value))
        return found

    return _measured
