"""`status()` shows the tree and what went wrong, and stays readable."""

from telemetry_actors.testing import running_gateway

TENANT = {"tenant_id": "acme"}


def test_status_lists_the_dead_letters_without_their_payloads():
    with running_gateway() as (gateway, _):
        gateway.emit("workflow_run", TENANT, {"status": 7, "inputs": "x" * 50}, event_id="e1")
        assert gateway.flush(5)
        letter = gateway.status().dead_letters[0]

    assert (letter.case, letter.tenant_id, letter.event_id) == ("workflow_run", "acme", "e1")
    assert (letter.reason, letter.stage) == ("invalid_payload", "handlers/workflow_run")
    assert letter.payload_bytes > 10
    assert "x" * 50 not in letter.model_dump_json()


def test_status_names_every_actor_and_its_state():
    with running_gateway() as (gateway, _):
        states = {node.path: node.state for node in gateway.status().tree}

    assert states["stages/router"] == "running"
    assert states["handlers/app_created/handler"] == "running"
    assert set(states.values()) == {"running"}


def test_status_stays_readable_after_stop():
    with running_gateway() as (gateway, _):
        gateway.emit("app_created", TENANT, {"app_id": "a"})

    status = gateway.status()
    assert status.state == "stopped"
    assert {node.state for node in status.tree} == {"stopped"}
    assert gateway.ledger().exported == 1
