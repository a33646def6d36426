"""g20: what the wire can't carry arrives with a mark that can be seen, and costs nothing else.

The tables of docs/values.md, each line through the whole tree. The values on their own, and
many more of them, are in test_sanitise.py.
"""

import datetime
import decimal
import enum
import gc
import itertools
import json
import pathlib
import threading
import uuid

import pytest

from telemetry_actors import CASE_ROUTING, Admission
from telemetry_actors.handlers import DEFINITIONS
from telemetry_actors.testing import running_gateway
from tests.telemetry_actors.promises import hostile
from tests.telemetry_actors.promises.test_content import VALID

TENANT = {"tenant_id": "acme"}
WITH_INPUTS = ("workflow_run", "message_run", "node_execution")
NOON = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)


class Mode(enum.StrEnum):
    CHAT = "chat"


class Level(enum.IntEnum):
    HIGH = 3


class Scalar:
    """Like a numpy scalar."""

    ndim = 0

    def item(self):
        return 7


class TextRaises:
    def __str__(self):
        raise KeyError

    __repr__ = __str__


def nested(levels):
    value: object = "bottom"
    for _ in range(levels):
        value = [value]
    return value


def innermost(value):
    while isinstance(value, list | dict):
        (value,) = value.values() if isinstance(value, dict) else value
    return value


