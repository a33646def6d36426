"""A storm over several lives, with parts that fail as the seed has it (`parts.py`).

A gateway is struck as in `gateway_storm.py`, and by its parts; it may be stopped in the middle, and
another one goes on with the same journal. In the end all heals, and the books of each life, the
ids that were accepted, and what has arrived have to agree.
``python -m tests.chaos.tempest --seed N`` replays one, as far as threads let it.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from telemetry_actors import Ledger, TelemetryGateway, TelemetrySettings
from telemetry_actors.event.signals import LogSignal, SignalKind
from telemetry_actors.lifecycle.report import StopReport
from telemetry_actors.ports import ExportResult
from tests.chaos.gateway_storm import BY_ITS_ANSWERS, FAULTS, ON_A_BAD_DAY, Moody
from tests.chaos.parts import (
    PARTS,
    TENANT,
    HostRaises,
    Part,
    Peer,
)
from tests.chaos.rude_host import nothing_raised
from tests.chaos.storm import poll
from tests.servers.proxy import Proxy
from tests.servers.redis import Redis
from tests.telemetry_actors.promises.test_content import VALID

__all__ = ["Tempest", "Toll", "blow", "chosen"]

PRODUCERS = 2
LARGE = "x" * 1_200_000
FLUSH_S, STOP_S, THREADS_S = 20.0, 10.0, 5.0
_CRASHES = {"handler_crash", "stage_crash", "abandoned"}


class Toll(NamedTuple):
    """What became of one storm."""

    wrongs: list[str]
    kinds: frozenset[str]
    faults: Counter[str]
    ledgers: list[Ledger]


class Receiver(Moody):
    """One for parent and children: what comes in a child is noted in a file."""

    def __init__(self, rng: Random, file: Path) -> None:
        super().__init__(rng)
        self._pid, self._file = os.getpid(), file

    def export(self, kind: SignalKind, encoded: Sequence[Any], timeout_s: float) -> ExportResult:
        """See `Moody`."""
        if os.getpid() != self._pid:
            ids = [
                log.attributes["log.record.uid"] for log in encoded if isinstance(log, LogSignal)
            ]
            with self._file.open("a") as file:
                file.write("".join(f"{uid}\n" for uid in ids))
        return super().export(kind, encoded, timeout_s)


class Hollow(Receiver):
    """A sink that can't say what it is, and whose end fails."""

    def __repr__(self) -> str:
        raise ValueError("a sink's repr")

    def close(self) -> None:
        raise ValueError("a sink's close")


class OneLife:
    """A gateway, what it has accepted, and what has arrived of it."""

    def __init__(self, settings: TelemetrySettings, sink: Moody) -> None:
        self.sink = sink
        self.accepted: list[str] = []
        self.gateway = TelemetryGateway(settings, sinks=[sink])

    def arrived(self) -> set[str]:
        """Ids."""
        return {str(record.attributes["log.record.uid"]) for record in self.sink.logs}

    def letters(self) -> set[str]:
        """Ids of what was dropped."""
        return {letter.envelope.event_id for letter in self.gateway.dead_letters()}


def chosen(seed: int) -> frozenset[str]:
    """What goes wrong under *seed*, beside the actors: most of them in every second storm."""
    rng = Random(f"{seed}/kinds")
    kinds = {kind for kind in (*PARTS, "journal", "moody", "lives") if rng.random() < 0.5}
    return frozenset(kinds | ({"journal"} if kinds & {"disk", "lives"} else set()))


