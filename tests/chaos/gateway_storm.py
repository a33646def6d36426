"""A gateway under a storm: threads emit, and any actor may crash, vanish, hang or be killed.

In the end the books have to balance and a receiver has to agree with them; at each look on the
way, too. ``python -m tests.chaos.gateway_storm --seed N`` replays one, as far as threads let it.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from supervisors import Exit, Ref, Runtime, Slot
from supervisors.system.clock import SystemClock
from supervisors.testing import crash, end_thread
from telemetry_actors import Ledger, TelemetryGateway, TelemetrySettings
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.ports import ExportResult, Verdict
from telemetry_actors.testing import RecordingSink
from tests.telemetry_actors.promises.test_content import VALID

__all__ = ["BY_ITS_ANSWERS", "FAULTS", "ON_A_BAD_DAY", "Moody", "Weather", "blow"]

PRODUCERS = 3
LARGE_BYTES = 1_200_000
"""Above what is off-loaded to the payload store."""
FLUSH_S, STOP_S = 20.0, 5.0


class Weather(NamedTuple):
    """What became of one storm."""

    wrongs: list[str]
    faults: Counter[str]
    ledger: Ledger


class Moody(RecordingSink):
    """Answers as receivers do on a bad day, until it is calm."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self.calm = False
        self.raised = 0
        self._rng, self._pause = rng, threading.Event()

    def export(self, kind: SignalKind, encoded: Sequence[Any], timeout_s: float) -> ExportResult:
        """Keep the records, or some of them, or say so, or not."""
        moods = list(_MOODS) if not self.calm else ["well"]
        mood = self._rng.choices(moods, [_MOODS[mood] for mood in moods])[0]
        if mood == "raises":
            self.raised += 1
            raise ValueError("storm")
        if mood == "slow":
            self._pause.wait(0.03)
        if mood in ("well", "slow", "no answer"):
            super().export(kind, encoded, timeout_s)
        if mood == "partial":
            super().export(kind, encoded[:-1], timeout_s)
        return _ANSWERS.get(mood, ExportResult(Verdict.ACCEPTED))


_MOODS = {
    "well": 70,
    "slow": 4,
    "no answer": 4,
    "overloaded": 6,
    "refuses": 2,
    "splits": 5,
    "partial": 4,
    "raises": 3,
}
_ANSWERS = {
    "no answer": ExportResult(Verdict.RETRY, unconfirmed=True),
    "overloaded": ExportResult(Verdict.RETRY),
    "refuses": ExportResult(Verdict.REFUSED),
    "splits": ExportResult(Verdict.SPLIT),
    "partial": ExportResult(Verdict.ACCEPTED, rejected=1),
}
BY_ITS_ANSWERS = {"rejected", "retry_exhausted", "unconfirmed"}
ON_A_BAD_DAY: dict[str, Any] = {
    "sink": {"linger_s": 0.005, "batch_records": 64},
    "otlp": {
        "attempt_timeout_s": 1.0,
        "give_up_s": 2.0,
        "backoff_min_s": 0.005,
        "backoff_max_s": 0.02,
        "breaker_open_s": 0.02,
    },
    "supervision": {"intensity": 10_000},  # a sink is struck by its receiver, too: none is parked
}
"""Many requests, and many answers."""


