"""A tree in TOML: what is written reads back, what is wrong is said, what is named changes."""

import math
import tomllib
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from supervisors import (
    INFINITY,
    AutoShutdown,
    Backoff,
    ChildSpec,
    MailboxSpec,
    Overflow,
    Restart,
    Strategy,
    SupervisedActor,
    Supervisor,
    SupervisorSpec,
)
from supervisors.config import apply_overrides, dump_spec, json_schema, load_spec
from supervisors.config._fields import PARTS, SHAPES, meaning_of
from supervisors.config._reader import Reader
from supervisors.errors import ConfigError, SpecError
from tests.supervisors.json_schema import accepts


class Cook(SupervisedActor):
    """An actor."""

    class Apprentice(SupervisedActor):
        """One inside another."""


class Waiter(SupervisedActor):
    """Another actor."""


ACTORS = {"cook": Cook, "the waiter": Waiter}
COOK = f"{__name__}:Cook"

FULL = """
    strategy = "rest_for_one"
    intensity = 3
    period_s = 60
    auto_shutdown = "any_significant"
    count_progress = true
    on_intensity = "park"
    probe_min_s = 0.5
    probe_max_s = 8
    backoff = {min_s = 0.1, max_s = 5, factor = 3, jitter = 1, stable_after_s = 2.5}

    [children.kitchen]
    type = "supervisor"
    restart = "transient"
    significant = true
    shutdown_s = "infinity"
    strategy = "one_for_all"

    [children.kitchen.children.cook]
    start = "cook"
    args = ["a", 1, [2.5, true]]
    kwargs = {mood = "good"}
    restart = "temporary"
    shutdown_s = "brutal_kill"
    dispatcher = "kitchen"
    start_timeout_s = 2
    hang_after_s = 30
    redeliver = 2
    ask_errors = "reply_and_crash"

    [children.kitchen.children.cook.mailbox]
    max_items = 100
    max_bytes = 1000
    overflow = "drop_oldest"
    linger_s = 0.1
    batch_max_items = 10
    batch_max_bytes = 500

    [children."front of house"]
    start = "the waiter"
    hang_after_s = "none"
"""

COOK_SPEC = ChildSpec(
    "cook",
    Cook,
    ("a", 1, [2.5, True]),
    {"mood": "good"},
    restart=Restart.temporary,
    shutdown_s="brutal_kill",
    dispatcher="kitchen",
    start_timeout_s=2,
    hang_after_s=30,
    redeliver=2,
    ask_errors="reply_and_crash",
    mailbox=MailboxSpec(
        max_items=100,
        max_bytes=1000,
        overflow=Overflow.drop_oldest,
        linger_s=0.1,
        batch_max_items=10,
        batch_max_bytes=500,
    ),
)
FULL_SPEC = SupervisorSpec(
    (
        ChildSpec(
            "kitchen",
            SupervisorSpec((COOK_SPEC,), strategy=Strategy.one_for_all),
            type="supervisor",
            restart=Restart.transient,
            significant=True,
            shutdown_s=INFINITY,
        ),
        ChildSpec("front of house", Waiter),
    ),
    strategy=Strategy.rest_for_one,
    intensity=3,
    period_s=60,
    auto_shutdown=AutoShutdown.any_significant,
    count_progress=True,
    on_intensity="park",
    probe_min_s=0.5,
    probe_max_s=8,
    backoff=Backoff(min_s=0.1, max_s=5, factor=3, jitter=1, stable_after_s=2.5),
)


def problem_of(call, *args, **kwargs):
    with pytest.raises(ConfigError) as caught:
        call(*args, **kwargs)
    return caught.value


# -- reading --------------------------------------------------------------------------------------


def test_a_file_says_all_that_a_specification_can():
    assert load_spec(FULL, ACTORS) == FULL_SPEC


def test_an_empty_file_is_a_supervisor_with_all_defaults():
    assert load_spec("") == SupervisorSpec()


def test_a_path_is_read_as_a_file(tmp_path):
    file = tmp_path / "tree.toml"
    file.write_text('[children.a]\nstart = "cook"\n')

    assert load_spec(file, ACTORS).children == (ChildSpec("a", Cook),)
    assert load_spec(str(file.read_text()), ACTORS) == load_spec(file, ACTORS)


