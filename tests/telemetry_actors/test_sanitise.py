"""Whatever is handed in becomes something that msgpack carries, and every change can be seen."""

import array
import dataclasses
import datetime
import decimal
import enum
import fractions
import math
import pathlib
import sys
import uuid
from collections import OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Sequence

import msgpack
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_actors.event import sanitise as module
from telemetry_actors.event.sanitise import MAX_DEPTH, sanitise, text


class Colour(enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Size(int):
    """A number with a name."""


class Share(float):
    """Another one."""


class Model(pydantic.BaseModel):
    a: int = 1
    inner: "Model | None" = None


@dataclasses.dataclass
class Point:
    x: object
    y: object


class Scalar:
    """Like a numpy scalar: asked by ``item``."""

    ndim = 0

    def __init__(self, value):
        self._value = value

    def item(self):
        return self._value


class Array:
    """Like a numpy array: asked by ``tolist``."""

    ndim = 1

    def __init__(self, *values):
        self._values = values
        self.size = len(values)

    def item(self):
        raise ValueError("can only convert an array of size 1")

    def tolist(self):
        return list(self._values)


class Octets(bytes):
    """Like a numpy byte string."""


class Long(Scalar):
    """Like a numpy long double, whose ``item`` is one again."""

    def item(self):
        return Long(self._value)

    def __str__(self):
        return str(self._value)


class Span(Scalar):
    """Like a numpy time span, whose ``item`` is a number without its unit."""

    class dtype:  # noqa: N801 -- numpy's name
        kind = "m"

    def __str__(self):
        return f"{self._value} nanoseconds"


class Query:
    """Like a query of an ORM: to read it is to ask a database, and so is its text."""

    def __iter__(self):
        raise AssertionError("it was read")

    __str__ = __repr__ = __len__ = __iter__


class Markup(str):
    """A text that is its own text, like those of template libraries."""

    __slots__ = ()

    def __str__(self):
        return self


class Raising:
    """Raises from all that it can be asked for."""

    def __init__(self, error):
        self._error = error

    def __str__(self):
        raise self._error

    __repr__ = __str__


class Lying:
    """Says that it is a mapping, and raises when asked for anything."""

    __class__ = property(lambda self: dict)

    def items(self):
        raise SystemExit("no items")


class Dreadful(BaseException):
    """As bad as a SystemExit, but pytest can show it."""


class Nameless(type):
    """A class whose name can't be asked for."""

    @property
    def __name__(cls):
        raise Dreadful


class NamelessThing(metaclass=Nameless):
    def __str__(self):
        raise KeyError


def released():
    """A view of memory that is no longer there."""
    view = memoryview(b"abc")
    view.release()
    return view


def carried(value):
    """*value* after sanitising, as it comes out at the other end of the wire."""
    clean = sanitise(value)
    read = msgpack.unpackb(msgpack.packb(clean), strict_map_key=False)
    assert same(read, clean)
    return read


def outcome(make):
    """As `carried`; the value is made and dies here, since some break even pytest's reports."""
    try:
        return carried(make())
    except BaseException as error:  # noqa: BLE001 -- a SystemExit is what is looked for
        return f"it raised {type(error).__name__}"


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


# -- values of the usual kinds --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        (None, None),
        (True, True),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        (1.5, 1.5),
        ("text", "text"),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (frozenset((3,)), [3]),
        (deque((1, 2)), [1, 2]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.values(), [1]),
        (array.array("i", (1, 2)), [1, 2]),
        (UserList((1, 2)), [1, 2]),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (UserDict(a=1), {"a": 1}),
        (datetime.datetime(2026, 11, 24, 10, tzinfo=datetime.UTC), "2026-11-24T10:00:00+00:00"),
        (datetime.date(2026, 11, 24), "2026-11-24"),
        (datetime.time(10, 30), "10:30:00"),
        (datetime.timedelta(milliseconds=1500), 1.5),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (b"text", "text"),
        (bytearray(b"\xc3\xa9"), "é"),
        (memoryview(b"abcd"), "abcd"),
        (Octets(b"ab"), "ab"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (Number.ONE, 1),
        (Size(3), 3),
        (Share(0.5), 0.5),
        (Model(inner=Model()), {"a": 1, "inner": {"a": 1, "inner": None}}),
        (Point(1, (2,)), {"x": 1, "y": [2]}),
        (Scalar(7), 7),
        (Array(1, Scalar(2)), [1, 2]),
        (Markup("<b>"), "<b>"),
        ({Markup("<b>"): 1}, {"<b>": 1}),
        ({1: "a", None: "b", (1, 2): "c"}, {"1": "a", "None": "b", "(1, 2)": "c"}),
        ({Colour.RED: 1, Number.ONE: 2}, {"red": 1, "1": 2}),
        ({1: "a", "1": "b"}, {"1": "a", "1 (2)": "b"}),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_a_value_keeps_what_can_be_kept_of_it(value, clean):
    assert carried(value) == clean
    assert carried({"k": [value]}) == {"k": [clean]} or not hasattr(value, "__len__")


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_floats_stay_as_they_are(value):
    assert carried([value, 1e308]) == [value, 1e308]
    assert math.isnan(carried(math.nan))


# -- marks ----------------------------------------------------------------------------------------


MARKED = {  # by mark, since pytest asks a value for its name
    "<2 bytes>": lambda: b"\xff\x00",
    "<3 bytes>": lambda: bytearray(b"\xff\xff\xff"),
    "<4 bytes>": lambda: memoryview(b"\xffabc"),
    "<unreadable memoryview: ValueError>": released,
    "18446744073709551616": lambda: 2**64,
    "-9223372036854775809": lambda: -(2**63) - 1,
    "<int of 2049 bits>": lambda: 1 << 2048,
    "<int of 5001 bits>": lambda: -1 << 5000,
    "<Fraction: 1/3>": lambda: fractions.Fraction(1, 3),
    "<complex: 1j>": lambda: 1j,
    "<ValueError: no>": lambda: ValueError("no"),
    "<class 'float'>": lambda: float,
    "<generator: not read>": lambda: (n for n in (1, 2)),
    "<map: not read>": lambda: map(str, (1, 2)),
    "<list_iterator: not read>": lambda: iter([1]),
    "<Query: not read>": Query,
    "<Array of 200001 values: not read>": lambda: Array(*range(200_001)),
    "<Span: 5 nanoseconds>": lambda: Span(5),
    "<Long: 1.5>": lambda: Long(1.5),
    "a\ufffdb": lambda: "a\ud800b",
    "<unreadable Raising: ValueError>": lambda: Raising(ValueError("no")),
    "<unreadable Raising: SystemExit>": lambda: Raising(SystemExit(3)),
    "<unreadable Raising: KeyboardInterrupt>": lambda: Raising(KeyboardInterrupt()),
    "<unreadable Lying: SystemExit>": Lying,
    "<unreadable NamelessThing: KeyError>": NamelessThing,
}


@pytest.mark.parametrize("mark", MARKED)
def test_what_is_changed_bears_a_mark(mark):
    assert outcome(MARKED[mark]) == mark
    assert outcome(lambda: [MARKED[mark]()]) == [mark]


def test_a_key_that_cannot_be_read_costs_itself_alone():
    assert carried({Raising(SystemExit(3)): 1, "b": 2}) == {
        "<unreadable key: SystemExit>": 1,
        "b": 2,
    }


def test_a_cycle_is_cut_where_it_closes_and_a_shared_value_is_no_cycle():
    loop: dict = {"n": 1}
    loop["self"] = [loop]
    shared = [1]

    assert carried(loop) == {"n": 1, "self": ["<cycle>"]}
    assert carried([shared, shared]) == [[1], [1]]


def test_what_is_nested_deeper_than_the_limit_is_cut():
    value: object = "bottom"
    for _ in range(MAX_DEPTH + 1):
        value = [value]
    cut = carried(value)
    for _ in range(MAX_DEPTH):
        (cut,) = cut

    assert cut == "<cut: nested too deep>"


def test_what_is_nested_as_deep_as_the_limit_is_whole():
    value: object = "bottom"
    for _ in range(MAX_DEPTH):
        value = [value]

    assert carried(value) == value


def test_more_values_than_the_budget_are_cut(monkeypatch):
    monkeypatch.setattr(module, "MAX_NODES", 10)

    assert carried(list(range(100))) == [*range(9), "<cut: too many values>"]
    assert carried({str(n): n for n in range(100)})["9"] == "<cut: too many values>"


def test_exactly_as_many_values_as_the_budget_are_whole(monkeypatch):
    monkeypatch.setattr(module, "MAX_NODES", 10)

    assert carried(list(range(9))) == list(range(9))


def test_values_that_share_their_parts_cannot_grow_without_bound(monkeypatch):
    """Of 2**30 leaves by sharing, no more are made than the budget allows."""
    monkeypatch.setattr(module, "MAX_NODES", 1000)
    value: list = []
    for _ in range(30):
        value = [value, value]

    assert len(msgpack.packb(sanitise(value))) < 40_000


def test_an_iterator_is_the_hosts_and_stays_as_it_is():
    """One that had been read would be empty when the host comes to it."""
    lines = iter(["a", "b"])

    assert carried({"lines": lines}) == {"lines": "<list_iterator: not read>"}
    assert list(lines) == ["a", "b"]


def test_an_endless_collection_is_cut(monkeypatch):
    class Endless(Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return index

    monkeypatch.setattr(module, "MAX_NODES", 10)

    assert carried(Endless()) == [*range(9), "<cut: too many values>"]


def test_a_long_text_of_a_foreign_object_is_cut():
    class Chatty:
        def __str__(self):
            return "x" * 50_000

    clean = carried({"value": Chatty(), Chatty(): 1})

    assert all(len(text.encode()) == 10_000 for text in (clean["value"], [*clean][1]))
    assert clean["value"].startswith("<Chatty: xxx")
    assert clean["value"].endswith("x…[cut: 50010 characters]")


def test_keys_that_have_the_same_text_stay_apart():
    clean = carried({"\ud800": 1, "\udfff": 2, 7: 3, "7": 4, "7 (4)": 5})  # noqa: F601 -- they differ

    assert clean == {"\ufffd": 1, "\ufffd (2)": 2, "7": 3, "7 (4)": 4, "7 (4) (5)": 5}


def test_a_host_that_prints_few_digits_is_no_trouble():
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)  # the least that Python allows
    try:
        assert carried(2**2048 - 1) == str(2**2048 - 1)
        assert carried(2**4000) == "<int of 4001 bits>"
    finally:
        sys.set_int_max_str_digits(before)


def test_a_numpy_value_becomes_what_it_holds():
    """The real one, where it is installed."""
    numpy = pytest.importorskip("numpy")
    values = {
        "whole": numpy.int64(7),
        "share": numpy.float32(0.5),
        "yes": numpy.bool_(True),
        "text": numpy.str_("a"),
        "bytes": numpy.bytes_(b"a"),
        "array": numpy.array([[1, 2], [3, 4]]),
        "scalar": numpy.array(5),
        "when": numpy.datetime64("2026-11-24T10:00:00"),
        "span": numpy.timedelta64(5, "ns"),
        "long": numpy.longdouble(1.5),
        "many": numpy.zeros(200_001),
    }

    assert carried(values) == {
        "whole": 7,
        "share": 0.5,
        "yes": True,
        "text": "a",
        "bytes": "a",
        "array": [[1, 2], [3, 4]],
        "scalar": 5,
        "when": "2026-11-24T10:00:00",
        "span": "<timedelta64: 5 nanoseconds>",
        "long": "<longdouble: 1.5>",
        "many": "<ndarray of 200001 values: not read>",
    }


# -- whatever it is -------------------------------------------------------------------------------

_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**80), 2**80),
    st.floats(),
    st.text(st.characters()),  # lone surrogates among them
    st.binary(max_size=5),
    st.decimals(allow_nan=False),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
    st.fractions(),
    st.complex_numbers(),
    st.sampled_from([Colour.RED, Number.ONE, Model(), int, len, object(), NotImplemented, ...]),
    st.builds(Raising, st.sampled_from([ValueError(), SystemExit(), RecursionError()])),
    st.builds(Markup, st.text(max_size=3)),
    st.builds(Lying),
)


