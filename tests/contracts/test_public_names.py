"""The public names: a snapshot, and what architecture.md promises of them.

A name that comes or goes changes this page, and needs a line in CHANGELOG.md.
"""

import ast
import dataclasses
import importlib
import inspect
from pathlib import Path

import pytest

import supervisors
import telemetry_actors

SNAPSHOT = {
    "supervisors": """
        AutoShutdown BRUTAL_KILL Backoff ChildCounts ChildInfo ChildSpec Clock Exit ExitKind
        ExtraArgs INFINITY InFlight LifecycleEvent Mailbox MailboxSpec OneLife Overflow Place Ref
        Report Restart Revoked Runtime Slot Strategy SupervisedActor Supervisor SupervisorRef
        SupervisorSpec SystemClock TICK
    """,
    "supervisors.testing": """
        Deadlock DeterministicRuntime FakeClock TestProbe crash end_thread settle
    """,
    "supervisors.config": """
        Guard apply_overrides dump_spec json_schema load_spec
    """,
    "telemetry_actors": """
        Admission AlreadyRunning CASE_ROUTING CASE_TO_TRACE_TASK_NAME CaseDefinition CaseError
        CaseRoute Clock EventFacts Instrument Ledger LogSignal MappingSettings Measurement Outcome
        PAYLOAD_SIZE_THRESHOLD_BYTES Reason SettingsError SignalType Signals Sink SpanSignal Status
        StopReport StrictError TelemetryCase TelemetryContext TelemetryEnvelope TelemetryError
        TelemetryGateway TelemetrySettings TraceProvider emit get_gateway init is_gateway_enabled
        new_event_id register_case
    """,
    "telemetry_actors.lifecycle": "SigtermHandler stop_on_sigterm",
    "telemetry_actors.testing": """
        RecordingSink Telemetry registered_case running_gateway use_gateway
    """,
    "telemetry_actors.hosts.asgi": "lifespan lifespan_of wrap",
    "telemetry_actors.hosts.celery": "install",
    "telemetry_actors.hosts.gunicorn": "post_worker_init worker_exit",
    "telemetry_actors.hosts.rq": "DeliversAfterJob SimpleWorker SpawnWorker Worker",
    "telemetry_actors.hosts.uwsgi": "install",
    "telemetry_actors.bridges.blinker_signals": "BlinkerBridge SIGNALS SignalNamespace",
    "telemetry_actors.stores.letters": "BadLetter LetterDirectory StoredLetter",
    "telemetry_actors.sinks": "ConsoleSink OtlpGrpcSink OtlpJsonFileSink OtlpSink RecordingSink",
}

PROMISED = {  # architecture.md, "Public names", without what later issues owe
    "supervisors": """
        Supervisor SupervisorRef SupervisorSpec ChildSpec Strategy Restart AutoShutdown Backoff
        MailboxSpec Overflow BRUTAL_KILL INFINITY ChildInfo ChildCounts SupervisedActor Ref Exit
    """,
    "supervisors.testing": "Deadlock DeterministicRuntime FakeClock TestProbe settle",
    "telemetry_actors": """
        TelemetryGateway emit get_gateway is_gateway_enabled TelemetryCase TelemetryContext
        TelemetryEnvelope CaseRoute SignalType CASE_ROUTING CASE_TO_TRACE_TASK_NAME
        PAYLOAD_SIZE_THRESHOLD_BYTES register_case new_event_id Sink TraceProvider Clock Admission
        Outcome Reason Ledger TelemetrySettings
    """,
    "telemetry_actors.testing": "running_gateway",
}

