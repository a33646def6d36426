"""g30: no secret in reach is in any text that we make, in whichever way it is written.

In reach is what we are given (headers, keys, the URLs of Redis and of a broker) and what libraries
take from the environment by themselves (proxies). Each test makes all the texts that it can, and
looks for all of them.
"""

import base64
import itertools
import logging
import re
from urllib.parse import quote, quote_plus

import pytest

from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.cli import main
from telemetry_actors.errors import SettingsError
from telemetry_actors.event.signals import SignalKind
from telemetry_actors.settings import CelerySettings
from telemetry_actors.sinks import OtlpGrpcSink, OtlpSink
from telemetry_actors.testing import RecordingSink
from tests.receivers.faulty import FaultyReceiver, answer

TENANT = {"tenant_id": "acme"}
APP = {"app_id": "a"}
USER = "svcuser"
PASSWORDS = [
    "Hunter2#Xyzzy", "Hunter2/Xyzzy", "Hunter2@Xyzzy", "Hunter2?Xyzzy", "Hunter2:Xyzzy",
    "64711/Xyzzy", "[Hunter2]Xyzzy", "Hunter2 Xyzzy", "Hunter2%2FXyzzy", "Hünter2\\Xyzzy",
]  # fmt: skip
QUICK = {"attempt_timeout_s": 0.3, "give_up_s": 0.5, "backoff_min_s": 0.05}


def ways(password, user=USER):
    """Whatever a text may hold of a login: whole, in pieces, encoded, in base64."""
    yield user
    for login in {password, f"{user}:{password}"}:
        yield from (
            login,
            quote(login),
            quote(login, safe=""),
            quote_plus(login),
            repr(login)[1:-1],
        )
    yield base64.b64encode(f"{user}:{password}".encode()).decode().rstrip("=")
    yield from (piece for piece in re.split(r"[^\w]+", password) if len(piece) >= 4)


def search(texts, secrets):
    """Case doesn't matter: parsers make lower case of what they take for a host.

    Digits in the middle of a longer number are that number's, such as a time's.
    """
    found = "\n".join(texts).lower()
    return sorted({secret for secret in secrets if re.search(_whole(secret.lower()), found)})


def _whole(secret):
    return rf"(?<![\d.]){secret}(?!\d)" if secret.isdigit() else re.escape(secret)


def texts_of(gateway, caplog, directory=None):
    """All that a gateway has said, and shows of itself."""
    ours = [record for record in caplog.records if record.name.startswith("telemetry_actors")]
    yield from (f"{record.getMessage()} {record.__dict__}" for record in ours)
    status = gateway.status()
    yield status.model_dump_json()
    yield from (repr(status), *status.problems)
    yield from (repr(letter) for letter in gateway.dead_letters())
    yield gateway.ledger().model_dump_json()
    yield from (repr(gateway), repr(gateway._settings), gateway._settings.model_dump_json())
    yield from (repr(sink) for sink in gateway._life.outlets.sinks)
    yield from (sink.endpoint_of(SignalKind.LOGS) for sink in gateway._life.outlets.sinks)
    if directory is not None:
        yield from (
            path.read_bytes().decode("latin-1") for path in directory.rglob("*") if path.is_file()
        )


def after_a_while(settings, caplog, directory=None, *, stop_s=1.5):
    """The texts of a gateway whose receiver isn't reached."""
    caplog.set_level(logging.DEBUG)
    gateway = TelemetryGateway(settings)
    gateway.start()
    gateway.emit("app_created", TENANT, APP)
    gateway.stop(stop_s)  # an attempt is made in any case
    return list(texts_of(gateway, caplog, directory)), gateway


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("name", ["HTTP_PROXY", "all_proxy"])
def test_g30_a_proxys_login_is_nowhere(monkeypatch, caplog, tmp_path, name, password):
    """What `requests` makes of it: some of these are no URL, others another host."""
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv(name, f"http://{USER}:{password}@127.0.0.1:1")
    settings = TelemetrySettings.enabled(
        enterprise_otlp_endpoint="http://receiver.invalid:4318",
        otlp=QUICK,
        dead_letters={"directory": tmp_path},
    )
    texts, gateway = after_a_while(settings, caplog, tmp_path)

    assert search(texts, ways(password)) == []
    assert gateway.ledger().dropped