def test_an_actor_is_named_by_its_module_and_class():
    spec = load_spec(f'[children.a]\nstart = "{COOK}.Apprentice"')

    assert spec.children[0].start is Cook.Apprentice


def test_the_order_in_the_file_is_the_start_order():
    text = "".join(f'[children.{id_}]\nstart = "cook"\n' for id_ in ("zebra", "apple", "mouse"))

    assert [child.id for child in load_spec(text, ACTORS).children] == ["zebra", "apple", "mouse"]


def test_what_was_read_runs():
    supervisor = Supervisor.start(load_spec('[children.a]\nstart = "cook"', ACTORS))

    assert [child.id for child in supervisor.which_children()] == ["a"]
    assert supervisor.stop(2.0)


# -- writing --------------------------------------------------------------------------------------


def test_only_what_differs_from_the_defaults_is_written():
    spec = SupervisorSpec((ChildSpec("a", Cook, shutdown_s=1.5),), intensity=2)

    assert dump_spec(spec) == f'intensity = 2\n\n[children.a]\nstart = "{COOK}"\nshutdown_s = 1.5\n'


def test_a_full_dump_says_the_defaults_too():
    text = dump_spec(SupervisorSpec((ChildSpec("a", Cook),)), ACTORS, full=True)

    table = tomllib.loads(text)
    assert table["period_s"] == 5.0
    assert table["backoff"]["factor"] == 2.0
    assert table["children"]["a"]["start"] == "cook"
    assert table["children"]["a"]["hang_after_s"] == "none"
    assert table["children"]["a"]["mailbox"]["overflow"] == "reject"


