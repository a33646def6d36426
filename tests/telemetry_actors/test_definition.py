"""What a case of the user's own may be, and what is said of one that can't be."""

import pickle
from typing import Annotated, Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, field_validator
from typing_extensions import TypedDict

from telemetry_actors import (
    CASE_ROUTING,
    CaseDefinition,
    CaseError,
    EventFacts,
    Instrument,
    LogSignal,
    MappingSettings,
    Measurement,
    Signals,
    SignalType,
    SpanSignal,
    TelemetryCase,
)
from telemetry_actors.event.cases import GATED, Reduction, gate

FACTS = EventFacts("e1", "acme", 10, 20, {"app_id": "a1", "user_id": 7})
SETTINGS = MappingSettings(include_content=False, sampling_rate=1.0)
ORDERS = Instrument("shop.orders.total", "counter", "{order}")
WAIT = Instrument("shop.wait", "histogram", "s")


class Order(BaseModel):
    order_id: str
    note: str | None = None
    lines: list[str] = []
    euros: float = 0.0


class Plain(TypedDict, total=False):
    note: str
    size: int


def nothing(facts, payload, settings):
    return Signals()


def a_case(case="order_shipped", model=Order, mapping=nothing, **route):
    return CaseDefinition(case, model, mapping, **route)


# -- routes ---------------------------------------------------------------------------------------


def test_by_default_a_case_is_a_metric_log_case_of_the_enterprise_edition():
    route = a_case().route

    assert (route.case, route.signal_type) == ("order_shipped", SignalType.METRIC_LOG)
    assert (route.ce_eligible, route.task_name, route.gated) == (False, None, ())


def test_a_trace_case_is_named_as_it_says_or_by_its_own_name():
    named = a_case(signal_type="trace", task_name="order", ce_eligible=True).route

    assert (named.signal_type, named.task_name, named.ce_eligible) == ("trace", "order", True)
    assert a_case(signal_type=SignalType.TRACE).route.task_name == "order_shipped"


def test_one_of_ours_has_the_route_that_it_has():
    ours = CaseDefinition(TelemetryCase.WORKFLOW_RUN, Order, nothing)

    assert ours.route is CASE_ROUTING[TelemetryCase.WORKFLOW_RUN]
    assert ours.map is nothing


# -- what is wrong --------------------------------------------------------------------------------


class Odd(TypedDict):
    x: object()  # type: ignore[valid-type]


class NeedsTotal(BaseModel):
    amount: int
    words: Annotated[str, Field(max_length=3)] = ""


async def in_the_background(facts, payload, settings):
    return Signals()


