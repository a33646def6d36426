"""Hosts that are run in a process of their own: one that starves us, one whose sinks are dead.

``python -m tests.faults.hosts_under_pressure starve|dead JSON`` prints one line of JSON. A process
of their own, since they measure it: its memory, and who gets its GIL.
"""

import gc
import json
import os
import sys
import time

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import RecordingSink

MESSAGE = {
    "message_id": "m1",
    "conversation_id": "c1",
    "conversation_mode": "chat",
    "status": "succeeded",
    "from_source": "api",
}
EVENTS_A_SECOND = 1000
MB = 1024 * 1024


def starve(calls_a_second, seconds, give_way):
    """Emit 1,000 events a second, compute all the time, and make short system calls.

    The gaps between the calls are too short for any other thread to get the GIL.
    """
    settings = TelemetrySettings.enabled(pressure={"give_way": give_way})
    gateway = TelemetryGateway(settings, sinks=[RecordingSink()]).start()
    life, zero = gateway._life, os.open("/dev/zero", os.O_RDONLY)
    began = due = looked = time.monotonic()
    emitted, worst_s, overdue = 0, 0.0, [0.0]
    while (now := time.monotonic()) - began < seconds:
        if emitted < (now - began) * EVENTS_A_SECOND:
            before = time.perf_counter()
            gateway.emit("message_run", {"tenant_id": "t"}, MESSAGE)
            worst_s = max(worst_s, time.perf_counter() - before)
            emitted += 1
        if now >= due:
            os.read(zero, 1)
            due = max(due + 1 / calls_a_second, now - 0.001)
        if now - looked > 0.05:
            looked = now
            overdue.append(life.door.lateness.overdue_s())  # what status() shows, without its lock
    status, ledger = gateway.status().pressure, gateway.ledger()
    gateway.stop(10)
    return {
        "emitted": emitted,
        "overdue_s": max(overdue),
        "oldest_age_s": status.oldest_age_s,
        "gave_way": status.gave_way,
        "worst_emit_ms": worst_s * 1000,
        "in_flight": ledger.in_flight,
        "balanced": gateway.ledger().balanced(),
    }


def dead(endpoint, seconds, total_bytes):
    """Emit events of 1 MB while no sink takes anything; watch the memory."""
    settings = TelemetrySettings.enabled(
        enterprise_otlp_endpoint=endpoint,
        enterprise_include_content=True,
        gateway={"total_bytes": total_bytes},
    )
    gateway = TelemetryGateway(settings).start()
    for _ in range(3):
        gateway.emit("message_run", {"tenant_id": "t"}, MESSAGE)
    time.sleep(1.5)  # whatever is imported late is there now
    gc.collect()
    before, most = _resident_bytes(), 0
    until, answers = time.monotonic() + seconds, {}
    number = 0
    while time.monotonic() < until:
        number += 1
        payload = {**MESSAGE, "inputs": f"{number}" + "x" * MB}
        answer = str(gateway.emit("message_run", {"tenant_id": "t"}, payload))
        answers[answer] = answers.get(answer, 0) + 1
        most = max(most, _resident_bytes())
        time.sleep(0.003)
    pressure = gateway.status().pressure
    gateway.stop(2)
    return {
        "answers": answers,
        "grown_bytes": most - before,
        "event_bytes": pressure.event_bytes,
        "event_bytes_capacity": pressure.event_bytes_capacity,
        "balanced": gateway.ledger().balanced(),
    }


def _resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    arguments = json.loads(sys.argv[2])
    print(json.dumps(starve(**arguments) if sys.argv[1] == "starve" else dead(**arguments)))