NUMBERS = st.floats(min_value=0, exclude_min=True, max_value=1e12) | st.integers(1, 10**12)
IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
PLAIN = st.recursive(
    st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.datetimes()
    | st.dates()
    | st.times(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def some(**values):
    """Any of the keywords left out."""
    return st.fixed_dictionaries({}, optional=values)


def built(kind, keywords):
    """Specs of *kind*; combinations that are forbidden are passed over."""

    def build(values):
        try:
            return kind(**values)
        except SpecError:
            assume(False)

    return keywords.map(build)


MAILBOXES = built(
    MailboxSpec,
    some(
        max_items=st.integers(1, 10**9),
        max_bytes=st.integers(1, 10**9),
        overflow=st.sampled_from(Overflow),
        linger_s=NUMBERS,
        linger_growth=NUMBERS,
        batch_max_items=st.integers(1, 1000),
        batch_max_bytes=st.integers(1, 10**9),
    ),
)
BACKOFFS = built(
    Backoff,
    some(
        min_s=NUMBERS, max_s=NUMBERS, jitter=st.floats(0, 1), factor=NUMBERS, stable_after_s=NUMBERS
    ),
)


def children(ids, below):
    common = {
        "restart": st.sampled_from(Restart),
        "significant": st.booleans(),
        "shutdown_s": NUMBERS | st.sampled_from(["infinity", "brutal_kill"]),
        "mailbox": MAILBOXES,
        "dispatcher": IDS,
        "start_timeout_s": NUMBERS,
        "hang_after_s": NUMBERS,
        "redeliver": st.integers(0, 5),
        "ask_errors": st.sampled_from(["reply", "reply_and_crash"]),
        "args": st.lists(PLAIN, max_size=3),
        "kwargs": st.dictionaries(
            st.text(st.characters(codec="utf-8"), max_size=4), PLAIN, max_size=2
        ),
    }

    def one(id_):
        worker = some(**common).map(lambda v: {"id": id_, "start": Cook, **v})
        nested = st.tuples(some(**common), below).map(
            lambda pair: {"id": id_, "start": pair[1], "type": "supervisor", **pair[0]}
        )
        return built(ChildSpec, worker | nested)

    return st.tuples(*(one(id_) for id_ in ids)).map(tuple)


def supervisors(below):
    rules = some(
        strategy=st.sampled_from(Strategy),
        intensity=st.integers(0, 10**12),
        period_s=NUMBERS,
        auto_shutdown=st.sampled_from(AutoShutdown),
        count_progress=st.booleans(),
        on_intensity=st.sampled_from(["exit", "park"]),
        probe_min_s=NUMBERS,
        probe_max_s=NUMBERS,
        backoff=BACKOFFS,
    )
    inside = st.lists(IDS, unique=True, max_size=3).flatmap(lambda ids: children(ids, below))
    return built(
        SupervisorSpec,
        st.tuples(rules, inside).map(lambda pair: {**pair[0], "children": pair[1]}),
    )


TREES = supervisors(supervisors(st.just(SupervisorSpec())))
PATIENT = settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@pytest.mark.timeout(60)
@PATIENT
@given(TREES)
def test_what_is_written_reads_back_equal(spec):
    """Whole and in short, under names and under dotted names; and the schema accepts it."""
    for options in ({}, {"full": True}):
        for actors in ({}, ACTORS):
            text = dump_spec(spec, actors, **options)
            assert load_spec(text, actors) == spec
            assert accepts(json_schema(), tomllib.loads(text))


@pytest.mark.timeout(60)
@PATIENT
@given(TREES, TREES)
def test_overriding_a_tree_with_itself_changes_nothing(spec, other):
    """Nor does overriding it with nothing; and what is named arrives, whatever was there."""
    only_rules = dump_spec(spec, full=True, guard=lambda path, key, value: path and "only the root")

    assert apply_overrides(spec, dump_spec(spec)) == spec
    assert apply_overrides(spec, "") == spec
    try:
        changed = apply_overrides(other, only_rules)
    except ConfigError:
        assume(False)  # e.g. children of the other that are significant
    root = {f.name: getattr(spec, f.name) for f in fields(spec) if f.name != "children"}
    assert {name: getattr(changed, name) for name in root} == root
    assert changed.children == other.children


@pytest.mark.parametrize(
    ("args", "what"),
    [
        ((None,), "a NoneType can't be written as TOML"),
        (((1, 2),), "a tuple can't be written as TOML"),
        ((object,), "a type can't be written as TOML"),
        ((math.nan,), "[nan] would come back from TOML as [nan]"),
        (({1: 2},), "1 can't be a key of TOML"),
        (("\ud800",), "['\\ud800'] can't be written as TOML"),
    ],
)
def test_an_argument_that_would_not_come_back_is_refused(args, what):
    problem = problem_of(dump_spec, SupervisorSpec((ChildSpec("a", Cook, args),)))

    assert str(problem) == f"<spec>: [children.a] args: {what}"


def test_a_class_that_nobody_could_import_is_refused_unless_it_has_a_name():
    class Local(SupervisedActor):
        pass

    spec = SupervisorSpec((ChildSpec("a", Local),))

    assert "hand it in under a name" in str(problem_of(dump_spec, spec))
    assert load_spec(dump_spec(spec, {"local": Local}), {"local": Local}) == spec


# -- mistakes -------------------------------------------------------------------------------------

A = '[children.a]\nstart = "cook"\n'

MISTAKES = {
    "intensty = 3": "intensty: no such key; did you mean intensity?",
    "intensity = -1": "intensity = -1: must be a whole number >= 0",
    "intensity = 1.5": "intensity = 1.5: must be a whole number >= 0",
    "intensity = true": "intensity = True: must be a whole number >= 0",
    'intensity = "3"': "intensity = '3': must be a whole number >= 0",
    "period_s = 0": "period_s = 0: must be a finite number > 0",
    "period_s = inf": "period_s = inf: must be a finite number > 0",
    "period_s = nan": "period_s = nan: must be a finite number > 0",
    f"period_s = 1{'0' * 400}": f"period_s = 1{'0' * 76}...: must be a finite number > 0",
    'strategy = "one_for_two"': "strategy = 'one_for_two': must be one of one_for_one, "
    "one_for_all, rest_for_one, simple_one_for_one",
    'on_intensity = "none"': "on_intensity = 'none': must be 'exit' or 'park'",
    "probe_min_s = 100": "probe_max_s = 60.0: must be at least probe_min_s (100)",
    "backoff = 3": "backoff = 3: must be a table",
    "[backoff]\nmin = 3": "[backoff] min: no such key; did you mean min_s?",
    "[backoff]\njitter = 2": "[backoff] jitter = 2: must be between 0 and 1",
    "[backoff]\nmin_s = 9\nmax_s = 1": "[backoff] max_s = 1: must be at least min_s (9)",
    "children = 1": "children: must be a table of tables, one for each child",
    "[children]\na = 1": "[children.a] = 1: must be a table",
    "[[children]]": "children: must be a table of tables, one for each child",
    '[children."a b"]': '[children."a b"] start: must be an actor\'s name (a child with children '
    "is a supervisor)",
    '[children.""]\nstart = "cook"': "[children.\"\"] id = '': must be a non-empty string",
    "[children.a]\nstart = 3": "[children.a] start = 3: must be an actor's name",
    '[children.a]\nstart = "cok"': "[children.a] start = 'cok': no actor of this name; did you "
    "mean cook?, or say package.module:Class",
    '[children.a]\nstart = "no_such:Cook"': "[children.a] start = 'no_such:Cook': can't be "
    "imported: No module named 'no_such'",
    '[children.a]\nstart = "math:sin"': "[children.a] start = 'math:sin': must be a subclass of "
    "supervisors.SupervisedActor",
    '[children.a]\nstart = "math:nothing"': "[children.a] start = 'math:nothing': can't be "
    "imported: module 'math' has no attribute 'nothing'",
    A + 'id = "b"': "[children.a] id: must be left out: it is the name of the table",
    A + "intensity = 1": "[children.a] intensity: is a supervisor's, and this child is a worker",
    A + "shutdwn_s = 1": "[children.a] shutdwn_s: no such key; did you mean shutdown_s?",
    A + "shutdown_s = -1": "[children.a] shutdown_s = -1: must be a finite number >= 0, "
    "BRUTAL_KILL or INFINITY",
    A + 'type = "boss"': "[children.a] type = 'boss': must be 'worker' or 'supervisor'",
    A + 'type = "supervisor"': "[children.a] start: must be left out: a supervisor has children",
    A + "significant = true": "[children.a] significant = True: must be False for a permanent "
    "child (bad_combination: it never ends for good)",
    A + 'restart = "transient"\nsignificant = true': "[children.a] significant = True: must be "
    "False with auto_shutdown never (bad_combination)",
    A + 'args = "secret"': "[children.a] args: must be a list or tuple",
    A + "kwargs = [1]": "[children.a] kwargs: must be a mapping with str keys",
    A + 'dispatcher = ""': "[children.a] dispatcher = '': must be a non-empty string",
    A + "[children.a.mailbox]\nmax_items = 0": "[children.a.mailbox] max_items = 0: must be a "
    "whole number >= 1",
    A + "[children.a.mailbox]\nlinger_s = 1": "[children.a.mailbox] linger_s = 1: must be unset "
    "without batch_max_items",
    A + "[children.a.children.b]": "[children.a] start: must be left out: a supervisor has "
    "children",
    "[children.a.children.b]\nstart = 'cook'\n[children.a.children.b.mailbox]\nmaxitems = 1": (
        "[children.a.children.b.mailbox] maxitems: no such key; did you mean max_items?"
    ),
    'strategy = "simple_one_for_one"': "children = 0: must be one template for simple_one_for_one",
    A + "restart_s = 1": "[children.a] restart_s: no such key; did you mean restart?",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_said_with_table_key_value_and_what_is_allowed(text):
    problem = problem_of(load_spec, text, ACTORS)

    assert str(problem) == f"<text>: {MISTAKES[text]}"
    assert problem.problem == MISTAKES[text]
    assert problem.code == "config"
    assert isinstance(problem, ValueError)


def test_the_facts_are_attributes(tmp_path):
    file = tmp_path / "tree.toml"
    file.write_text(A + "shutdown_s = -1")
    problem = problem_of(load_spec, file, ACTORS)

    assert (problem.file, problem.table, problem.key) == (str(file), "children.a", "shutdown_s")
    assert problem.value == "-1"
    assert problem.allowed.startswith("must be a finite number >= 0")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"intensity = ", "isn't TOML: Invalid value (at end of document)"),
        (b"a = 1\na = 2", "isn't TOML: Cannot overwrite a value"),
        (b"\xff", "must be UTF-8: invalid start byte"),
        (b"intensity = 1" + b"0" * 5000, "isn't TOML: Exceeds the limit"),
        (b"intensity = " + b"[" * 5000, "is nested too deeply"),
        (b"[" + b".".join([b"children", b"a"] * 1000) + b"]", "is nested too deeply"),
    ],
)
def test_a_file_that_is_no_toml_is_said(tmp_path, content, says):
    file = tmp_path / "tree.toml"
    file.write_bytes(content)

    assert str(problem_of(load_spec, file)).startswith(f"{file}: {says}")


