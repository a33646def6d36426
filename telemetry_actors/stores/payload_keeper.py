"""PayloadKeeper: what stands between the stages and the payload store.

Beside the way: ``offload -> [keeper] -> store`` and ``store -> [keeper] -> recall``. A store may
block, fail, or be gone; the keeper sees to it that a stage never waits for it: work is given to
`Hands` and looked at later, no more than so many bytes are under way, and a breaker spares a
store that is down. It knows which events have an object, so that each object is deleted once its
event has its outcome, and what is left behind is swept by age at the next start (g11).

Belongs to the life of the gateway: a restart of a stage forgets nothing (g17).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from supervisors import Clock
from supervisors.system.native import Lock
from telemetry_actors.base.breaker import Breaker, BreakerState
from telemetry_actors.base.log import say
from telemetry_actors.base.outage import Outage
from telemetry_actors.ports import PayloadStore, Unfit
from telemetry_actors.settings import PayloadStoreSettings
from telemetry_actors.stores._keys import payload_key
from telemetry_actors.stores.advice import for_directory, then
from telemetry_actors.stores.jobs import Errand, Hands, of_the_payload
from telemetry_actors.stores.payload_directory import DirectoryPayloadStore, private_directory

MAX_OBJECT_BYTES: Final = 64 * 1024 * 1024
"""Of the JSON text of one payload. No larger one is written, none is read."""

_FAILURES, _OPEN_S, _LONGEST_S = 1, 1.0, 60.0
_LAST_S: Final = 0.02
"""For threads that have nothing left to do to be gone."""


def open_store(settings: PayloadStoreSettings) -> PayloadStore:
    """The store that *settings* name. May import a lot, and wait for a server."""
    if settings.url:
        from telemetry_actors.stores.payload_fsspec import FsspecPayloadStore

        return FsspecPayloadStore(settings.url, settings.timeout_s)
    if settings.directory is not None:
        return DirectoryPayloadStore(settings.directory)
    return DirectoryPayloadStore(private_directory(), private=True)


def _may_hold_orphans(settings: PayloadStoreSettings) -> bool:
    if settings.url:
        return settings.url.startswith("s3://")
    try:
        return any((settings.directory or private_directory()).joinpath("telemetry").iterdir())
    except OSError:
        return False


class _Object(NamedTuple):
    """An object whose event has no outcome yet."""

    key: str
    size_bytes: int
    """Of the packed payload."""


class PayloadKeeper:
    """Puts payloads away and gets them back. Any thread; nothing here waits.

    Args:
        open_store: makes the store, on a hand, when it is first needed; None: there is none.
        threads: False: work is done at once, on the caller's thread (deterministic runs).
    """

    def __init__(
        self,
        open_store: Callable[[], PayloadStore] | None,
        settings: PayloadStoreSettings,
        clock: Clock,
        *,
        threads: bool = True,
    ) -> None:
        self._open_store = open_store
        self._settings = settings
        self._clock = clock
        self._store: PayloadStore | None = None
        self._opening = Lock()
        self._lock = Lock()
        hands = settings.thread_count if threads else 0
        self._writers = Hands("telemetry-payloads-out", hands)
        self._readers = Hands("telemetry-payloads-in", hands)
        self._cleaner = Hands("telemetry-payloads-away", min(1, hands))
        self._breaker = Breaker(
            clock.now_s(),
            failures=_FAILURES,
            open_s=_OPEN_S,
            longest_s=_LONGEST_S,
            probe_limit_s=settings.timeout_s * 2,
            rng=random.Random(clock.now_ns()),  # noqa: S311 -- spreads probes
            growth=2.0,
        )
        self._ill: set[str] = set()
        self._outage = Outage("the payload store")
        self._closed = False
        self.objects: dict[int, _Object] = {}
        """By admission serial. Looked at by the books: whoever is in it is told of by `ended`."""
        self._names: dict[str, int] = {}
        self._writing: dict[int, int] = {}
        self._over: set[int] = set()
        self._going: set[int] = set()
        self.counts: Counter[str] = Counter()
        self.last_failure = ""

    @property
    def timeout_s(self) -> float:
        """After which an errand is to be given up."""
        return self._settings.timeout_s

    @property
    def in_flight_bytes(self) -> int:
        """Packed bytes of the payloads that are being written."""
        return sum(list(self._writing.values()))

    @property
    def in_flight(self) -> int:
        """Payloads that are being written."""
        return len(self._writing)

    @property
    def healthy(self) -> bool:
        """Nothing that it does has failed since it last worked."""
        return not self._ill

    # -- away -------------------------------------------------------------------------------------

    def put(
        self,
        serial: int,
        ids: tuple[str, str],
        size_bytes: int,
        encode: Callable[[], tuple[bytes, object]],
        woken: Callable[[], None],
    ) -> Errand | None:
        """Put an event's payload away.

        Args:
            encode: gives the text and whatever is to come back with it; `Unfit` if it has none.
            woken: called on the hand's thread when it is done.

        Returns:
            An errand whose result is ``(key, what came back)``, or None where it is to travel
            inline. None at once: no store, or it is down, full, or has an object of the name.
        """
        key = payload_key(*ids)
        with self._lock:
            if not self._may_put(serial, key, size_bytes):
                self.counts["inline"] += 1
                return None
            self.objects[serial] = _Object(key, size_bytes)
            self._names[key] = serial
            self._writing[serial] = size_bytes

        def after(errand: Errand) -> None:
            self._written(serial, key, errand)
            woken()

        errand = self._give(self._writers, lambda: self._write(key, encode), after, puts=serial)
        if errand is None:  # no thread to be had
            self.counts["inline"] += 1
            self._forgotten(serial)
        return errand

    def _may_put(self, serial: int, key: str, size_bytes: int) -> bool:
        settings = self._settings
        return (
            self._open_store is not None
            and not self._closed
            and key not in self._names
            and serial not in self.objects
            and len(self._writing) < settings.max_events
            and sum(self._writing.values()) + size_bytes <= settings.max_bytes
            and self._breaker.ask(self._clock.now_s(), serial) is None
        )

    def _write(self, key: str, encode: Callable[[], tuple[bytes, object]]) -> object:
        text, beside = of_the_payload(encode)
        if len(text) > MAX_OBJECT_BYTES:
            raise Unfit(f"{len(text)} bytes of text")
        return (key, beside) if self._opened().put(key, text) else None

    def _written(self, serial: int, key: str, errand: Errand) -> None:
        """The writer's thread: it went away, or it didn't."""
        well = errand.error is None or isinstance(errand.error, Unfit)
        if well:
            self._breaker.told(self._clock.now_s(), serial, failed=False)
            self._say("put", None)
        elif not errand.given_up:
            self._put_failed(serial, errand.error)
        with self._lock:
            self._writing.pop(serial, None)
            stored = errand.result is not None
            unwanted = errand.given_up or serial in self._over
            if stored:
                self.counts["written"] += 1
            elif not errand.given_up:
                self.counts["inline"] += 1
            errand.done = True
        if not stored:
            self._forgotten(serial)
        elif unwanted:
            self._throw_away(serial)

    def _forgotten(self, serial: int) -> None:
        with self._lock:
            self._writing.pop(serial, None)
            self._over.discard(serial)
            self._going.discard(serial)
            found = self.objects.pop(serial, None)
            if found is not None and self._names.get(found.key) == serial:
                del self._names[found.key]

    # -- back -------------------------------------------------------------------------------------

    def get(
        self,
        serial: int,
        ids: tuple[str, str],
        ref: object,
        decode: Callable[[bytes], bytes],
        woken: Callable[[], None],
    ) -> Errand | None:
        """Get an event's payload back.

        Args:
            ref: the ``payload_ref`` that it came with. Only the event's own name is read.
            decode: makes a packed payload of the text; `Unfit` if it is none.
            woken: called on the hand's thread when it is done.

        Returns:
            An errand whose result is the packed payload, or None: there is nothing to read.
        """
        key = payload_key(*ids)
        if ref != key or self._open_store is None or self._closed:
            return None
        with self._lock:
            if serial not in self.objects and key not in self._names:
                self.objects[serial] = _Object(key, 0)  # another process wrote it; it ends here
                self._names[key] = serial

        def after(errand: Errand) -> None:
            with self._lock:
                given_up, errand.done = errand.given_up, True
            if not given_up:
                self._read(errand.error)
            woken()

        def read() -> bytes:
            text = self._opened().get(key, MAX_OBJECT_BYTES)
            return of_the_payload(partial(decode, text))

        errand = self._give(self._readers, read, after)
        if errand is None:  # no thread to be had, and it is nowhere else: here, then
            errand = Errand(read, after, self._clock.now_s())
            errand.run()
        return errand

    def _read(self, error: BaseException | None) -> None:
        self.counts["read" if error is None else "failed"] += 1
        # An object that isn't there, or is damaged, says nothing about the store.
        well = error is None or isinstance(error, Unfit | FileNotFoundError)
        self._say("get", None if well else error)

    # -- done -------------------------------------------------------------------------------------

    def give_up(self, errand: Errand) -> bool:
        """Go on without *errand*, unless it is done by now. What it still writes is deleted."""
        with self._lock:
            if errand.done:
                return False
            errand.given_up = True
        if errand.puts is not None:
            self.counts["inline"] += 1
            self._put_failed(errand.puts, TimeoutError())
        else:
            self._read(TimeoutError())
        return True

    def ended(self, serial: int) -> None:
        """The event has its outcome: its object may go. Any thread; never waits."""
        with self._lock:
            if serial not in self.objects:
                return
            self._over.add(serial)
            if serial in self._writing:
                return  # deleted when it is written
        self._throw_away(serial)

    def _throw_away(self, serial: int) -> None:
        with self._lock:
            found = self.objects.get(serial)
            if found is None or serial in self._going:
                return
            self._going.add(serial)

        def after(errand: Errand) -> None:
            self.counts["deleted" if errand.error is None else "delete_failed"] += 1
            self._say("delete", errand.error)
            self._forgotten(serial)

        if self._give(self._cleaner, lambda: self._opened().delete(found.key), after) is None:
            self._forgotten(serial)  # no thread to be had: swept at the next start

    def sweep(self) -> None:
        """Delete what others have left, in the background; nothing if there can't be any."""
        if self._open_store is None or not _may_hold_orphans(self._settings):
            return

        def after(errand: Errand) -> None:
            self._say("sweep", errand.error)
            if errand.result:
                self.counts["swept"] += errand.result
                say("%d payloads that nobody waits for were deleted", errand.result)

        older_than_ns = self._clock.now_ns() - int(self._settings.orphan_age_s * 1e9)
        self._give(self._cleaner, lambda: self._opened().sweep(older_than_ns), after)

    def close(self, timeout_s: float) -> int:
        """Delete what is to be deleted, for so long; how many threads are stuck."""
        self._closed = True
        left = self._cleaner.close(timeout_s)
        left += self._writers.close(_LAST_S) + self._readers.close(_LAST_S)
        if self._store is not None and not left:
            self._store.close()
        return left

    # -- the store --------------------------------------------------------------------------------

    def _give(
        self,
        hands: Hands,
        work: Callable[[], object],
        after: Callable[[Errand], None],
        *,
        puts: int | None = None,
    ) -> Errand | None:
        errand = Errand(work, after, self._clock.now_s(), puts)
        try:
            hands.give(errand)
        except RuntimeError:
            return None
        return errand

    def _opened(self) -> PayloadStore:
        """The store; a hand's thread, for it may take its time."""
        with self._opening:
            if self._store is None:
                assert self._open_store is not None
                self._store = self._open_store()
            return self._store

    def _put_failed(self, serial: int, error: BaseException | None) -> None:
        self.counts["failed"] += 1
        self._breaker.told(self._clock.now_s(), serial, failed=True)
        self._say("put", error)

    def _say(self, what: str, error: BaseException | None) -> None:
        """Not for each object."""
        if error is None:
            self._ill.discard(what)
            if not self._ill:
                self._outage.over("the payload store works again (%s)", what)
            return
        self._ill.add(what)
        self.last_failure = f"{what}: {_words(error)}"
        words = "the payload store fails (%s); large payloads travel with their event, or are cut"
        variable = "TELEMETRY_ACTORS__PAYLOAD_STORE__DIRECTORY"
        advice = "" if self._settings.url else for_directory(error, variable)
        self._outage.failed(self._clock.now_s(), words, then(self.last_failure, advice))

    @property
    def state(self) -> BreakerState:
        """Of the breaker."""
        return self._breaker.state


def _words(error: BaseException) -> str:
    """What went wrong, without a word of the object, whose name holds ids."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{type(error).__name__} (errno {error.errno})"
    return type(error).__name__
