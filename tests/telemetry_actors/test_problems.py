"""`Status.problems`: what is parked, since when and why; what was dropped; what to do."""

import pytest

from supervisors.testing import DeterministicRuntime, crash
from telemetry_actors import Reason
from telemetry_actors.books.meanings import meaning_of
from telemetry_actors.testing import running_gateway

TENANT, APP = {"tenant_id": "acme"}, {"app_id": "a1", "mode": "chat"}
SECRET = "what a customer wrote"


@pytest.fixture
def parked():
    """A gateway of which one case has parked."""
    runtime = DeterministicRuntime(1)
    with running_gateway(runtime=runtime, supervision={"park_probe_min_s": 60.0}) as (gateway, _):
        for _ in range(6):
            crash(gateway._ref("handlers/app_created"), ValueError(SECRET))
            runtime.run_until_idle()
        yield gateway, runtime


def test_a_case_that_is_parked_is_named_with_its_cause_and_what_it_cost(parked):
    gateway, _ = parked
    for _ in range(3):
        gateway.emit("app_created", TENANT, APP)
    (problem,) = gateway.status().problems
    (parking,) = gateway.status().parkings

    assert problem.startswith("handlers/app_created is parked since 2023-11-14T22:13:2")
    assert "last cause: handlers/app_created/handler: ValueError at supervisors/" in problem
    assert "meanwhile 3 events were refused and 0 dropped (parked)" in problem
    assert problem.endswith("It tries again by itself; mend what crashes there")
    assert SECRET not in problem
    assert parking.cause in problem


def test_one_that_is_back_is_no_problem(parked):
    gateway, runtime = parked
    runtime.advance(61)

    assert gateway.status().problems == []


def test_drops_are_named_by_reason_with_what_to_do():
    with running_gateway(runtime=DeterministicRuntime(1)) as (gateway, _):
        for _ in range(4):
            gateway.emit("workflow_run", TENANT, {"app_id": SECRET})
        gateway.flush(5)
        crash(gateway._ref("handlers/app_created"), ValueError(SECRET), in_hand=True)
        gateway.emit("app_created", TENANT, APP)
        gateway.flush(5)
        problems = gateway.status().problems

    assert [problem.partition(":")[0] for problem in problems] == [
        "4 events dropped (invalid_payload)",
        "1 events dropped (handler_crash)",
    ]
    assert SECRET not in "".join(problems)


def test_every_reason_has_words():
    assert all(map(meaning_of, Reason))


def test_a_good_life_has_no_problems():
    with running_gateway(runtime=DeterministicRuntime(1)) as (gateway, _):
        gateway.emit("app_created", TENANT, APP)
        gateway.flush(5)
        assert gateway.status().problems == []
