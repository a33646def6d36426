"""How a crash is told: types and places, and nothing that was raised."""

import logging
from dataclasses import replace

import pytest

from supervisors import Place, Report
from supervisors.testing import DeterministicRuntime, crash
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.base import log
from telemetry_actors.batch.crashes import in_short, tell, tell_raised
from telemetry_actors.testing import RecordingSink, running_gateway

SECRET = "what a customer wrote"
TENANT, APP = {"tenant_id": "acme"}, {"app_id": "a1", "mode": "chat"}


def raised(error, cause=None):
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_it_has_the_type_and_each_call_innermost_first_and_no_message():
    def inner():
        local = SECRET
        raise KeyError(local)

    def outer():
        inner()

    try:
        outer()
    except KeyError as error:
        short = in_short(error)

    first, second, third = short.split(" < ")
    here = test_it_has_the_type_and_each_call_innermost_first_and_no_message
    at = here.__code__.co_firstlineno
    assert first == f"KeyError at {__file__}:{at + 3} in {here.__name__}.<locals>.inner"
    assert second.endswith(f":{at + 6} in {here.__name__}.<locals>.outer")
    assert third.startswith(__file__)
    assert SECRET not in short


def test_it_has_the_type_of_what_it_was_raised_from():
    error = raised(ValueError(SECRET), raised(OSError(SECRET)))
    short = in_short(error)

    assert short.startswith(f"ValueError at {__file__}:")
    assert f" (from OSError at {__file__}:" in short
    assert SECRET not in short


def test_a_name_that_was_made_of_a_payload_is_not_told():
    """Contrived: a class, a function and a file that code of a user's has made of its content."""
    code = "def call(): raise made"
    space = {"made": type(SECRET, (Exception,), {})}
    exec(compile(code, f"{SECRET * 20}.py", "exec"), space)
    space["call"].__code__ = space["call"].__code__.replace(co_qualname=SECRET)
    try:
        space["call"]()
    except space["made"] as error:
        short = in_short(error)

    assert short.startswith("<no identifier> at ...")
    assert ".py:1 in <no identifier> < " in short
    assert short.count(SECRET) < 10


def test_nor_in_the_count_of_such_crashes(caplog):
    count = Report("left_out", logging.ERROR, "child a", "a", 0, "crashed (6 more)", error=SECRET)
    tell(replace(count, counts="crashed"))
    tell(replace(count, counts="failed", error="KeyError"))

    assert SECRET not in caplog.text
    assert [record.getMessage() for record in caplog.records] == [
        "a crashed (6 more): <no identifier>",
        "a crashed (6 more): KeyError",
    ]


def test_of_many_calls_the_middle_is_left_out():
    def deep(n):
        return deep(n - 1) if n else {}[SECRET]

    try:
        deep(300)
    except KeyError as error:
        short = in_short(error)

    assert " < ... < " in short
    assert short.count(" < ") == 8
    assert len(short) < 2000


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("/srv/shop/mapping.py", "/srv/shop/mapping.py"),
        (logging.__file__, "logging/__init__.py"),
        (pytest.__file__, "pytest/__init__.py"),
        ("<string>", "<string>"),
    ],
)
def test_a_users_file_has_its_whole_path_and_a_librarys_what_is_in_it(file, shown):
    assert in_short(None, (Place(file, 7, "f"),)) == f"{shown}:7 in f"


def said_of(caplog, **facts):
    caplog.clear()
    report = {"kind": "crashed", "level": logging.ERROR, "who": "", "path": "a/b"} | facts
    tell(Report(**{"incarnation": 1, "what": "crashed"} | report))
    return [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "telemetry_actors"]


def test_one_that_hangs_says_where_it_stands(caplog):
    place = Place("/srv/shop/sink.py", 3, "read")
    said = said_of(caplog, what="hangs", then="its thread is left behind", places=(place,))

    words = "a/b hangs at /srv/shop/sink.py:3 in read; its thread is left behind"
    assert said == [("ERROR", words)]


def test_what_has_no_error_but_words_of_an_exit_tells_no_more_than_its_kind(caplog):
    assert said_of(caplog, error=f"crash({SECRET!r})") == [("ERROR", "a/b crashed: crash")]


def test_parks_are_told_by_the_gateway_itself(caplog):
    assert [said_of(caplog, kind=kind) for kind in ("parked", "unparked", "ended")] == [[], [], []]


def test_a_tree_that_ends_by_itself_says_so(caplog):
    said = said_of(caplog, kind="finished", path="", what="has ended")
    assert said == [("ERROR", "the tree has ended")]
    said = said_of(caplog, kind="finished", path="", what="has ended", level=logging.INFO)
    assert said in ([("INFO", "the tree has ended")], [])


def test_what_is_raised_often_is_said_once(caplog):
    for _ in range(1000):
        tell_raised("trace manager Mine", raised(LookupError(SECRET)), "its task is lost")

    (line,) = [r.getMessage() for r in caplog.records]
    assert line.startswith(f"trace manager Mine raised LookupError at {__file__}:")
    assert SECRET not in caplog.text


def test_nor_is_it_said_more_often_if_it_is_another_type_each_time(caplog):
    known = len(log._bounds)
    for n in range(1000):
        tell_raised("trace manager Mine", raised(type(f"Err{n}", (Exception,), {})()), "it is lost")

    assert len(caplog.records) == 3
    assert len(log._bounds) - known <= 4


def test_nor_at_another_place_each_time(caplog):
    for n in range(1000):
        places = (Place("/s.py", n, "f"),)
        tell(Report("crashed", logging.ERROR, "", "a/b", 1, "crashed", places=places))

    assert len(caplog.records) == 3


def test_a_cause_that_comes_back_has_its_line_a_minute_later(caplog, monkeypatch):
    now_s = [0.0]
    monkeypatch.setattr(log, "_now_s", lambda: now_s[0])
    errors = [raised(error) for error in (KeyError(), OSError())]
    for _ in range(20):
        for error in errors:
            tell_raised("trace manager Mine", error, "it is lost")
    assert len(caplog.records) == 2

    now_s[0] = 60.0
    for error in errors:
        tell_raised("trace manager Mine", error, "it is lost")
    assert ["19 more lines" in line for line in caplog.messages] == [False, False, True, True]


def test_a_crash_in_the_gateways_tree_is_told_by_one_logger_only(caplog):
    runtime = DeterministicRuntime()
    with running_gateway(runtime=runtime) as (gateway, _):
        crash(gateway._ref("stages/router"), ValueError(SECRET))
        runtime.run_until_idle()

    told = [r for r in caplog.records if "crashed" in r.getMessage()]
    assert [(r.name, r.levelname, r.exc_info) for r in told] == [
        ("telemetry_actors", "ERROR", None)
    ]
    assert SECRET not in caplog.text


class Unfit(RecordingSink):
    def encode(self, kind, record):
        raise ValueError(SECRET)


def test_a_sink_that_cannot_encode_is_said_once_and_a_problem(caplog):
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[Unfit()])
    with gateway:
        for _ in range(20):
            gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)
        problems = gateway.status().problems

    said = [r.getMessage() for r in caplog.records if "encoding of logs" in r.getMessage()]
    assert len(said) == 1
    assert f"raised ValueError at {__file__}:" in said[0]
    (problem,) = problems
    assert problem.startswith("20 events dropped (encode_error): ")
    assert SECRET not in caplog.text + problem