def test_a_file_that_is_not_there_is_said(tmp_path):
    missing = tmp_path / "missing.toml"

    assert (
        str(problem_of(load_spec, missing))
        == f"{missing}: can't be read: No such file or directory"
    )


def test_imports_can_be_forbidden():
    text = f'[children.a]\nstart = "{COOK}"'

    assert "no actor of this name; there is cook" in str(
        problem_of(load_spec, text, {"cook": Cook}, imports=False)
    )
    assert "no actor of this name; there is none" in str(problem_of(load_spec, text, imports=False))
    assert "no actor of this name" in str(
        problem_of(
            apply_overrides, FULL_SPEC, '[children."front of house"]\nstart = "a:B"', imports=False
        )
    )


# -- overriding -----------------------------------------------------------------------------------


def kitchen(spec):
    (found,) = (child for child in spec.children if child.id == "kitchen")
    return found


def test_an_override_changes_what_it_names_and_nothing_else():
    changed = apply_overrides(
        FULL_SPEC,
        """
        intensity = 9

        [children.kitchen]
        shutdown_s = 3
        intensity = 8

        [children.kitchen.children.cook]
        hang_after_s = "none"

        [children.kitchen.children.cook.mailbox]
        max_items = 7
        """,
    )

    assert (FULL_SPEC.intensity, changed.intensity) == (3, 9)
    assert (kitchen(changed).shutdown_s, kitchen(changed).start.intensity) == (3, 8)
    (cook,) = kitchen(changed).start.children
    assert cook.hang_after_s is None
    assert (cook.mailbox.max_items, cook.mailbox.max_bytes) == (7, 1000)
    assert kitchen(apply_overrides(changed, FULL, ACTORS)).start.children == (COOK_SPEC,)


