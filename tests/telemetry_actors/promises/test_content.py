"""g21, g30: content that is off is nowhere, and neither are secrets."""

import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telemetry_actors import CASE_ROUTING, TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import RecordingSink, running_gateway

TENANT = {"tenant_id": "acme"}
SECRET = "TOPSECRET"
VALID = {
    "workflow_run": {"workflow_id": "w", "workflow_run_id": "r", "status": "succeeded"},
    "message_run": {"message_id": "m", "status": "succeeded"},
    "node_execution": {
        "workflow_id": "w",
        "workflow_run_id": "r",
        "node_execution_id": "n",
        "node_id": "i",
        "node_type": "llm",
        "status": "failed",
    },
}


class Keeping(RecordingSink):
    """Keeps all that it is shown."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def encode(self, kind, record):
        self.seen.append(repr(record))
        return super().encode(kind, record)


@pytest.mark.parametrize("case", CASE_ROUTING)
def test_g21_with_content_off_no_gated_value_is_in_envelope_dead_letter_or_signal(case, caplog):
    caplog.set_level(logging.DEBUG)
    sink = Keeping()
    gateway = TelemetryGateway(TelemetrySettings.enabled(gateway={"linger_s": 60}), sinks=[sink])
    content = {"deep": [SECRET, {"k": SECRET, SECRET: 1}]}
    gated: dict[str, object] = dict.fromkeys(CASE_ROUTING[case].gated, content)
    gated |= {k: [SECRET, {"content": SECRET}] for k in ("questions", "documents") if k in gated}
    with gateway:
        assert gateway.emit(case, TENANT, {**VALID.get(case, {}), **gated})
        assert gateway.emit(case, TENANT, {**gated, "status": 3})  # invalid where it is built
        for item in gateway._life.door.mailbox.held():
            assert SECRET.encode() not in repr(item).encode()
        assert gateway.flush(5)
        letters = gateway.dead_letters()
        status = gateway.status().model_dump_json() + gateway.ledger().model_dump_json()

    assert SECRET not in repr(letters)
    assert SECRET not in "".join(sink.seen)
    assert SECRET not in status
    assert SECRET not in caplog.text


_LEAVES = st.text("zqxjkvw", min_size=8, max_size=12)
_CONTENT = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_LEAVES, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def silent():
    """A gateway that never forwards: envelopes stay where they can be looked at."""
    return TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])


@given(content=_CONTENT, case=st.sampled_from([c for c, r in CASE_ROUTING.items() if r.gated]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_g21_no_leaf_of_a_gated_value_is_in_the_envelope(silent, content, case):
    silent._life.door.enqueuer.asleep = False  # nobody takes the envelope away
    mailbox = silent._life.door.mailbox
    for key in CASE_ROUTING[case].gated:
        silent.emit(case, TENANT, {key: content})
        packed = mailbox.drain()[0][1].pack()
        for leaf in leaves(content):
            assert leaf.encode() not in packed


def leaves(value):
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in (k, *leaves(v))]
    if isinstance(value, list):
        return [leaf for v in value for leaf in leaves(v)]
    return [value]


def test_g21_with_content_on_it_is_there():
    with running_gateway(enterprise_include_content=True) as (gateway, recording):
        gateway.emit("message_run", TENANT, {**VALID["message_run"], "inputs": SECRET})
        gateway.flush(5)

    assert recording.logs[0].attributes["dify.message.inputs"] == SECRET


def test_g30_secrets_appear_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    settings_ = TelemetrySettings.enabled(
        enterprise_otlp_endpoint="http://127.0.0.1:9",
        enterprise_otlp_api_key=SECRET,
        enterprise_otlp_headers=f"x-key={SECRET}",
        redis_url=f"redis://:{SECRET}@127.0.0.1:1/0",
        otlp={"attempt_timeout_s": 0.2, "give_up_s": 0.3, "backoff_min_s": 0.05},
    )
    with TelemetryGateway(settings_) as gateway:
        gateway.emit("app_created", TENANT, {"app_id": "a"})
        gateway.flush(1.5)
        shown = [
            repr(settings_),
            str(settings_),
            settings_.model_dump_json(),
            gateway.status().model_dump_json(),
            repr(gateway),
            repr(gateway._life.outlets.sinks),
            repr(gateway.dead_letters()),
            caplog.text,
        ]
        gateway.stop(1)

    assert SECRET not in "".join(shown)
    assert gateway.status().sinks[0].last_failure
