"""A key rotates without a restart: real receivers that look at the header, and no event lost."""

import logging
import os
import threading

import pytest

from telemetry_actors import SettingsError, TelemetryGateway, TelemetrySettings
from telemetry_actors.ports import Verdict
from telemetry_actors.redaction.redaction import without_secrets
from telemetry_actors.settings.header_files import HeaderFiles, header_files
from telemetry_actors.sinks import OtlpGrpcSink, OtlpSink
from telemetry_actors.sinks._rotation import Rotation
from tests.receivers.faulty import FaultyReceiver, answer
from tests.receivers.grpc_receiver import GrpcReceiver, no, yes
from tests.receivers.keyed import KeyedReceiver, uids_of
from tests.telemetry_actors.sinks.one_record import LOGS, SPAN, SPANS, send

OLD, NEW = "alter-Schluessel-1", "neuer-Schluessel-2"


class Folder:
    """A secret as Kubernetes mounts it: the file leads through a link that is renamed."""

    def __init__(self, root):
        self.root, self.number = root, 0
        self.file = root / "key"
        self.file.symlink_to("..data/key")

    def put(self, text):
        self.number += 1
        place = self.root / f"..{self.number}"
        place.mkdir()
        (place / "key").write_text(text)
        (self.root / "..new").symlink_to(place.name)
        (self.root / "..new").replace(self.root / "..data")

    def take_away(self):
        (self.root / "..data").unlink()


@pytest.fixture
def secret(tmp_path):
    folder = Folder(tmp_path)
    folder.put(OLD + "\n")
    return folder


def settings_of(receiver, secret, **more):
    return TelemetrySettings.enabled(
        enterprise_otlp_endpoint=receiver.endpoint,
        enterprise_otlp_api_key_file=secret.file,
        **more,
    )


def sink_of(settings):
    kind = OtlpGrpcSink if settings.enterprise_otlp_protocol == "grpc" else OtlpSink
    return kind.from_target(settings.resolved_otlp(), service_name="s")


def emit_some(gateway, first):
    for number in range(first, first + 20):
        assert gateway.emit("app_created", {"tenant_id": "t"}, {}, event_id=f"e{number}")
    assert gateway.flush(10)


def test_over_http_no_event_is_lost(secret, caplog):
    with KeyedReceiver(f"Bearer {OLD}") as receiver:
        gateway = TelemetryGateway(settings_of(receiver, secret))
        with caplog.at_level(logging.INFO, "telemetry_actors"), gateway:
            emit_some(gateway, 0)
            secret.put(NEW)
            receiver.wanted = f"Bearer {NEW}"
            emit_some(gateway, 20)
        ledger = gateway.ledger()

    assert (ledger.exported, ledger.dropped, ledger.balanced()) == (40, {}, True)
    assert len(set(receiver.uids)) == 40
    assert {key for _, key, taken in receiver.requests if taken} == {
        f"Bearer {OLD}",
        f"Bearer {NEW}",
    }
    assert sum(not taken for *_, taken in receiver.requests) <= 3  # one of each kind
    assert NEW not in caplog.text
    assert OLD not in caplog.text
    assert without_secrets(f"sent {NEW} and {OLD}") == "sent *** and ***"


def test_over_grpc_no_event_is_lost(secret):
    wanted, seen, uids = [f"Bearer {OLD}"], [], []
    lock = threading.Lock()

    def look(context, ended):
        key = dict(context.invocation_metadata())["authorization"]
        with lock:
            seen.append(key)
        return (yes() if key == wanted[0] else no("UNAUTHENTICATED"))(context, ended)

    with GrpcReceiver(look) as receiver:
        gateway = TelemetryGateway(settings_of(receiver, secret, enterprise_otlp_protocol="grpc"))
        with gateway:
            emit_some(gateway, 0)
            secret.put(NEW)
            wanted[0] = f"Bearer {NEW}"
            emit_some(gateway, 20)
        ledger = gateway.ledger()
        for request in receiver.requests:
            taken = request.metadata["authorization"]
            if "LogsService" in request.method and taken in (f"Bearer {OLD}", f"Bearer {NEW}"):
                uids += uids_of(request.body)

    assert (ledger.exported, ledger.dropped, ledger.balanced()) == (40, {}, True)
    assert len(set(uids)) == 40
    assert set(seen) == {f"Bearer {OLD}", f"Bearer {NEW}"}


@pytest.mark.parametrize("status", [401, 403])
def test_it_is_tried_once_more_and_only_with_another_key(secret, status):
    with FaultyReceiver(answer(status)) as receiver:
        sink = sink_of(settings_of(receiver, secret))
        assert send(sink).verdict is Verdict.REFUSED
        assert len(receiver.requests) == 1  # nothing has changed: no second try
        secret.put(NEW)
        sink._rotation._due_s = float("inf")  # not due: only the refusal makes it look
        assert send(sink).verdict is Verdict.REFUSED
        sink.close()

    keys = [request.headers["authorization"] for request in receiver.requests]
    assert keys == [f"Bearer {OLD}", f"Bearer {OLD}", f"Bearer {NEW}"]