def test_an_override_may_replace_an_actor():
    changed = apply_overrides(FULL_SPEC, '[children."front of house"]\nstart = "cook"', ACTORS)

    assert changed.children[1].start is Cook


WRONG_OVERRIDES = {
    "[children.kitchn]": "[children.kitchn]: no such child; did you mean kitchen?",
    "[children.kitchen.children.waiter]": "[children.kitchen.children.waiter]: no such child; "
    "there is cook",
    '[children."front of house".children.a]': '[children."front of house"] children: is a '
    "supervisor's, and this child is a worker",
    '[children.kitchen]\ntype = "worker"': "[children.kitchen] type = 'worker': must stay "
    "'supervisor'",
    '[children.kitchen]\nstart = "cook"': "[children.kitchen] start: must be left out: a "
    "supervisor has children",
    'auto_shutdown = "never"': "[children.kitchen] significant = True: must be False with "
    "auto_shutdown never (bad_combination)",
}


@pytest.mark.parametrize("text", WRONG_OVERRIDES)
def test_an_override_of_what_is_not_there_or_can_not_be_is_refused(text):
    problem = problem_of(apply_overrides, FULL_SPEC, text, ACTORS)

    assert problem.problem == WRONG_OVERRIDES[text]


def test_a_guard_says_what_may_not_be_set_and_why():
    def guard(path, key, value):
        if key == "mailbox.max_items" and path == ("kitchen", "cook"):
            return None if value is ... or value < 50 else "must be below 50 here"
        return f"{key} is fixed"

    def change(text):
        return problem_of(apply_overrides, FULL_SPEC, text, guard=guard).problem

    assert change("intensity = 1") == "intensity = 1: intensity is fixed"
    assert change("[backoff]\nmin_s = 1") == "[backoff] min_s = 1: backoff.min_s is fixed"
    assert change("[children.kitchen.children.cook.mailbox]\nmax_items = 50") == (
        "[children.kitchen.children.cook.mailbox] max_items = 50: must be below 50 here"
    )
    text = dump_spec(FULL_SPEC, full=True, guard=guard)
    assert text == "[children.kitchen.children.cook.mailbox]\nmax_items = 100\n"
    assert apply_overrides(FULL_SPEC, text, guard=lambda *_: None) == FULL_SPEC


