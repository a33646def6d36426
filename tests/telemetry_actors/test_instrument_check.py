"""Instruments: what a declaration may say, and what a value must be to fit it."""

import copy
import pickle

import pytest

from telemetry_actors import CaseError, Instrument, Measurement
from telemetry_actors.event.instrument_check import (
    check_instruments,
    differences,
    problem_of_measurement,
)

ORDERS = Instrument("shop.orders", "counter", "{order}")
REVENUE = Instrument("shop.revenue", "counter", "EUR", float)
OPEN = Instrument("shop.sessions", "updown_counter", "{session}")
DRIFT = Instrument("shop.drift", "updown_counter", "s", number=float)
QUEUE = Instrument("shop.queue", "gauge", "{job}")
HEAT = Instrument("shop.heat", "gauge", "Cel", number=float)
WAIT = Instrument("shop.wait", "histogram", "s", buckets=(0.1, 1, 10))
ALL = (ORDERS, REVENUE, OPEN, DRIFT, QUEUE, HEAT, WAIT)


def test_all_kinds_can_be_declared():
    check_instruments("order_shipped", ALL)


def test_what_is_not_said_is_what_the_kind_implies():
    assert Instrument("a", "counter", "1") == Instrument("a", "counter", "1", number=int)
    assert Instrument("a", "histogram", "s") == Instrument("a", "histogram", "s", number=float)
    assert Instrument("a", "counter", "1") != Instrument("a", "counter", "1", number=float)
    assert Instrument("a", "gauge", "1").number is int


def test_buckets_are_the_same_however_they_are_written():
    written = [
        Instrument("a", "histogram", "s", buckets=b) for b in ([1, 2], (1.0, 2.0), {1: 0, 2: 0})
    ]

    assert len(set(written)) == 1
    assert written[0].buckets == (1.0, 2.0)
    assert {type(bound) for bound in written[0].buckets} == {float}


@pytest.mark.parametrize("instrument", ALL, ids=lambda i: i.name)
def test_an_instrument_can_be_copied_and_pickled(instrument):
    for other in (copy.deepcopy(instrument), pickle.loads(pickle.dumps(instrument))):
        assert (type(other), other) == (Instrument, instrument)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (("shop.x", "guage", "1"), "updown_counter, gauge or histogram (nearest: gauge)"),
        (("shop.x", "up_down_counter", "1"), "(nearest: updown_counter"),
        (("shop.x", "Histogram", "1"), "(nearest: histogram)"),
        (("shop.x", "zzz", "1"), "kind 'zzz' must be counter, updown_counter, gauge or histogram"),
        (("shop.x", ["gauge"], "1"), "kind ['gauge'] must be"),
        (("shop.x", "counter", "1", bool), "number bool must be int or float"),
        (("shop.x", "counter", "1", "float"), "number 'float' must be int or float"),
        (("shop.x", "histogram", "1", int), "a histogram is float; leave number out"),
        (
            ("shop.x", "gauge", "1", int, (1, 2)),
            "only a histogram has buckets, and this is a gauge",
        ),
        (("shop.x", "histogram", "1", float, 5), "buckets 5 must be a tuple of numbers"),
        (("shop.x", "histogram", "1", float, "ab"), "must be numbers, and 'a' is a str"),
        (("shop.x", "histogram", "1", float, [True]), "must be numbers, and True is a bool"),
        (("shop.x", "histogram", "1", float, [[1]]), "must be numbers, and [1] is a list"),
        (("shop.x", "histogram", "1", float, [1, float("inf")]), "buckets must be finite"),
        (("shop.x", "histogram", "1", float, [float("nan")]), "buckets must be finite"),
        (("shop.x", "histogram", "1", float, [10**400]), "buckets must be finite"),
        (("shop.x", "histogram", "1", float, [1, 1]), "must rise, and 1.0 comes after 1.0"),
        (("shop.x", "histogram", "1", float, [1, 3, 2]), "must rise, and 2.0 comes after 3.0"),
        (("shop.x", "histogram", "1", float, range(201)), "201 buckets; 200 are allowed"),
    ],
)
def test_what_can_not_be_used_is_said(declared, said):
    with pytest.raises(CaseError) as caught:
        check_instruments("order_shipped", [Instrument(*declared)])

    assert str(caught.value).startswith("case order_shipped: instrument shop.x: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_hundred_buckets_are_allowed():
    check_instruments("order_shipped", [Instrument("a", "histogram", "s", buckets=range(200))])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (WAIT._replace(kind="gauge"), "kind histogram and gauge"),
        (WAIT._replace(unit=""), "unit s and none"),
        (WAIT._replace(number=int), "number float and int"),
        (WAIT._replace(buckets=()), "buckets (0.1, 1.0, 10.0) and none"),
        (WAIT._replace(unit="ms", buckets=()), "unit s and ms, buckets (0.1, 1.0, 10.0) and none"),
    ],
)
def test_what_two_declarations_differ_in_is_said(other, said):
    assert differences(WAIT, other) == said


# -- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instrument", "value"),
    [
        *((ORDERS, 0), (ORDERS, 2**80), (REVENUE, 12.5), (REVENUE, 3), (REVENUE, 1e200)),
        *((OPEN, -3), (OPEN, -(2**80)), (DRIFT, -0.5), (DRIFT, -2), (QUEUE, -7), (QUEUE, 0)),
        *((HEAT, -273.15), (HEAT, 20), (WAIT, 0), (WAIT, 0.25)),
    ],
)
def test_a_value_that_fits(instrument, value):
    assert problem_of_measurement(instrument.measure(value, shop="s"), ALL) is None


@pytest.mark.parametrize(
    ("instrument", "value", "said"),
    [
        (ORDERS, 12.5, "a float that shop.orders can't take: this counter is declared int"),
        (ORDERS, 3.0, "a float that shop.orders can't take: this counter is declared int"),
        (ORDERS, float("nan"), "a float that shop.orders can't take: this counter is declared int"),
        (QUEUE, 1.5, "a float that shop.queue can't take: this gauge is declared int"),
        (OPEN, 1.5, "a float that shop.sessions can't take: this updown_counter is declared int"),
        (ORDERS, -1, "an int that shop.orders can't take: a counter takes no negative number"),
        (REVENUE, -0.01, "a float that shop.revenue can't take: a counter takes no negative"),
        (WAIT, -1, "an int that shop.wait can't take: a histogram takes no negative number"),
        *((each, True, f"a bool that {each.name} can't take: a bool is no number") for each in ALL),
        *((each, "77", f"a str that {each.name} can't take: no int or float") for each in ALL),
        *((each, None, f"a NoneType that {each.name} can't take") for each in ALL),
        *(
            (each, value, f"a float that {each.name} can't take: not finite, or too large")
            for each in (REVENUE, DRIFT, HEAT, WAIT)
            for value in (float("nan"), float("inf"), float("-inf"), 1e201)
        ),
        (HEAT, 10**400, "an int that shop.heat can't take: not finite, or too large"),
    ],
)
def test_a_value_that_does_not_fit_is_said_by_its_type(instrument, value, said):
    problem = problem_of_measurement(instrument.measure(value), ALL)

    assert problem is not None
    assert problem.startswith(said)
    assert all(text not in problem for text in ("12.5", "77", "1.5", "0.01", "nan", "inf,"))


def test_what_is_no_instrument_is_said_by_its_type():
    """It may be a text of the payload's."""
    said = problem_of_measurement(Measurement("SECRET", (), (), 1), ALL)  # type: ignore[arg-type]

    assert said == "a measurement of a str, which is no Instrument"