class Storm:
    """One gateway, with a payload store and, if *journal*, a journal, both in *directory*."""

    def __init__(
        self, seed: int, directory: Path, *, journal: bool = False, moody: bool = False
    ) -> None:
        self.rng = Random(seed)
        self.clock = SystemClock()
        self.sink = Moody(Random(f"{seed}/sink"))
        self.sink.calm = not moody
        self._excused = BY_ITS_ANSWERS if moody else frozenset[str]()
        self.accepted: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.wrongs: list[str] = []
        self.over = threading.Event()
        parts = dict(ON_A_BAD_DAY) if moody else {}
        if journal:
            parts["journal"] = {"directory": directory / "j"}
        settings = TelemetrySettings.enabled(
            gateway={"linger_s": 0.005, "batch_events": 64},
            payload_store={"directory": directory / "p"},
            **parts,
        )
        self.gateway = TelemetryGateway(settings, sinks=[self.sink]).start()
        self._producers = [
            threading.Thread(target=self._produce, args=(name, Random(f"{seed}/{name}")))
            for name in range(PRODUCERS)
        ]

    def _produce(self, name: int, rng: Random) -> None:
        large = {**VALID["message_run"], "inputs": "x" * LARGE_BYTES}
        for number in range(1_000_000):
            if self.over.is_set():
                return
            case, payload = rng.choice(list(VALID.items()))
            if rng.random() < 0.005:
                case, payload = "message_run", large
            event_id = f"{name}-{number}"
            if self.gateway.emit(case, {"tenant_id": "t"}, payload, event_id=event_id):
                self.accepted[str(name)] += 1
            if number % 20 == 0:
                self.over.wait(0.002)

    def blow(self, seconds: float) -> Weather:
        """Let it, for so long; then calm down, flush, stop, and compare."""
        for producer in self._producers:
            producer.start()
        until_s = self.clock.now_s() + seconds
        while self.clock.now_s() < until_s:
            self.over.wait(self.rng.random() * 0.02)
            self._strike()
            if self.rng.random() < 0.2:
                self._look()
        self.over.set()
        for producer in self._producers:
            producer.join()
        self.sink.calm = True
        if not self.gateway.flush(FLUSH_S):
            self.wrongs.append(f"not everything got out: {self.gateway.status().mailboxes}")
        self.gateway.stop(STOP_S)
        return Weather(self.wrongs + self._compare(), self.faults, self.gateway.ledger())

    def _strike(self) -> None:
        runtime = self.gateway._here().running.runtime
        assert runtime is not None
        slots = [slot for slot in list(runtime.slots.values()) if slot.spec.type == "worker"]
        slot, kind = self.rng.choice(slots), self.rng.choice(list(FAULTS))
        self.faults[kind] += FAULTS[kind](runtime, slot)

    def _look(self) -> None:
        ledger = self.gateway.ledger()
        if ledger.settled and not ledger.balanced():
            self.wrongs.append(f"on the way: {ledger}")

    def _compare(self) -> list[str]:
        """With what was emitted, with what has arrived, and with what the faults may cost."""
        ledger, wrongs = self.gateway.ledger(), list[str]()
        logs, arrived = (
            ledger.signals.logs,
            len({record.attributes["log.record.uid"] for record in self.sink.logs}),
        )
        if not ledger.balanced() or not ledger.settled or ledger.in_flight:
            wrongs.append(f"in the end: {ledger}")
        if ledger.accepted != self.accepted.total():
            wrongs.append(f"accepted {self.accepted.total()}, in the books {ledger.accepted}")
        if not logs.exported <= arrived <= logs.exported + logs.dropped.get("unconfirmed", 0):
            wrongs.append(f"{arrived} logs have arrived: {logs}")
        by_faults = {r: n for r, n in ledger.dropped.items() if r not in self._excused}
        if sum(by_faults.values()) > self.faults.total() + self.sink.raised:
            wrongs.append(f"a fault costs one event at most: {self.faults} {ledger.dropped}")
        return wrongs


def _crash(_runtime: Runtime, slot: Slot) -> bool:
    ref: Ref = slot.ref
    crash(ref, ValueError("storm"), in_hand=slot.mailbox.batching is not None)
    return True


def _vanish(_runtime: Runtime, slot: Slot) -> bool:
    end_thread(slot.ref)
    return True


def _give_up(runtime: Runtime, slot: Slot, exit_: Exit) -> bool:
    """As the watch or a supervisor would."""
    life = slot.current
    if life is None or not life.started or not life.lose(exit_):
        return False
    runtime.dispatcher_of(slot).abandon(life)
    return True


FAULTS = {
    "crash": _crash,
    "vanish": _vanish,
    "hang": lambda runtime, slot: _give_up(runtime, slot, Exit.hung()),
    "kill": lambda runtime, slot: _give_up(runtime, slot, Exit.killed()),
}


def blow(seed: int, seconds: float, **kinds: bool) -> Weather:
    """One storm, in a directory of its own."""
    with TemporaryDirectory() as directory:
        return Storm(seed, Path(directory), **kinds).blow(seconds)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.chaos.gateway_storm", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--journal", action="store_true")
    parser.add_argument("--moody", action="store_true", help="a receiver on a bad day")
    options = parser.parse_args()
    weather = blow(options.seed, options.seconds, journal=options.journal, moody=options.moody)
    sys.stdout.write(f"{dict(weather.faults)}\n{weather.ledger}\n")
    sys.stdout.write("".join(f"wrong: {wrong}\n" for wrong in weather.wrongs))
    return 1 if weather.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
