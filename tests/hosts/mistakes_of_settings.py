"""Mistakes of settings: what is read by whoever does nothing but emit."""

from __future__ import annotations

from tests.hosts.mistakes import ONE_EVENT, SECRET, Mistake
from tests.receivers.faulty import answer

__all__ = ["SETTINGS"]

ONLY_EMIT = f"""
for _ in range(3):
    emit("app_created", {{"tenant_id": "acme"}}, {{"app_id": "{SECRET}", "mode": "chat"}})
"""
UNTIL_IT_IS_TRIED = f"""{ONLY_EMIT}
from telemetry_actors._process import standing_gateway
until_s = time.monotonic() + 20
while not standing_gateway().ledger().dropped and time.monotonic() < until_s:
    time.sleep(0.02)
"""
LATE = f"""
import os
from pathlib import Path
file = Path(f"/tmp/late-{{os.getpid()}}")
os.environ["ENTERPRISE_OTLP_API_KEY_FILE"] = str(file)
{UNTIL_IT_IS_TRIED}
file.write_text("key")
while standing_gateway().status().state != "running" and time.monotonic() < until_s:
    time.sleep(0.02)
file.unlink()
get_gateway()
"""
GONE = f"""
import os
from pathlib import Path
file = Path(f"/tmp/gone-{{os.getpid()}}")
os.environ["ENTERPRISE_OTLP_API_KEY_FILE"] = str(file)
file.write_text("key")
{ONLY_EMIT}
from telemetry_actors._process import standing_gateway
standing_gateway().start()
file.unlink()
time.sleep(1.1)  # a look at the file a second
{ONE_EVENT}
get_gateway()
"""
UNSET = dict.fromkeys(
    ("ENTERPRISE_ENABLED", "ENTERPRISE_TELEMETRY_ENABLED", "ENTERPRISE_TELEMETRY_GATEWAY_ENABLED"),
    "",
)
_UNUSABLE = r"every event is refused \(gateway_off\), since a setting can't be used: "
_WORDS = r"must be true or false \(1, yes, on and 0, no, off do, too\)"
_REFUSED = (
    r"metric_log cases are refused \(gateway_off\), so are trace cases, since there is neither a"
    r" sink nor ENTERPRISE_OTLP_ENDPOINT \(trace managers and providers still get them\)"
)
_NO_SINK = (
    r"no sink: events end as dropped \(no_sink\)\. Set TELEMETRY_ACTORS__ENDPOINT, or"
    r" ENTERPRISE_OTLP_ENDPOINT{half}, or hand sinks to init\(\)"
)


def unusable(name: str, line: str, **environment: str) -> Mistake:
    """A row of a setting that can't be used."""
    return Mistake(name, (_UNUSABLE + line,), environment=environment, program=ONLY_EMIT)


