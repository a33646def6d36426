"""Payload stores that can be held and broken, and looks at what they hold."""

import threading
from contextlib import contextmanager

from telemetry_actors.stores import payload_keeper

WITHIN_S = 8.0


class Gate:
    """Stands before a store: calls of one kind may be held back, or made to fail."""

    def __init__(self, store):
        self.store = store
        self.arrived = {name: threading.Semaphore(0) for name in ("put", "get", "delete")}
        self.open = {name: threading.Event() for name in self.arrived}
        self.keys = {name: [] for name in self.arrived}
        self.broken = {}

    def __getattr__(self, name):
        return getattr(self.store, name)

    def hold(self, *names):
        for name in names:
            self.open[name].clear()

    def release(self, *names):
        for name in names or self.open:
            self.open[name].set()

    def wait_for(self, name):
        assert self.arrived[name].acquire(timeout=WITHIN_S), f"no {name}"

    def _pass(self, name, key):
        self.keys[name].append(key)
        self.arrived[name].release()
        assert self.open[name].wait(WITHIN_S)
        if name in self.broken:
            raise self.broken[name]

    def put(self, key, data):
        self._pass("put", key)
        return self.store.put(key, data)

    def get(self, key, max_bytes):
        self._pass("get", key)
        return self.store.get(key, max_bytes)

    def delete(self, key):
        self._pass("delete", key)
        return self.store.delete(key)


@contextmanager
def held_store(running, hold=("get",)):
    """The gateway of *running* with a `Gate` before its store."""
    with running as (gateway, recording):
        keeper = gateway._life.stores.payloads
        gate = Gate(payload_keeper.open_store(gateway._life.settings.payload_store))
        gate.release()
        gate.hold(*hold)
        with keeper._opening:  # a sweep may be opening it at this moment
            keeper._store = gate
        try:
            yield gateway, recording, gate
        finally:
            gate.release()


def until(condition):
    pause = threading.Event()
    for _ in range(int(WITHIN_S / 0.005)):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("it did not come to be")


def settled_store(gateway):
    """The store's status once nothing is under way in it."""
    until(lambda: not gateway._life.stores.payloads.objects)
    return gateway.status().payload_store


def cut_off_fallback(gateway):
    """Damage from outside: envelopes lose their fallback on their way to the recall lane."""
    lane = gateway._life.running.tree.places
    (mailbox,) = [h.mailbox for h in lane if h.path[-1] == "dedup"]
    extend = mailbox.extend

    def cut(items, size=0):
        extend([(t, e._replace(payload_fallback=None)) for t, e in items], size)

    mailbox.extend = cut


def files(root):
    return sorted(path for path in root.rglob("*") if path.is_file())