def test_parts_that_may_be_missing_are_passed_over():
    text = "[children.bar]\nanything = 1\n[children.kitchen]\nintensity = 5"
    changed = apply_overrides(FULL_SPEC, text, may_be_missing=[("bar",)])

    assert kitchen(changed).start.intensity == 5
    assert len(changed.children) == 2


# -- the schema -----------------------------------------------------------------------------------


def test_every_field_of_a_specification_has_a_shape():
    for kind, shapes in SHAPES.items():
        names = {field.name for field in fields(kind)} - {"id", "children", *PARTS}
        assert set(shapes) == names


BESIDES = {
    "probe_max_s": {"probe_min_s": 0.1},
    "probe_min_s": {"probe_max_s": 100},
    "min_s": {"max_s": 100},
}
OF_MORE_THAN_THE_VALUE = ("bad_combination", "no actor of this name", "one template")
BAD = [-1, 0, 0.5, 1, 1.5, 2, True, "x", "", [], {}, "none", "infinity", "park", "exit", "worker"]


@pytest.mark.parametrize(
    ("kind", "key"), [(kind, key) for kind, keys in SHAPES.items() for key in keys]
)
@pytest.mark.parametrize("value", BAD, ids=repr)
def test_the_schema_and_the_specifications_agree_value_by_value(kind, key, value):
    """Whatever one refuses for itself, the other does; on the boundaries, too."""
    table = {**BESIDES.get(key, {}), key: value}
    if kind is MailboxSpec:
        table = {"children": {"a": {"start": "cook", "mailbox": {"batch_max_items": 1, **table}}}}
    elif kind is Backoff:
        table = {"backoff": table}
    elif kind is ChildSpec:
        table = {"children": {"a": {"start": "cook", **table}}}
    try:
        Reader("<table>", ACTORS).supervisor(table, None)
        accepted = True
    except ConfigError as error:
        accepted = value != "" and any(words in str(error) for words in OF_MORE_THAN_THE_VALUE)

    assert accepts(json_schema(), table) == accepted


def test_the_schema_knows_each_table():
    assert accepts(json_schema(), tomllib.loads(FULL))
    for wrong in (
        {"intensty": 1},
        {"children": {"a": {}}},
        {"children": {"a": {"start": "cook", "intensity": 1}}},
        {"children": {"a": {"start": "cook", "children": {}}}},
        {"children": {"": {"start": "cook"}}},
        {"backoff": {"min": 1}},
    ):
        assert not accepts(json_schema(), wrong)


def test_the_schema_of_overrides_knows_each_part_of_the_tree():
    schema = json_schema(FULL_SPEC, guard=lambda path, key, value: key == "args" and "fixed")

    cook = schema["properties"]["children"]["properties"]["kitchen"]["properties"]["children"]
    properties = cook["properties"]["cook"]["properties"]
    assert properties["redeliver"]["default"] == 2
    assert properties["mailbox"]["properties"]["max_items"]["default"] == 100
    assert "args" not in properties
    assert "kwargs" in properties
    assert accepts(schema, {"children": {"kitchen": {"intensity": 3}}})
    assert not accepts(schema, {"children": {"kitchn": {"intensity": 3}}})


def test_the_schema_says_what_the_specifications_say():
    assert meaning_of(SupervisorSpec, "intensity").startswith("Restarts allowed in the window")
    assert (
        "Seconds to wait after asking it to stop"
        in (json_schema()["$defs"]["worker"]["properties"]["shutdown_s"]["description"])
    )