SETTINGS = (
    unusable(
        "a word that is no number",
        r"TELEMETRY_ACTORS__GATEWAY__LINGER_S = 'soon': must be a number",
        TELEMETRY_ACTORS__GATEWAY__LINGER_S="soon",
    ),
    unusable(
        "a word that is neither true nor false",
        rf"ENTERPRISE_ENABLED = 'enabled': {_WORDS}",
        ENTERPRISE_ENABLED="enabled",
    ),
    unusable(
        "a neutral switch with such a word",
        rf"TELEMETRY_ACTORS__ENABLED = 'enabled': {_WORDS}",
        ENTERPRISE_ENABLED="",
        TELEMETRY_ACTORS__ENABLED="enabled",
    ),
    unusable(
        "a name that isn't known",
        r"TELEMETRY_ACTORS__REDISURL: no such setting; did you mean TELEMETRY_ACTORS__REDIS_URL\?",
        TELEMETRY_ACTORS__REDISURL=f"redis://u:{SECRET}@h",
    ),
    unusable(
        "a login in the endpoint's URL",
        r"ENTERPRISE_OTLP_ENDPOINT: must hold no login; enterprise_otlp_headers or _api_key may",
        ENTERPRISE_OTLP_ENDPOINT=f"https://u:{SECRET}@collector:4318",
    ),
    unusable(
        "an endpoint without a scheme",
        r"ENTERPRISE_OTLP_ENDPOINT = 'collector:4318': must be a URL such as"
        r" http://otel-collector:4318",
        ENTERPRISE_OTLP_ENDPOINT="collector:4318",
    ),
    unusable(
        "a header without a name",
        r"ENTERPRISE_OTLP_HEADERS: must be key=value pairs with commas between them,"
        r" percent-encoded",
        ENTERPRISE_OTLP_HEADERS=f"Bearer {SECRET}",
    ),
    unusable(
        "an address of Redis that is none",
        r"TELEMETRY_ACTORS__REDIS_URL: must start with redis://, rediss://, unix://",
        TELEMETRY_ACTORS__REDIS_URL=f"http://u:{SECRET}@h",
    ),
    unusable(
        "a key and its file",
        r"ENTERPRISE_OTLP_API_KEY_FILE: can't be set beside ENTERPRISE_OTLP_API_KEY: which one\?",
        ENTERPRISE_OTLP_API_KEY=SECRET,
        ENTERPRISE_OTLP_API_KEY_FILE="/run/secrets/key",
    ),
    unusable(
        "a key in the place of its file",
        r"ENTERPRISE_OTLP_API_KEY_FILE: must be the absolute path of a file, such as"
        r" /run/secrets/otlp",
        ENTERPRISE_OTLP_API_KEY_FILE=SECRET,
    ),
    Mistake(
        "a file of a key that isn't there",
        (
            (
                r"the tree can't be started: ENTERPRISE_OTLP_API_KEY_FILE = /nowhere/key: can't"
                r" be read: No such file or directory; trying again; [123] events were lost"
                r" meanwhile \(parked\)"
            ),
            (
                r"3 events were not delivered before the process ended \(shutdown [012],"
                r" unconfirmed 0, parked [123]; waited [0-9.]+ s\); the tree couldn't be started:"
                r" ENTERPRISE_OTLP_API_KEY_FILE = /nowhere/key: can't be read: No such file or"
                r" directory"
            ),
        ),
        environment={"ENTERPRISE_OTLP_API_KEY_FILE": "/nowhere/key"},
        program=UNTIL_IT_IS_TRIED,
    ),
    Mistake(
        "a file of a key that isn't there, and a stop",
        (
            (
                r"the tree can't be started: ENTERPRISE_OTLP_API_KEY_FILE = /nowhere/key: can't"
                r" be read: No such file or directory; trying again; [123] events were lost"
                r" meanwhile \(parked\)"
            ),
            (
                r"3 events were not delivered before the gateway was stopped \(shutdown [012],"
                r" unconfirmed 0, parked [123]; waited [0-9.]+ s\); the tree couldn't be started:"
                r" ENTERPRISE_OTLP_API_KEY_FILE = /nowhere/key: can't be read: No such file or"
                r" directory"
            ),
        ),
        environment={"ENTERPRISE_OTLP_API_KEY_FILE": "/nowhere/key"},
        program=f"{UNTIL_IT_IS_TRIED}standing_gateway().stop()\n",
    ),
    Mistake(
        "a file of a key that comes late",
        (
            (
                r"the tree can't be started: ENTERPRISE_OTLP_API_KEY_FILE = /tmp/late-\d+: can't"
                r" be read: No such file or directory; trying again; [123] events were lost"
                r" meanwhile \(parked\)"
            ),
            r"the tree is up after \d+ s; 3 events were lost meanwhile \(parked\)",
        ),
        program=LATE,
    ),
    Mistake(
        "a file of a key that goes away while the gateway runs",
        (
            (
                r"ENTERPRISE_OTLP_API_KEY_FILE = /tmp/gone-\d+: can't be read: No such file or"
                r" directory; what was read before stays in use until that is put right"
            ),
        ),
        program=GONE,
    ),
    Mistake(
        "a journal where no directory can be",
        (
            (
                r"the journal in /proc/version fails \(.*\); going on without it: what comes now is"
                r" in memory alone"
            ),
        ),
        environment={"TELEMETRY_ACTORS__JOURNAL__DIRECTORY": "/proc/version"},
    ),
    Mistake(
        "a key of a file that is wrong",
        (
            (
                r"sink otlp/\w+ fails \(refused: HTTP 401\) at {url}/v1/\w+: sent was the header"
                r" authorization: is its value right, and meant for this URL\?"
            ),
        ),
        receiver=answer(401),
        environment={"ENTERPRISE_OTLP_API_KEY_FILE": "/proc/sys/kernel/ostype"},
    ),
    Mistake(
        "one underscore",
        (
            (
                r"TELEMETRY_ACTORS_REDIS_URL is not read: did you mean"
                r" TELEMETRY_ACTORS__REDIS_URL\?"
            ),
        ),
        environment={"TELEMETRY_ACTORS_REDIS_URL": f"redis://u:{SECRET}@h"},
    ),
    Mistake(
        "small letters",
        (
            (
                r"enterprise_otlp_api_key is not read: did you mean ENTERPRISE_OTLP_API_KEY\?"
                r" telemetry_actors__config is not read: did you mean TELEMETRY_ACTORS__CONFIG\?"
            ),
        ),
        environment={"enterprise_otlp_api_key": SECRET, "telemetry_actors__config": "/c"},
    ),
    Mistake(
        "a slip in the endpoint's name",
        (
            r"ENTERPRISE_OTLP_ENDPIONT is not read: did you mean ENTERPRISE_OTLP_ENDPOINT\?",
            _NO_SINK.format(half=""),
        ),
        endpoint="",
        environment={
            "ENTERPRISE_OTLP_ENDPIONT": "http://h",
            "ENTERPRISE_API_URL": "http://h",
            "ENTERPRISE_API_SECRET_KEY": SECRET,
            "ENTERPRISE_REQUEST_TIMEOUT": "5",
        },
    ),
    Mistake(
        "the gateway's switch is on, which is off",
        (
            (
                r"ENTERPRISE_TELEMETRY_GATEWAY_ENABLED is 'on', which is off: true, 1 or yes turn"
                r" it on; metric_log cases are refused \(gateway_off\), trace cases go the old"
                r" route"
            ),
        ),
        environment={"ENTERPRISE_TELEMETRY_GATEWAY_ENABLED": "on"},
        program=ONLY_EMIT,
    ),
    Mistake(
        "nothing is set at all",
        (
            (
                r"ENTERPRISE_TELEMETRY_GATEWAY_ENABLED is not set, which is off: true, 1 or yes"
                rf" turn it on; {_REFUSED}\. enterprise telemetry is off \(ENTERPRISE_ENABLED is"
                r" not set, ENTERPRISE_TELEMETRY_ENABLED is not set\): only workflow_run,"
                r" message_run are eligible, every other case is refused \(not_eligible\)\."
                r" TELEMETRY_ACTORS__ENABLED=true turns on all of that which is not set"
            ),
        ),
        environment=UNSET,
        endpoint="",
        program=ONLY_EMIT,
    ),
    Mistake(
        "turned off in so many words",
        (),
        environment={"ENTERPRISE_TELEMETRY_GATEWAY_ENABLED": "false"},
        program=ONLY_EMIT,
    ),
    Mistake(
        "two endpoints",
        (
            (
                r"TELEMETRY_ACTORS__ENDPOINT is http://other:4318, but ENTERPRISE_OTLP_ENDPOINT"
                r" is {url}, which wins"
            ),
        ),
        environment={"TELEMETRY_ACTORS__ENDPOINT": f"http://u:{SECRET}@other:4318"},
    ),
    Mistake(
        "an endpoint for some signals only",
        (
            _NO_SINK.format(
                half=r" \(OTEL_EXPORTER_OTLP_LOGS_ENDPOINT alone: there is no endpoint for traces"
                r" and metrics\)"
            ),
        ),
        endpoint="",
        environment={"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://h:4318/v1/logs"},
    ),
    Mistake(
        "OTEL_SDK_DISABLED in another word",
        (r"OTEL_SDK_DISABLED is '1', which turns nothing off: true alone does",),
        environment={"OTEL_SDK_DISABLED": "1"},
    ),
    Mistake(
        "neutral names, and nothing is wrong",
        (),
        environment={**UNSET, "TELEMETRY_ACTORS__ENABLED": "on"},
        program=ONE_EVENT,
    ),
)
