"""g01, g02, g03, g05: the host comes first."""

import dis
import gc
import logging
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import weakref
from collections import Counter
from logging.handlers import QueueHandler, QueueListener

import pytest
import requests
import urllib3
from opentelemetry import context

from supervisors import SystemClock
from telemetry_actors import Admission, TelemetryCase, TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import RecordingSink, running_gateway
from tests.receivers.faulty import FaultyReceiver, answer
from tests.telemetry_actors.promises import hostile

APP = {"app_id": "a1", "mode": "chat"}
TENANT = {"tenant_id": "acme"}
NAMES = sorted(hostile.values())


def admissions_add_up(gateway, returned):
    """The ledger says what the calls returned."""
    ledger = gateway.ledger()
    counted = Counter(ledger.refused) + Counter(accepted=ledger.accepted)
    return counted == Counter(str(a) for a in returned) and ledger.balanced()


# -- g01: emit() never raises --------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_g01_any_value_in_a_payload_gives_an_admission_and_an_outcome(name):
    with running_gateway() as (gateway, _):
        returned = [
            emit(gateway, "workflow_run", TENANT, {"workflow_id": hostile.values()[name]}),
            emit(gateway, "app_created", TENANT, {**APP, "extra": hostile.values()[name]}),
        ]
        assert gateway.flush(5)
        assert admissions_add_up(gateway, returned)
        assert returned[1] is Admission.ACCEPTED


@pytest.mark.parametrize("name", NAMES)
def test_g01_anything_in_any_place_gives_an_admission(name):
    with running_gateway(enterprise_include_content=True) as (gateway, _):
        returned = [
            emit(gateway, hostile.values()[name], TENANT, APP),
            emit(gateway, "app_created", hostile.values()[name], APP),
            emit(gateway, "app_created", {"tenant_id": hostile.values()[name]}, APP),
            emit(gateway, "app_created", TENANT, hostile.values()[name]),
            emit(gateway, "app_created", TENANT, APP, event_id=hostile.values()[name]),
            emit(gateway, "workflow_run", TENANT, APP, hostile.values()[name]),
            emit(gateway, hostile.Unhashable("app_created"), TENANT, APP),
        ]
        assert all(isinstance(a, Admission) for a in returned)
        assert gateway.flush(10)
        assert admissions_add_up(gateway, returned)


def emit(gateway, *event, **options):
    """What it returns; whatever it raises is a failed test, and never the end of the session."""
    try:
        return gateway.emit(*event, **options)
    except BaseException as error:  # noqa: BLE001 -- a SystemExit is what is looked for
        return pytest.fail(f"it raised {error!r}")


def test_g01_a_payload_that_another_thread_changes_meanwhile():
    payload = {str(n): n for n in range(2000)}
    stop = threading.Event()

    def churn():
        n = 0
        while not stop.is_set():
            payload[f"new{n % 50}"] = n
            payload.pop(f"new{(n + 25) % 50}", None)
            n += 1

    churner = threading.Thread(target=churn)
    churner.start()
    with running_gateway() as (gateway, _):
        returned = [gateway.emit("app_created", TENANT, payload) for _ in range(300)]
        stop.set()
        churner.join()
        gateway.flush(5)
        assert admissions_add_up(gateway, returned)


def test_g01_at_the_recursion_limit():
    """With room for its own first frames it answers, however few are left, and does no half."""
    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[RecordingSink()])
    gateway._life.door.enqueuer.asleep = False  # nobody takes the events away
    mailbox = gateway._life.door.mailbox
    returned, queued = [], []

    def emit():
        returned.append(gateway.emit("app_created", TENANT, APP))

    deepest = how_deep()
    own = 4 if sys.version_info < (3, 12) else 3  # on 3.11 calls into C count as well
    for spare in range(own, 60):
        mailbox.poll(0.0, None)  # it is empty, and the next event is to wake its consumer
        down(deepest - spare, emit)
        queued += mailbox.drain()

    assert {Admission.ACCEPTED} < set(returned) <= {Admission.ACCEPTED, Admission.INVALID}
    assert len(queued) == returned.count(Admission.ACCEPTED)
    mailbox.extend(queued)
    assert admissions_add_up(gateway, returned)
    gateway.stop(1)