FORMS = {  # what the wire has a form for: by name, the value and how it arrives
    "datetime": (lambda: NOON, "2026-11-24T12:00:00+00:00"),
    "date": (NOON.date, "2026-11-24"),
    "time": (NOON.time, "12:00:00"),
    "timedelta": (lambda: datetime.timedelta(milliseconds=1500), 1.5),
    "Decimal": (lambda: decimal.Decimal("0.10"), "0.10"),
    "Enum": (lambda: hostile.Colour.RED, "red"),
    "StrEnum": (lambda: Mode.CHAT, "chat"),
    "IntEnum": (lambda: Level.HIGH, 3),
    "UUID": (lambda: uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "Path": (lambda: pathlib.PurePosixPath("/a"), "/a"),
    "tuple": (lambda: (1, 2), [1, 2]),
    "set": (lambda: {1}, [1]),
    "model": (hostile.Model, {"a": 1}),
    "scalar": (Scalar, 7),
    "text in bytes": (lambda: b"abc", "abc"),
    "text in a bytearray": (lambda: bytearray(b"abc"), "abc"),
    "text in a memoryview": (lambda: memoryview(b"abc"), "abc"),
    "the largest int": (lambda: 2**64 - 1, 2**64 - 1),
    "keys": (lambda: {7: 1, "7": 2, None: 3}, {"7": 1, "7 (2)": 2, "None": 3}),
}
MARKS = {  # what loses something
    "lone surrogate": (lambda: "a\ud800b", "a\ufffdb"),
    "surrogate in a key": (lambda: {"\ud800": 1}, {"\ufffd": 1}),
    "int over 64 bits": (lambda: 2**70, str(2**70)),
    "monstrous int": (lambda: 2**100_000, "<int of 100001 bits>"),
    "nan": (lambda: float("nan"), "NaN"),
    "infinity": (lambda: float("-inf"), "-Infinity"),
    "bytes": (lambda: b"\xff\xfe", "<2 bytes>"),
    "bytes beside a set": (lambda: [b"\xff\xfe", {1}], ["<2 bytes>", [1]]),
    "generator": (lambda: (n for n in range(3)), "<generator: not read>"),
    "endless": (hostile.endless, "<generator: not read>"),
    "cycle": (hostile.cyclic, {"self": ["<cycle>"]}),
    "unknown type": (lambda: ValueError("no"), "<ValueError: no>"),
    "query": (lambda: hostile.Unreadable(ValueError("no")), "<Unreadable: not read>"),
    "text raises": (TextRaises, "<unreadable TextRaises: KeyError>"),
    "key raises": (lambda: {TextRaises(): 1}, {"<unreadable key: KeyError>": 1}),
    "mapping raises": (hostile.BadMapping, "<unreadable BadMapping: SystemExit>"),
}


def arrived(value):
    """*value* as it is in the inputs of each case that has some, read from the log."""
    found = []
    with running_gateway(enterprise_include_content=True) as (gateway, recording):
        for case in WITH_INPUTS:
            payload = {**VALID[case], "inputs": {"v": value, "fine": "é"}}
            assert gateway.emit(case, TENANT, payload) is Admission.ACCEPTED
        assert gateway.flush(5)
        assert gateway.ledger().exported == len(WITH_INPUTS)
        for log in recording.logs:
            found += [
                json.loads(text)
                for key, text in log.attributes.items()
                if key.endswith("inputs") and isinstance(text, str)
            ]
    assert len(found) == len(WITH_INPUTS)
    assert all(inputs["fine"] == "é" for inputs in found)
    assert all(inputs == found[0] for inputs in found)
    return found[0]["v"]


@pytest.mark.parametrize("name", FORMS)
def test_g20_what_the_wire_has_a_form_for_arrives_in_it(name):
    value, form = FORMS[name]

    assert arrived(value()) == form


@pytest.mark.parametrize("name", MARKS)
def test_g20_what_is_changed_arrives_with_its_mark(name):
    value, mark = MARKS[name]

    assert arrived(value()) == mark


@pytest.mark.parametrize("levels", [200, 10_000])
def test_g20_what_is_nested_too_deep_is_cut_with_a_mark(levels):
    """Once too deep for us, and once too deep for msgpack as well."""
    assert innermost(arrived(nested(levels))) == "<cut: nested too deep>"


def test_g20_an_iterator_is_not_used_up():
    lines = iter(["a", "b"])

    assert arrived(lines) == "<list_iterator: not read>"
    assert list(lines) == ["a", "b"]


@pytest.mark.parametrize("case", CASE_ROUTING)
def test_g20_no_value_in_any_key_of_any_case_is_fatal(case):
    """Refused by the model where it has to be something else; never a crash, never a lost event."""
    route, returned = CASE_ROUTING[case], []
    with running_gateway(enterprise_include_content=True) as (gateway, _):
        for key in (*route.gated, "start_time", "error", "elapsed_time", "anything"):
            for value in hostile.values().values():
                payload = {**VALID.get(case, {}), key: value}
                returned.append(gateway.emit(case, TENANT, payload))
        assert gateway.flush(10)
        ledger, restarts = gateway.ledger(), gateway.status().restarts

    assert set(returned) == {Admission.ACCEPTED}
    assert restarts == 0
    assert set(ledger.dropped) <= {"invalid_payload" if case in DEFINITIONS else "no_handler"}
    assert ledger.balanced()


def test_g20_what_another_thread_changes_meanwhile_is_taken_as_it_was_at_one_instant():
    """In the map that is handed in and in one inside it, with a value that needs sanitising."""
    inner: dict = {str(n): n for n in range(500)}
    payload = {**VALID["workflow_run"], "inputs": inner, "extra": {1}}
    stop = threading.Event()

    def churn():
        n = 0
        while not stop.is_set():
            for changed in (inner, payload):
                changed[f"new{n % 50}"] = n
                changed.pop(f"new{(n + 25) % 50}", None)
            n += 1

    churner = threading.Thread(target=churn)
    churner.start()
    with running_gateway(enterprise_include_content=True) as (gateway, recording):
        returned = [gateway.emit("workflow_run", TENANT, payload) for _ in range(100)]
        stop.set()
        churner.join()
        assert gateway.flush(5)
        inputs = [log.attributes["dify.workflow.inputs"] for log in recording.logs]

    assert set(returned) == {Admission.ACCEPTED}
    assert len(inputs) == 100
    assert all({str(n): n for n in range(500)}.items() <= json.loads(t).items() for t in inputs)


def test_g20_what_a_finaliser_changes_while_it_is_read_is_taken_as_it_was_at_one_instant():
    """Python may run any code of the host's whenever it makes an object (beyond its spare ones)."""
    payload = {**VALID["workflow_run"], "extra": {1}, **{str(n): n for n in range(9000)}}
    numbers = itertools.count()

    def change(_phase, _info):
        payload[f"new{next(numbers)}"] = 1

    before = gc.get_threshold()
    with running_gateway(enterprise_include_content=True) as (gateway, _):
        gc.callbacks.append(change)
        gc.set_threshold(1)
        try:
            admission = gateway.emit("workflow_run", TENANT, payload)
        finally:
            gc.set_threshold(*before)
            gc.callbacks.remove(change)
        assert next(numbers) > 0
        assert gateway.flush(5)

    assert admission is Admission.ACCEPTED
    assert gateway.ledger().exported == 1