def one_by_one(facts, payload, settings):
    yield Signals()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": dict}, "model (dict) must be a TypedDict or a pydantic BaseModel"),
        ({"model": Order(order_id="o")}, "must be a TypedDict or a pydantic BaseModel class"),
        ({"model": Odd}, "pydantic can't use the model"),
        ({"mapping": None}, "the mapping is a NoneType, which can't be called"),
        ({"mapping": lambda facts: Signals()}, "must take (facts, payload, settings)"),
        ({"mapping": in_the_background}, "no coroutine"),
        ({"mapping": one_by_one}, "no generator"),
        ({"signal_type": "log"}, "signal_type = 'log': must be 'trace' or 'metric_log'"),
        ({"task_name": "order"}, "only trace cases have one"),
        ({"signal_type": "trace", "task_name": " "}, "must be a text that says something"),
        ({"signal_type": "trace", "task_name": 7}, "must be a text that says something"),
        ({"gated": ["notes"]}, "'notes' is not in the model, which has euros, lines, note"),
        ({"gated": ["euros"]}, "gated key 'euros' is '[gated]' with content off; the model: "),
        ({"gated": ["lines"]}, "gated key 'lines' is '[gated]' with content off"),
        ({"model": NeedsTotal, "gated": ["words"]}, "at most 3 characters"),
        ({"model": Plain, "gated": ["size"]}, "gated key 'size'"),
        ({"reduced": {"lines": Reduction.COUNT}}, "reduced['lines'] must be a Reduction of one"),
        ({"gated": ["lines"], "reduced": {"lines": "most"}}, "reduced['lines'] must be"),
        ({"gated": ["note"], "reduced": {"note": "count"}}, "gated key 'note' is ['[gated]']"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_said_when_it_is_defined(changed, said):
    with pytest.raises(CaseError) as caught:
        a_case(**changed)

    assert said in str(caught.value)
    assert str(caught.value).startswith("case order_shipped: ")
    assert "\n" not in str(caught.value)


def test_an_error_survives_pickling():
    error = pickle.loads(pickle.dumps(CaseError("order_shipped", "it is wrong")))

    assert (error.case, error.problem) == ("order_shipped", "it is wrong")
    assert str(error) == "case order_shipped: it is wrong"


def test_a_mapping_made_in_c_is_taken_on_trust():
    assert a_case(mapping=type).case == "order_shipped"


# -- content --------------------------------------------------------------------------------------


def gated(definition, payload):
    """What is left of *payload* with content off, as the model has it."""
    return definition.validate(gate(definition.route, payload))


@pytest.mark.parametrize("model", [Order, Plain])
def test_a_gated_key_is_gone_before_the_model_sees_it(model):
    definition = a_case(model=model, gated=["note"])
    found = gated(definition, {"order_id": "o", "note": "ring twice"})

    assert (found["note"] if isinstance(found, dict) else found.note) == GATED


def test_of_a_reduced_list_its_length_is_left():
    definition = a_case(gated=["lines"], reduced={"lines": Reduction.COUNT})

    assert gated(definition, {"order_id": "o", "lines": ["a", "b"]}).lines == [GATED, GATED]


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    note: str | None = Field(None, validation_alias=AliasChoices("remark", AliasPath("box", "n")))
    short: str | None = Field(None, alias="s")


class AliasedDict(TypedDict, total=False):
    note: Annotated[str, Field(validation_alias="remark")]


class Whole(BaseModel):
    """Has a validator for the whole: pydantic wraps its fields."""

    note: str | None = None
    children: list["Whole"] = []

    @field_validator("note")
    @classmethod
    def _short(cls, value):
        return value


@pytest.mark.parametrize(
    ("model", "named", "keys"),
    [
        (Aliased, "note", {"note", "remark", "box"}),
        (Aliased, "s", {"short", "s"}),
        (AliasedDict, "remark", {"note", "remark"}),
        (AliasedDict, "note", {"note", "remark"}),
        (Whole, "note", {"note"}),
    ],
)
def test_a_field_is_gated_by_every_key_that_it_may_come_in_by(model, named, keys):
    """g21: an alias is no way past the gate. Mutant: `keys_of` without the aliases."""
    assert set(a_case(model=model, gated=[named]).route.gated) == keys


def test_g21_the_text_of_an_error_repeats_no_value():
    for model in (Order, NeedsTotal, Whole):
        with pytest.raises(Exception, match="validation error") as caught:
            a_case(model=model).validate({"note": ["SECRET"], "amount": "SECRET"})
        assert "SECRET" not in str(caught.value)


# -- conveniences ---------------------------------------------------------------------------------


def test_a_log_of_the_facts_carries_times_and_the_id_of_the_record():
    log = FACTS.log("shop.order.shipped", {"shop.order.id": "o1", "shop.note": None})

    assert log.event_name == "shop.order.shipped"
    assert log.signal == "metric_only"
    assert log.attributes == {"shop.order.id": "o1", "log.record.uid": "e1"}
    assert (log.time_ns, log.observed_ns, log.trace_id, log.span_id) == (10, 20, b"", b"")
    again = FACTS.log("x", {}, signal="span_detail", ids=(b"t" * 16, b"s" * 8), record_id="r")
    assert (again.signal, again.trace_id, again.span_id) == ("span_detail", b"t" * 16, b"s" * 8)
    assert again.attributes == {"log.record.uid": "r"}


def test_what_the_context_says_is_a_text_or_nothing():
    assert (FACTS.said("app_id"), FACTS.said("user_id"), FACTS.said("else")) == ("a1", "7", "")


def test_labels_are_one_series_in_whichever_order_they_are_said():
    assert ORDERS.measure(1, shop="s", tenant=None) == ORDERS.measure(1, tenant="", shop="s")
    assert ORDERS.measure().value == 1


# -- what a mapping makes -------------------------------------------------------------------------

LOG = FACTS.log("shop.log", {})
SPAN = SpanSignal("shop.span", b"t" * 16, b"s" * 8, b"", 1, 2, (), (), None)


def made_by(made: Any) -> Signals:
    definition = a_case(mapping=lambda *_: made, instruments=[ORDERS, WAIT])
    return definition.map(FACTS, {}, SETTINGS)


@pytest.mark.parametrize(
    "made",
    [
        Signals(),
        Signals((LOG,), (SPAN,), (ORDERS.measure(2, shop="s"), WAIT.measure(0.5)), 1),
        Signals([LOG, LOG], [], [WAIT.measure(0)]),
    ],
)
def test_proper_signals_pass(made):
    assert made_by(made) is made


UNFIT = "Signals that don't fit:"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "a NoneType, not Signals"),
        ((LOG,), "a tuple, not Signals"),
        (
            Signals(iter([LOG])),
            "Signals that don't fit: Signals.logs is a list_iterator; a tuple of LogSignal is",
        ),
        (
            Signals(LOG),
            f"{UNFIT} Signals.logs is a LogSignal; a tuple of them is wanted: (log,)",
        ),
        (
            Signals((SPAN,)),
            "Signals that don't fit: Signals.logs[0] is a SpanSignal; a LogSignal is wanted",
        ),
        (
            Signals((), (LOG,)),
            "Signals that don't fit: Signals.spans[0] is a LogSignal; a SpanSignal is wanted",
        ),
        (
            Signals((), (), ("SECRET",)),
            "Signals that don't fit: Signals.measurements[0] is a str; a Measurement is wanted",
        ),
        (Signals((), (), (), -1), "spans_sampled_out"),
        (Signals((LOG._replace(keys=("a", "b")),)), "a log with 2 keys and 1 values"),
        (Signals((LOG._replace(trace_id="SECRET"),)), "a log with an id that is not 16 bytes"),
        (Signals((LOG._replace(span_id=b"SECRET"),)), "a log with an id that is not 8 bytes"),
        (Signals((), (SPAN._replace(span_id=b""),)), "a span without a trace id or a span id"),
        (Signals((), (), (ORDERS.measure(-1),)), "an int that shop.orders.total can't take"),
        (Signals((), (), (ORDERS.measure(1.5),)), "a float that shop.orders.total can't take"),
        (Signals((), (), (ORDERS.measure(True),)), "a bool that shop.orders.total can't take"),
        (Signals((), (), (WAIT.measure(float("nan")),)), "a float that shop.wait can't take"),
        (Signals((), (), (WAIT.measure("SECRET"),)), "a str that shop.wait can't take"),
        (
            Signals((), (), (WAIT.measure(1, a=b"SECRET"),)),
            "a measurement that doesn't fit: label a of shop.wait is a bytes; a text is wanted",
        ),
        (
            Signals((), (), (Measurement(WAIT, ["a"], ["b"], 1),)),
            "a measurement that doesn't fit: the label keys of shop.wait are a list; a tuple",
        ),
        (
            Signals((), (), (Measurement(WAIT, ("a",), (), 1),)),
            "a measurement that doesn't fit: shop.wait has 1 label keys and 0 values",
        ),
        (
            Signals((), (), (Instrument("shop.else", "counter", "").measure(),)),
            "a measurement that its definition does not declare (declared: shop.orders.total,",
        ),
    ],
)
def test_what_the_tree_could_not_carry_is_a_fault_of_the_mapping(made, said):
    """One bad event costs one event: nothing of it may reach the aggregates (g12)."""
    with pytest.raises(TypeError) as caught:
        made_by(made)

    assert str(caught.value).startswith(f"the mapping of order_shipped made {said}")
    assert "SECRET" not in str(caught.value)


def test_a_log_signal_may_be_made_by_hand():
    log = LogSignal("shop.log", "metric_only", ("a",), (1,), b"", b"", 1, 2)

    assert made_by(Signals((log,))).logs == (log,)