@pytest.mark.parametrize("password", ["Hunter2#Xyzzy", "64711/Xyzzy", "[Hunter2]Xyzzy"])
def test_g30_nor_what_grpc_makes_of_it(monkeypatch, caplog, password):
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", f"http://{USER}:{password}@127.0.0.1:1")
    settings = TelemetrySettings.enabled(
        enterprise_otlp_endpoint="http://receiver.invalid:4317",
        enterprise_otlp_protocol="grpc",
        otlp=QUICK,
    )
    texts, gateway = after_a_while(settings, caplog)

    assert search(texts, ways(password)) == []
    assert gateway.ledger().dropped


@pytest.mark.parametrize("password", PASSWORDS)
def test_g30_a_brokers_login_is_nowhere(caplog, tmp_path, password):
    settings = TelemetrySettings.enabled(
        transport="celery",
        celery={
            "broker_url": f"redis://{USER}:{password}@127.0.0.1:1/0",
            "give_up_s": 0.5,
            "socket_timeout_s": 0.3,
            "backoff_min_s": 0.05,
        },
        dead_letters={"directory": tmp_path},
    )
    texts, gateway = after_a_while(settings, caplog, tmp_path, stop_s=8)

    assert search(texts, ways(password)) == []
    assert gateway.status().sinks[0].last_failure


@pytest.mark.parametrize("password", PASSWORDS)
def test_g30_redis_login_is_nowhere(caplog, password):
    """Where it is taken; where it isn't, the error is without it."""
    url = f"redis://{USER}:{password}@127.0.0.1:1/0"
    try:
        settings = TelemetrySettings.enabled(
            redis_url=url, enterprise_otlp_endpoint="http://127.0.0.1:1", otlp=QUICK
        )
    except SettingsError as error:
        texts = [str(error), repr(error), repr(error.__dict__)]
    else:
        texts, _ = after_a_while(settings, caplog)

    assert search(texts, ways(password)) == []


@pytest.mark.parametrize("status", [200, 400, 403, 503])
def test_g30_what_a_receiver_says_back_is_without_our_keys(caplog, tmp_path, status):
    """Plain, encoded, in base64; in answers of every kind."""
    key, login = "k3y/with+signs=", f"{USER}:Hunter2/Xyzzy"
    basic = base64.b64encode(login.encode()).decode()
    secrets = [key, quote(key, safe=""), basic, login, "Hunter2/Xyzzy"]
    body = " ".join(secrets).encode()
    with FaultyReceiver(answer(status, body, content_type="text/plain")) as receiver:
        settings = TelemetrySettings.enabled(
            enterprise_otlp_endpoint=receiver.endpoint,
            enterprise_otlp_headers=f"authorization=Basic%20{quote(basic)},x-key={quote(key)}",
            otlp=QUICK,
            dead_letters={"directory": tmp_path},
        )
        texts, _ = after_a_while(settings, caplog, tmp_path)

    assert search(texts, secrets) == []


class Queue(RecordingSink):
    """A sink of the user's, to somewhere with a login."""

    url = f"amqp://{USER}:Hunter2/Xyzzy@broker"

    def endpoint_of(self, kind):
        return self.url

    def export(self, kind, encoded, timeout_s):
        raise RuntimeError(f"{self.url} is gone")

    def export_metrics(self, points, timeout_s):
        raise RuntimeError(f"{self.url} is gone")

    def close(self):
        raise RuntimeError(f"{self.url} was gone")