def is_hashable(value):
    try:
        hash(value)
    except TypeError:  # a signaling NaN, for one
        return False
    return True


_ANYTHING = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(iter),
        st.lists(inner, max_size=4).map(deque),
        st.dictionaries(_LEAVES.filter(is_hashable), inner, max_size=4),
        st.builds(Point, inner, inner),
        st.builds(Scalar, inner),
        st.lists(inner, max_size=3).map(lambda values: Array(*values)),
    ),
    max_leaves=15,
)


@given(_ANYTHING)
def test_any_object_gives_something_that_can_be_carried(value):
    carried(value)


@given(_ANYTHING)
def test_what_has_been_sanitised_stays_as_it_is(value):
    once = sanitise(value)

    assert same(sanitise(once), once)


@given(st.text(st.characters()))
def test_a_text_loses_nothing_but_its_lone_surrogates(value):
    clean = text(value)

    assert clean.encode("utf-8").decode("utf-8") == clean
    if not any("\ud800" <= c <= "\udfff" for c in value):
        assert clean == value


@pytest.mark.parametrize(("key", "text"), [(b"k", "k"), (b"\xff", "<1 bytes>"), (7, "7")])
def test_a_key_that_is_no_text_is_its_text(key, text):
    assert sanitise({key: 1}) == {text: 1}