SIGNATURES = {
    supervisors.Supervisor.start: "spec, *, clock=None, runtime=None",
    telemetry_actors.TelemetryGateway: "settings=None, *, sinks=None, clock=None, runtime=None",
    telemetry_actors.TelemetryGateway.emit: (
        "self, case, context, payload, trace_manager=None, *, event_id=None"
    ),
    telemetry_actors.TelemetryGateway.flush: "self, timeout_s=10.0, *, own=False",
    telemetry_actors.TelemetryGateway.stop: "self, timeout_s=None",
    telemetry_actors.TelemetryGateway.aflush: "self, timeout_s=10.0, *, own=False",
    telemetry_actors.TelemetryGateway.astop: "self, timeout_s=None",
    telemetry_actors.TelemetryGateway.start: "self",
    telemetry_actors.TelemetryGateway.replay: "self, letter, on_end=None",
    telemetry_actors.TelemetryGateway.status: "self",
    telemetry_actors.TelemetryGateway.ledger: "self",
    telemetry_actors.emit: "case, context, payload, trace_manager=None, *, event_id=None",
    telemetry_actors.get_gateway: "",
    telemetry_actors.init: "settings=None, *, sinks=None, **overrides",
    telemetry_actors.is_gateway_enabled: "",
}

OTPS_WORDS = {
    "Strategy": "one_for_one one_for_all rest_for_one simple_one_for_one",
    "Restart": "permanent transient temporary",
    "AutoShutdown": "never any_significant all_significant",
}


@pytest.mark.parametrize("module", SNAPSHOT)
def test_the_public_names_are_these(module):
    assert sorted(importlib.import_module(module).__all__) == sorted(SNAPSHOT[module].split())


@pytest.mark.parametrize("module", SNAPSHOT)
def test_every_public_name_is_there(module):
    found = importlib.import_module(module)

    assert [name for name in found.__all__ if not hasattr(found, name)] == []


@pytest.mark.parametrize("module", PROMISED)
def test_what_the_architecture_promises_is_importable(module):
    assert set(PROMISED[module].split()) <= set(importlib.import_module(module).__all__)


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda f: f.__qualname__)
def test_what_is_called_takes_what_the_architecture_says(function):
    signature = inspect.signature(function)
    bare = signature.replace(
        parameters=[
            p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()
        ],
        return_annotation=inspect.Signature.empty,
    )

    assert str(bare) == f"({SIGNATURES[function]})"


def test_a_supervisor_can_be_asked_and_told_all_that_otps_can():
    promised = (
        "which_children count_children start_child terminate_child restart_child delete_child"
        " get_child_spec child stop is_alive exit subscribe"
    )

    assert [n for n in promised.split() if not hasattr(supervisors.SupervisorRef, n)] == []


@pytest.mark.parametrize("name", OTPS_WORDS)
def test_words_of_otp_are_unchanged(name):
    assert {member.name for member in getattr(supervisors, name)} == set(OTPS_WORDS[name].split())


def test_what_a_child_is_said_to_be_has_these_fields():
    assert supervisors.ChildInfo._fields[:5] == ("id", "ref", "state", "kind", "incarnation")
    counts = [field.name for field in dataclasses.fields(supervisors.ChildCounts)]
    assert counts == ["specs", "active", "supervisors", "workers"]


def public_files():
    """What a host may import: files in a package's root, kits and bridges, and faces of rooms."""
    for package in (supervisors, telemetry_actors):
        root = Path(package.__file__).parent
        for path in sorted(root.rglob("*.py")):
            *rooms, name = path.relative_to(root).parts
            if not name.startswith("_") and (not rooms or rooms[0] in ("bridges", "hosts")):
                yield path
    for module in ("cli", "lifecycle", "settings", "sinks", "stores"):
        yield Path(telemetry_actors.__file__).parent / module / "__init__.py"
    yield Path(supervisors.__file__).parent / "config" / "__init__.py"


@pytest.mark.parametrize("path", list(public_files()), ids=lambda p: "/".join(p.parts[-2:]))
def test_what_a_host_may_import_says_what_is_public(path):
    module = ast.parse(path.read_text())

    assert [n for n in ast.walk(module) if isinstance(n, ast.Name) and n.id == "__all__"]