def test_g30_nor_what_a_sink_of_the_users_says_and_raises(caplog, tmp_path):
    """Crashes, their dead letters, why a part is parked, and where the sink sends to."""
    caplog.set_level(logging.DEBUG)
    settings = TelemetrySettings.enabled(
        dead_letters={"directory": tmp_path}, supervision={"intensity": 0}
    )
    gateway = TelemetryGateway(settings, sinks=[Queue()])
    gateway.start()
    gateway.emit("app_created", TENANT, APP)
    gateway.stop(2)
    texts = [text.replace(repr(Queue.url), "") for text in texts_of(gateway, caplog, tmp_path)]
    texts = [text for text in texts if text != Queue.url]  # what the sink itself says

    assert search(texts, ways("Hunter2/Xyzzy")) == []
    assert "close() raised RuntimeError" in " ".join(texts)  # and not what it says
    assert any(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("scheme", ["http", "redis", "nonsense"])
def test_g30_no_error_of_settings_has_a_login(password, scheme):
    """Whichever field it was put into, and by whomever it is found to be wrong."""
    url = f"{scheme}://{USER}:{password}@host:99999/x"
    attempts = [
        lambda: TelemetrySettings.enabled(enterprise_otlp_endpoint=url),
        lambda: TelemetrySettings.enabled(
            enterprise_otlp_endpoint=url, enterprise_otlp_protocol="grpc"
        ),
        lambda: TelemetrySettings.enabled(enterprise_otlp_endpoint=url.partition("://")[2]),
        lambda: TelemetrySettings.enabled(enterprise_otlp_headers=url),
        lambda: TelemetrySettings.enabled(redis_url=url),
        lambda: TelemetrySettings.enabled(celery={"broker_url": url, "backoff_max_s": -1}),
        lambda: TelemetrySettings.enabled(celery={"broker_uri": url}),
        lambda: TelemetrySettings.enabled(payload_store={"url": url}),
        lambda: TelemetrySettings.enabled(payload_store={"url": url.replace(scheme, "s3")}),
        lambda: TelemetrySettings.enabled(otel_exporter_otlp={"endpoint": url}),
        lambda: TelemetrySettings.enabled(
            otel_exporter_otlp={"endpoint": "http://h", "logs_endpoint": url}
        ),
        lambda: TelemetrySettings.enabled(
            otel_exporter_otlp={"endpoint": "http://h", "protocol": url}
        ),
        lambda: TelemetrySettings.enabled(gateway={"linger_s": url}),
        lambda: CelerySettings(broker_url=url, give_up_s=-1),
        lambda: OtlpSink(url),
        lambda: OtlpGrpcSink(url),
        lambda: OtlpSink("http://h", headers={"x": f"{url}\n{url}"}),
        lambda: OtlpSink("http://h", compression=url),
    ]
    texts = []
    for attempt in attempts:
        try:
            made = attempt()
        except SettingsError as error:
            texts += [str(error), repr(error), repr(error.__dict__)]
            texts += [repr(error.__cause__), repr(error.__context__)]
        else:
            texts.append(repr(made))

    assert search(texts, ways(password)) == []


@pytest.mark.parametrize(
    ("command", "name"),
    list(
        itertools.product(
            [["demo", "--events", "1"], ["replay", "-"], ["dead-letters", "replay", "nowhere"]],
            [
                "ENTERPRISE_OTLP_ENDPOINT",
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "TELEMETRY_ACTORS__REDIS_URL",
                "TELEMETRY_ACTORS__CELERY__BROKER_URL",
                "--endpoint",
            ],
        )
    ),
)
def test_g30_the_command_line_has_none_of_it(monkeypatch, capsys, command, name):
    """On stderr and on stdout."""
    password = "Hunter2/Xyzzy"
    url = f"http://{USER}:{password}@host:4318"
    option = [name, url] if name == "--endpoint" else []
    if not option:
        monkeypatch.setenv(name, url)
    with pytest.raises(SystemExit) as caught:
        main([*command, *option])
    shown = capsys.readouterr()

    assert caught.value.code != 0
    assert search([shown.out, shown.err], ways(password)) == []