def down(levels, then):
    """Call *then* so many frames deeper."""
    if levels:
        down(levels - 1, then)
    else:
        then()


def how_deep():
    """Frames that `down` may add here before Python has had enough."""
    levels = 0
    while True:
        try:
            down(levels, lambda: None)
        except RecursionError:
            return levels - 1
        levels += 1


def test_g01_in_a_finaliser_and_a_weakref_callback():
    class Dying:
        def __del__(self):
            returned.append(gateway.emit("app_created", TENANT, APP))

    returned = []
    with running_gateway() as (gateway, _):
        for _ in range(100):
            thing = Dying()
            thing.__dict__["me"] = thing  # only the collector ends it
            weakref.finalize(thing, lambda: returned.append(gateway.emit("app_created", {}, APP)))
            del thing
            gateway.emit("app_created", TENANT, APP)
        gc.collect()
        gateway.flush(5)
        assert len(returned) == 200
        assert gateway.ledger().exported == 300


def test_g01_after_stop_and_with_unusable_settings(monkeypatch):
    with running_gateway() as (gateway, _):
        pass
    assert gateway.emit("app_created", TENANT, APP) is Admission.STOPPING
    assert gateway.ledger().balanced()

    monkeypatch.setenv("TELEMETRY_ACTORS__GATEWAY__LINGER_S", "for ever")
    program = (
        "import telemetry_actors as t;"
        "assert t.emit('app_created', {}, {}) == 'gateway_off';"
        "import sys\n"
        "try: t.get_gateway()\n"
        "except t.SettingsError as e: print(e)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert "GATEWAY__LINGER_S" in answer.stdout


def test_g01_a_signal_handler_that_emits_in_the_middle_of_emit():
    """No deadlock, and the books are exact (a short form; the long one is in tests/faults)."""
    with running_gateway() as (gateway, _):
        inside = []  # appended to: `x += f()` would lose counts when handlers nest

        def handler(_signum, _frame):
            inside.append(gateway.emit("app_created", TENANT, APP))

        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        outside = 0
        try:
            for _ in range(30_000):
                outside += bool(gateway.emit("app_created", TENANT, APP))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert gateway.flush(10)
        ledger = gateway.ledger()
        assert len(inside) > 5
        assert ledger.accepted == ledger.exported == sum(map(bool, inside)) + outside
        assert ledger.balanced()


# -- g02: emit() never waits ----------------------------------------------------------------------


class CountingClock(SystemClock):
    """On some virtual machines asking for the time is a system call; that one is theirs."""

    def now_ns(self):
        return 1_700_000_000_000_000_000


@pytest.fixture
def quiet_gateway():
    """A gateway whose threads all wait for hours, with room for a while."""
    with running_gateway(
        clock=CountingClock(),
        gateway={"linger_s": 3000.0, "batch_events": 1_000_000, "batch_bytes": 2**40},
        supervision={"sweep_interval_s": 3000.0},
    ) as (gateway, _):
        for _ in range(3):
            gateway.emit("app_created", TENANT, APP)
        threading.Event().wait(0.2)  # let the woken threads go back to sleep
        yield gateway


def asleep(gateway):
    """Wait until the consumer of the gateway's mailbox has asked to be woken."""
    breath = threading.Event()
    for _ in range(1000):
        if gateway._life.door.mailbox._wake_at < sys.maxsize:
            return
        breath.wait(0.005)
    raise AssertionError("it is awake all the time")


def test_g02_no_python_lock_is_taken_in_the_steady_state(quiet_gateway):
    """No call of `emit()` is to a lock, a condition or a queue, and it enters no ``with``."""
    called, withs = [], []

    def trace(frame, event, _arg):
        frame.f_trace_opcodes = True
        if event == "opcode":  # `with lock:` calls by itself, past the profiler
            name = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if name in ("BEFORE_WITH", "LOAD_SPECIAL"):
                withs.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        return trace

    def profile(_frame, event, arg):
        if event == "c_call":
            called.append(f"{getattr(arg, '__module__', '')}.{getattr(arg, '__qualname__', arg)}")
        elif event == "call":
            called.append(_frame.f_code.co_filename)

    payload = {"workflow_id": "w", "workflow_run_id": "r", "status": "succeeded", "inputs": "text"}
    quiet_gateway.emit("workflow_run", TENANT, payload)
    asleep(quiet_gateway)
    before = sys.gettrace()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        admission = quiet_gateway.emit("workflow_run", TENANT, payload)
    finally:
        sys.setprofile(None)
        sys.settrace(before)

    assert admission is Admission.ACCEPTED
    assert withs == []
    text = "\n".join(called)
    assert "deque.append" in text
    for forbidden in ("acquire", "release", "threading.py", "queue.py", "logging", "time.sleep"):
        assert forbidden not in text, text


STRICT = """
import ctypes, gc, os, sys, threading
import telemetry_actors
from supervisors import SystemClock
from telemetry_actors.testing import RecordingSink, use_gateway

class CountingClock(SystemClock):  # to ask for the time is a system call on some virtual machines
    def now_ns(self):
        return 1_700_000_000_000_000_000

hours = {"linger_s": 3000.0, "batch_events": 1_000_000, "batch_bytes": 2**40}
settings = telemetry_actors.TelemetrySettings.enabled(
    gateway=hours, supervision={"sweep_interval_s": 3000.0}
)
gateway = telemetry_actors.TelemetryGateway(
    settings, sinks=[RecordingSink()], clock=CountingClock()
).start()
used = use_gateway(gateway)
used.__enter__()
emit, context, payload = telemetry_actors.emit, {"tenant_id": "t"}, {"app_id": "a", "mode": "chat"}
for _ in range(4_000):
    assert emit("app_created", context, payload)
threading.Event().wait(0.5)  # the woken threads go back to sleep
kept, queue = [object()], gateway._life.door.mailbox.user
for _ in range(len(queue)):  # every second event goes: its memory is free and stays ours
    item = queue.popleft()
    if len(kept) % 2:
        kept.append(item)
    else:
        kept[-1] = item
sys.setswitchinterval(1000)  # nobody asks for the GIL: asking and giving are futex calls
gc.disable()
ctypes.CDLL(None).prctl(22, 1, 0, 0, 0)  # PR_SET_SECCOMP, SECCOMP_MODE_STRICT, for this thread
for _ in range(500):
    emit("app_created", context, payload)
os.write(1, b"alive")
os._exit(0)  # exit_group is no longer allowed either: this kills us, after the word
"""


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_g02_no_system_call_in_the_steady_state():
    """Under strict seccomp any call but read and write kills: 500 emits survive it."""
    with subprocess.Popen([sys.executable, "-c", STRICT], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:  # the kernel ends that one thread, and the others keep the pipe open
            ready, _, _ = select.select([process.stdout], [], [], 30)
            word = os.read(process.stdout.fileno(), 10) if ready else b"nothing"
        finally:
            process.kill()
    assert word == b"alive"


def test_g02_refusals_do_not_wait_either():
    with running_gateway(gateway={"mailbox_events": 5, "linger_s": 3000.0}) as (gateway, _):
        returned = [gateway.emit("app_created", TENANT, APP) for _ in range(10)]

    assert [str(a) for a in returned].count("mailbox_full") == 5


def test_g02_the_first_module_level_emit_returns_before_anything_is_built():
    program = """
import sys, threading
import telemetry_actors
assert threading.active_count() == 1
assert "telemetry_actors.tree.whole" not in sys.modules
done, here = [], threading.get_ident()
def hook(event, args):
    if threading.get_ident() == here and event in ("import", "open", "socket.connect"):
        done.append((event, args[0]))
def profile(frame, event, arg):
    if event == "call" and frame.f_code.co_filename == threading.__file__:
        done.append(("threading", frame.f_code.co_qualname))
sys.addaudithook(hook)
sys.setprofile(profile)
first = telemetry_actors.emit("app_created", {"tenant_id": "t"}, {"app_id": "a"})
sys.setprofile(None)
assert first, first
assert done == [], done
assert telemetry_actors.get_gateway().flush(10)
ledger = telemetry_actors.get_gateway().ledger()
assert ledger.dropped == {"no_sink": 1} and ledger.balanced(), ledger
telemetry_actors.get_gateway().stop(2)
print("fine")
"""
    environment = {
        **os.environ,
        "ENTERPRISE_ENABLED": "true",
        "ENTERPRISE_TELEMETRY_ENABLED": "true",
        "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED": "yes",
    }
    answer = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=environment,
    )
    assert answer.stdout == "fine\n", answer.stderr


# -- g03: telemetry about telemetry can't loop ----------------------------------------------------


class Shipping(logging.Handler):
    """Ships every log line of the process as an event."""

    def __init__(self):
        super().__init__()
        self.gateway, self.returned = None, []

    def emit(self, record):
        if self.gateway is not None:
            self.returned.append(self.gateway.emit("app_created", TENANT, APP))


@pytest.fixture
def shipping():
    """At the root, where hosts put theirs."""
    handler = Shipping()
    root = logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


def test_g03_a_logging_handler_that_emits_gets_no_loop(shipping):
    class Chatty(RecordingSink):
        """Logs with each request, as HTTP clients do."""

        def export(self, kind, encoded, timeout_s):
            logging.getLogger("http.client").warning("POST %s", kind)
            return super().export(kind, encoded, timeout_s)

        def export_metrics(self, points, timeout_s):
            logging.getLogger("http.client").warning("POST metrics")
            return super().export_metrics(points, timeout_s)

    gateway = TelemetryGateway(TelemetrySettings.enabled(), sinks=[Chatty()])
    shipping.gateway = gateway
    with gateway:
        logging.getLogger("host").warning("a line of the host's")
        for _ in range(5):
            assert gateway.flush(5)
        returned = list(shipping.returned)

    assert returned[0] is Admission.ACCEPTED
    assert returned[1:] == [Admission.NOT_ELIGIBLE] * (1 + 5)  # one of logs, five of metrics
    ledger = gateway.ledger()
    assert ledger.exported == 1
    assert ledger.balanced()


def test_g03_our_own_warnings_never_enter_the_tree(shipping):
    """Nor do those that are said on a thread of the host's."""
    gateway = TelemetryGateway(TelemetrySettings.enabled())
    shipping.gateway = gateway
    with gateway:  # says that there is no sink
        assert shipping.returned == [Admission.NOT_ELIGIBLE]
        assert gateway.ledger().accepted == 0


@pytest.mark.parametrize("statuses", [(200,), (200, 503)], ids=["well", "flapping"])
def test_g03_a_log_that_is_sent_from_another_thread_gets_no_loop(statuses):
    """A1: what `dictConfig` builds since 3.12. Nobody can tell there whose the record was."""
    lines, accepted = queue.SimpleQueue(), []

    class Emitting(logging.Handler):
        def emit(self, record):
            accepted.append(gateway.emit("app_created", TENANT, APP))

    root, to_queue = logging.getLogger(), QueueHandler(lines)
    listener = QueueListener(lines, Emitting())
    before = root.level
    answers = [answer(status) for status in statuses] * 40
    settings = {"gateway": {"linger_s": 0.0}, "sink": {"linger_s": 0.0}}
    with FaultyReceiver(*answers, answer(200)) as receiver:
        settings |= {"enterprise_otlp_endpoint": receiver.endpoint, "otlp": {"backoff_min_s": 0.01}}
        gateway = TelemetryGateway(TelemetrySettings.enabled(**settings))
        root.setLevel(logging.DEBUG)
        root.addHandler(to_queue)
        listener.start()
        try:
            with gateway:
                logging.getLogger("host").warning("a line of the host's")
                for _ in range(20):
                    assert gateway.flush(10)
                emitted = len(accepted)
        finally:
            root.removeHandler(to_queue)
            root.setLevel(before)
            listener.stop()

    # The host's own; that we have started; and our few about a receiver that flaps: bounded.
    assert emitted <= (2 if len(statuses) == 1 else 2 + 3 * 2)


# -- what our threads do in shared libraries ------------------------------------------------------


def test_our_requests_are_invisible_to_the_hosts_tracing():
    """A2: as those of OpenTelemetry's exporters. All instrumentations look at this key."""
    seen = []

    class Looking(RecordingSink):
        def export(self, kind, encoded, timeout_s):
            keys = ("suppress_instrumentation", context._SUPPRESS_INSTRUMENTATION_KEY)
            seen.extend(context.get_value(key) for key in keys)
            return super().export(kind, encoded, timeout_s)

        def export_metrics(self, points, timeout_s):
            seen.append(context.get_value("suppress_instrumentation"))
            return super().export_metrics(points, timeout_s)

    with TelemetryGateway(TelemetrySettings.enabled(), sinks=[Looking()]) as gateway:
        gateway.emit("app_created", TENANT, APP)
        assert gateway.flush(5)

    assert set(seen) == {True}
    assert context.get_value("suppress_instrumentation") is None


def test_our_http_goes_through_nothing_that_tracing_patches(monkeypatch):
    """Session.send, and the pools' urlopen, which also log each request."""

    def patched(*_args, **_options):
        raise AssertionError("a request of ours came by")

    monkeypatch.setattr(requests.Session, "send", patched)
    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", patched)
    with FaultyReceiver(answer(200)) as receiver:
        settings = TelemetrySettings.enabled(enterprise_otlp_endpoint=receiver.endpoint)
        with TelemetryGateway(settings) as gateway:
            gateway.emit("app_created", TENANT, APP)
            assert gateway.flush(5)
            assert gateway.ledger().exported == 1


# -- g05: nothing global is touched ---------------------------------------------------------------

_GLOBALS = """
import _thread, atexit, gc, importlib, logging, os, pkgutil, signal, sys, threading, time
def state():
    return {
        "threads": (threading.active_count(), _thread._count()),
        "root handlers": list(logging.getLogger().handlers),
        "root level": logging.getLogger().level,
        "signals": [signal.getsignal(s) for s in signal.valid_signals()],
        "atexit": atexit._ncallbacks(),
        "excepthook": sys.excepthook,
        "switch interval": sys.getswitchinterval(),
        "gc": gc.get_threshold(),
    }
# what dependencies do at their import is theirs; ours must add nothing to it
for name in (
    "pykka pydantic pydantic_settings msgpack tenacity requests logging.config"
    " opentelemetry.proto.collector.logs.v1.logs_service_pb2 opentelemetry.sdk.resources"
    " google.rpc.status_pb2 concurrent.futures typer rich.console rich.progress rich.live"
).split():
    importlib.import_module(name)
before = state()
import supervisors, telemetry_actors
for package in (supervisors, telemetry_actors):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
after = state()
changed = {k: (before[k], after[k]) for k in before if before[k] != after[k]}
assert not changed, changed
from opentelemetry import trace, metrics, _logs
assert type(trace.get_tracer_provider()).__name__ == "ProxyTracerProvider"
assert type(metrics.get_meter_provider()).__name__ == "_ProxyMeterProvider"
print("untouched")
"""


def test_g05_importing_every_module_changes_nothing_of_the_process():
    answer = subprocess.run(
        [sys.executable, "-c", _GLOBALS], capture_output=True, text=True, check=False, timeout=60
    )

    assert answer.stdout == "untouched\n", answer.stderr


def test_g05_a_whole_life_sets_no_global_provider_and_leaves_no_thread():
    before = set(threading.enumerate())
    with running_gateway() as (gateway, _):
        gateway.emit(TelemetryCase.APP_CREATED, TENANT, APP)
        gateway.flush(5)
    assert set(threading.enumerate()) == before