@pytest.mark.parametrize("answered", [answer(400), answer(404), answer(503)])
def test_another_refusal_is_not_the_keys(secret, answered):
    with FaultyReceiver(answered) as receiver:
        sink = sink_of(settings_of(receiver, secret))
        sink._rotation._due_s = float("inf")
        secret.put(NEW)
        send(sink)
        sink.close()

    assert len(receiver.requests) == 1


def test_without_a_refusal_it_is_looked_at_once_a_second(secret):
    """Over the connection that there is; a signal kind that was quiet has the new one, too."""
    now_s = [100.0]
    with FaultyReceiver(answer(200)) as receiver:
        sink = sink_of(settings_of(receiver, secret))
        sink._rotation._now_s = lambda: now_s[0]
        sink._rotation._due_s = now_s[0] + 1.0
        send(sink)
        secret.put(NEW)
        now_s[0] += 0.9
        send(sink)
        now_s[0] += 0.2
        send(sink)
        sink.export(SPANS, [sink.encode(SPANS, SPAN)], 5.0)
        sink.close()

    keys = [(r.path, r.headers["authorization"]) for r in receiver.requests]
    assert keys == [
        ("/v1/logs", f"Bearer {OLD}"),
        ("/v1/logs", f"Bearer {OLD}"),
        ("/v1/logs", f"Bearer {NEW}"),
        ("/v1/traces", f"Bearer {NEW}"),
    ]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (Folder.take_away, "can't be read: No such file or directory"),
        (lambda secret: secret.put("\n"), "is empty"),
        (lambda secret: secret.put(f"{NEW}\nmore"), "must be printable latin-1 text on one line"),
    ],
)
def test_what_can_not_be_used_later_leaves_the_old_one_in_use(
    secret, caplog, spoil, problem, protocol
):
    with FaultyReceiver(answer(200)) as receiver:
        sink = sink_of(settings_of(receiver, secret, enterprise_otlp_protocol=protocol))
        before = sink._means[LOGS]
        spoil(secret)
        for _ in range(5):
            sink._rotation.look(at_once=True)
        assert sink._means[LOGS] is before
        secret.put(NEW)
        sink._rotation.look(at_once=True)
        assert sink._means[LOGS].plain_headers() == {"authorization": f"Bearer {NEW}"}
        sink.close()

    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    of_it = f"ENTERPRISE_OTLP_API_KEY_FILE = {secret.file}: {problem}"
    assert said == [f"{of_it}; what was read before stays in use until that is put right"]
    assert NEW not in caplog.text


def test_what_grpc_can_not_carry_leaves_the_old_one_in_use(secret, caplog):
    with GrpcReceiver(yes()) as receiver:
        sink = sink_of(settings_of(receiver, secret, enterprise_otlp_protocol="grpc"))
        secret.put("schlüssel-33")
        sink._rotation.look(at_once=True)
        assert send(sink).verdict is Verdict.ACCEPTED
        sink.close()

    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said.endswith(
        "must be what gRPC can carry; what was read before stays in use until that is put right"
    )
    assert "33" not in said
    assert receiver.requests[0].metadata["authorization"] == f"Bearer {OLD}"


def test_headers_of_a_file_one_a_line_and_a_key_of_another(tmp_path):
    headers, key = tmp_path / "headers", tmp_path / "key"
    headers.write_text("X-Scope=a%20b\nx-team=ops,authorization=no\n")
    key.write_bytes(b"\xef\xbb\xbf" + OLD.encode())
    settings = TelemetrySettings.enabled(
        enterprise_otlp_endpoint="http://h:4318",
        enterprise_otlp_headers_file=headers,
        enterprise_otlp_api_key_file=key,
    )
    sink = sink_of(settings)

    assert sink._means[SPANS].plain_headers() == {
        "x-scope": "a b",
        "x-team": "ops",
        "authorization": f"Bearer {OLD}",
    }
    headers.write_text("x-scope=c")
    sink._rotation.look(at_once=True)
    assert sink._means[SPANS].plain_headers() == {
        "x-scope": "c",
        "authorization": f"Bearer {OLD}",
    }


def test_a_rewrite_in_place_of_the_same_size_and_time_is_seen(secret):
    files = header_files(None, secret.file, *[TelemetrySettings().enterprise_otlp_headers] * 2)
    used = []
    rotation = Rotation(files, used.append)
    rotation.begin()
    file = secret.file.resolve()
    times = file.stat()
    file.write_text(NEW + "\n")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    rotation.look(at_once=True)

    assert used == [{"authorization": f"Bearer {OLD}"}, {"authorization": f"Bearer {NEW}"}]


def test_the_sinks_of_a_gateway_that_nobody_rotates_read_nothing(monkeypatch):
    monkeypatch.setattr(HeaderFiles, "read", None)
    with FaultyReceiver(answer(200)) as receiver:
        settings = TelemetrySettings.enabled(enterprise_otlp_endpoint=receiver.endpoint)
        sink = sink_of(settings)
        assert send(sink).verdict is Verdict.ACCEPTED
        sink.close()


def test_the_sink_reads_it_before_its_first_request(secret):
    secret.take_away()
    settings = TelemetrySettings.enabled(
        enterprise_otlp_endpoint="http://h:4318", enterprise_otlp_api_key_file=secret.file
    )
    with pytest.raises(SettingsError, match="can't be read: No such file"):
        sink_of(settings)