class Tempest:
    """See the module.

    Args:
        seed: decides what is decided here.
        kinds: names of `PARTS`, and of ``journal``, ``moody``, ``lives``.
        directory: for journal and payloads.
        peer: the Redis.
    """

    def __init__(self, seed: int, kinds: frozenset[str], directory: Path, peer: Peer) -> None:
        self.seed, self.kinds, self.directory = seed, kinds, directory
        self.rng = Random(f"{seed}/storm")
        self.faults: Counter[str] = Counter()
        self.wrongs: list[str] = []
        self.over = threading.Event()
        self._pid = os.getpid()
        self.lives: list[OneLife] = []
        self.parts: dict[str, Part] = {
            name: PARTS[name](Random(f"{seed}/{name}"), self._emit_garbage, peer)
            for name in PARTS
            if name in kinds
        }

    # -- emitting ---------------------------------------------------------------------------------

    def _emit(self, case: str, payload: Any, event_id: str, manager: Any = None) -> None:
        life = self.lives[-1]
        try:
            admitted = life.gateway.emit(case, TENANT, payload, manager, event_id=event_id)
        except BaseException as error:  # noqa: BLE001 -- whatever it is
            self.wrongs.append(f"emit raised {error!r}")
            return
        if admitted:
            life.accepted.append(event_id)

    def _emit_garbage(self, name: str) -> None:
        if os.getpid() != self._pid:
            return  # in the child of a fork: its books are its own
        self._emit("app_created", {"app_id": "a", "mode": "chat"}, name)

    def _produce(self, name: int, rng: Random) -> None:
        host = self.parts.get("host")
        number = 0
        while not self.over.is_set():
            number += 1
            case, payload = rng.choice(list(VALID.items()))
            manager = None
            if rng.random() < 0.003:
                case, payload = "message_run", {**VALID["message_run"], "inputs": LARGE}
            if isinstance(host, HostRaises) and rng.random() < 0.3:
                payload, manager = {**payload, "odd": host.value}, host.manager
            event_id = f"{name}-{number}"
            for _ in range(2 if rng.random() < 0.03 else 1):
                self._emit(case, payload, event_id, manager)
            if number % 10 == 0:
                self.over.wait(0.003)

    # -- lives ------------------------------------------------------------------------------------

    def _settings(self) -> TelemetrySettings:
        given: dict[str, dict[str, Any]] = {
            "gateway": {"linger_s": 0.005, "batch_events": 64},
            "sink": {"linger_s": 0.005, "batch_records": 64},
            "supervision": {"intensity": 10_000},
            "dead_letters": {"max_count": 1_000_000, "max_bytes": 1_000_000_000},
            "payload_store": {"directory": self.directory / "p"},
        }
        for part in [ON_A_BAD_DAY if "moody" in self.kinds else {}, *self._own_settings()]:
            for name, value in part.items():
                whole = isinstance(value, str)
                given[name] = value if whole else {**given.get(name, {}), **value}
        if "journal" in self.kinds:
            home, page = self.directory / "j", self.directory / "m"
            journal = {"directory": home, "memory_directory": page}
            given["journal"] = {**given.get("journal", {}), **journal}
        return TelemetrySettings.enabled(**given)

    def _own_settings(self) -> list[dict[str, Any]]:
        return [part.settings() for part in self.parts.values()]

    def _begin(self) -> None:
        rng = Random(f"{self.seed}/sink{len(self.lives)}")
        sink = (Hollow if "host" in self.kinds else Receiver)(rng, self.directory / "in-children")
        sink.calm = "moody" not in self.kinds
        life = OneLife(self._settings(), sink)
        for part in self.parts.values():
            part.begin(life.gateway)
        life.gateway.start()
        self.lives.append(life)

    def _stop(self, timeout_s: float) -> None:
        self.lives[-1].gateway.stop(timeout_s)

    # -- the storm --------------------------------------------------------------------------------

    def blow(self, seconds: float) -> Toll:
        """Let it, for so long; then heal all, flush, stop, and compare."""
        before = set(sys._current_frames())
        with nothing_raised(self.wrongs), ExitStack() as stack:
            for part in self.parts.values():
                stack.enter_context(part)
            self._begin()
            with self._producers():
                self._strike_for(seconds)
                if "lives" in self.kinds:
                    self._stop(self.rng.choice([0.05, 0.3, 1.0]))
                    self._begin()
                    self._strike_for(seconds / 2)
            self._end_well()
        for part in self.parts.values():
            self.wrongs += part.wrongs
        if not poll(lambda: not set(sys._current_frames()) - before, THREADS_S):
            self.wrongs.append(f"threads are left: {_where(before)}")
        self._compare()
        ledgers = [life.gateway.ledger() for life in self.lives]
        return Toll(self.wrongs, self.kinds, self.faults, ledgers)

    @contextmanager
    def _producers(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._produce, args=(name, Random(f"{self.seed}/{name}")))
            for name in range(PRODUCERS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def _strike_for(self, seconds: float) -> None:
        gateway = self.lives[-1].gateway
        clock = gateway._clock
        until_s = clock.now_s() + seconds
        while clock.now_s() < until_s:
            self.over.wait(self.rng.random() * 0.02)
            self._strike_an_actor(gateway)
            for part in self.parts.values():
                if self.rng.random() < 0.15:
                    part.strike(gateway)
            if self.rng.random() < 0.1:
                self._look(gateway)

    def _strike_an_actor(self, gateway: TelemetryGateway) -> None:
        runtime = gateway._here().running.runtime
        assert runtime is not None
        slots = [slot for slot in list(runtime.slots.values()) if slot.spec.type == "worker"]
        slot, kind = self.rng.choice(slots), self.rng.choice(list(FAULTS))
        self.faults[kind] += FAULTS[kind](runtime, slot)

    def _look(self, gateway: TelemetryGateway) -> None:
        ledger = gateway.ledger()
        gateway.status()
        if ledger.settled and not ledger.balanced():
            self.wrongs.append(f"on the way: {ledger}")

    def _end_well(self) -> None:
        for part in self.parts.values():
            part.heal()
        self.lives[-1].sink.calm = True
        if not self.lives[-1].gateway.flush(FLUSH_S):
            self.wrongs.append(f"not everything got out: {self.lives[-1].gateway.status()}")
        if (left := self.lives[-1].gateway.ledger().in_flight) and not self.wrongs:
            self.wrongs.append(f"{left} in flight after a flush")
        self._stop(STOP_S)
        if "journal" in self.kinds:
            self._come_back()

    def _come_back(self) -> None:
        """One more life, to which nothing happens: after it the journal is empty."""
        self._begin()
        self.lives[-1].sink.calm = True
        if not self.lives[-1].gateway.flush(FLUSH_S):
            self.wrongs.append("what the journal held did not get out")
        self._stop(STOP_S)
        for name in ("j", "m"):
            if left := sorted(self.directory.glob(f"{name}/**/*")):
                self.wrongs.append(f"left behind: {[str(path) for path in left]}")

    # -- the audit --------------------------------------------------------------------------------

    def _compare(self) -> None:
        for number, life in enumerate(self.lives):
            self.wrongs += [f"life {number}: {wrong}" for wrong in self._wrong_with(life)]
        accepted = {event_id for life in self.lives for event_id in life.accepted}
        arrived = set[str]().union(*(life.arrived() for life in self.lives))
        if (noted := self.directory / "in-children").exists():
            arrived |= set(noted.read_text().split())
        dropped = set[str]().union(*(life.letters() for life in self.lives))
        if silent := sorted(accepted - arrived - dropped):
            self.wrongs.append(f"{len(silent)} are nowhere: {silent[:10]}")
        strangers = {uid for uid in arrived - accepted if not uid.startswith("child-")}
        if strangers:
            self.wrongs.append(f"{len(strangers)} arrived uninvited: {sorted(strangers)[:10]}")
        drops = sum((_dropped(life, self._excuses) for life in self.lives), Counter())
        most = self.faults.total() + sum(life.sink.raised for life in self.lives)
        if drops.total() > most:
            self.wrongs.append(f"a fault costs one event at most: {self.faults} {drops}")

    @property
    def _excuses(self) -> frozenset[str]:
        excuses = frozenset(BY_ITS_ANSWERS if "moody" in self.kinds else ())
        return excuses.union(*(part.excuses for part in self.parts.values()))

    def _wrong_with(self, life: OneLife) -> Iterator[str]:
        report = life.gateway.stop(STOP_S)  # the first one's, which may have been late for us
        ledger = life.gateway.ledger()
        if not ledger.balanced() or not ledger.settled:
            yield f"in the end: {ledger}"
        # What has ended, and a broken disk did not take the outcome, is kept all the same.
        unnoted = "disk" in self.kinds and report.kept > ledger.in_flight
        if ledger.in_flight != report.kept and not unnoted:
            yield f"kept {report.kept}, in the books {ledger.in_flight}"
        if life is self.lives[-1] and ledger.in_flight:
            yield f"in flight in the end: {ledger.in_flight}"
        came_in = ledger.sources.get("journal", 0) + ledger.sources.get("lost_on_crash", 0)
        if ledger.accepted != len(life.accepted) + came_in:
            yield f"accepted {len(life.accepted)}, in the books {ledger.accepted}, {ledger.sources}"
        if lost := ledger.dropped.get("lost_on_crash", 0):
            yield f"{lost} counted as lost, and nobody was killed"
        yield from self._wrong_with_logs(life, ledger, report)

    def _wrong_with_logs(self, life: OneLife, ledger: Ledger, report: StopReport) -> Iterator[str]:
        logs, arrived = ledger.signals.logs, len(life.arrived())
        unsure = logs.dropped.get("unconfirmed", 0) + report.kept
        if not logs.exported <= arrived <= logs.exported + unsure:
            yield f"{arrived} logs have arrived: {logs}, kept {report.kept}"
        repeats = len(life.accepted) - len(set(life.accepted))
        if ledger.duplicate > repeats + ledger.sources.get("journal", 0):
            yield f"{ledger.duplicate} duplicates of {repeats} repeats"


def _dropped(life: OneLife, excuses: frozenset[str]) -> Counter[str]:
    dropped = life.gateway.ledger().dropped
    return Counter({reason: n for reason, n in dropped.items() if reason not in excuses})


def _where(before: set[int]) -> list[str]:
    frames = sys._current_frames()
    return [frame.f_code.co_qualname for ident, frame in frames.items() if ident not in before]


def blow(seed: int, seconds: float, redis: Redis, kinds: frozenset[str] | None = None) -> Toll:
    """One storm, in a directory of its own."""
    kinds = chosen(seed) if kinds is None else kinds
    with TemporaryDirectory() as directory, Proxy(redis.port) as proxy:
        return Tempest(seed, kinds, Path(directory), Peer(redis, proxy)).blow(seconds)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.chaos.tempest", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--kinds", help=f"instead of the seed's: {','.join(PARTS)},journal,…")
    options = parser.parse_args()
    kinds = None if options.kinds is None else frozenset(filter(None, options.kinds.split(",")))
    with TemporaryDirectory() as folder, Redis(Path(folder)) as redis:
        toll = blow(options.seed, options.seconds, redis, kinds)
    sys.stdout.write(f"{sorted(toll.kinds)}\n{dict(toll.faults)}\n")
    sys.stdout.write("".join(f"{ledger}\n" for ledger in toll.ledgers))
    sys.stdout.write("".join(f"wrong: {wrong}\n" for wrong in toll.wrongs))
    return 1 if toll.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
