"""A gateway whose payloads wait in a bucket: ``python -m tests.faults.s3_session PID``.

A process of its own, since the S3 client keeps threads for as long as its process lives. Plays
with the server of that process id (stopped, gone on, killed) and prints what came of it. Where the
server is, the environment says. What is in the bucket is looked at by another client than ours.
"""

import json
import os
import signal
import sys
import time

import boto3

from telemetry_actors.testing import running_gateway
from tests.telemetry_actors.promises.stores import held_store, settled_store

LARGE = "x" * 1_500_000
TENANT = "a/b"
KEY = "pre/telemetry/a%2Fb/{}.json"


def emit(gateway, name, text=LARGE):
    payload = {"message_id": name, "status": "succeeded", "inputs": text, "outputs": "short"}
    return bool(gateway.emit("message_run", {"tenant_id": TENANT}, payload, event_id=name))


def lengths(recording, since=0):
    return [len(log.attributes.get("dify.message.inputs", "")) for log in recording.logs[since:]]


def main(pid):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    said = {}
    store = {"url": "s3://bucket/pre", "timeout_s": 1.0}
    running = running_gateway(enterprise_include_content=True, payload_store=store)
    with held_store(running) as (gateway, recording, gate):
        emit(gateway, "e1")
        gate.wait_for("get")
        found = s3.get_object(Bucket="bucket", Key=KEY.format("e1"))["Body"].read()
        said["object"] = json.loads(found)["message_id"]
        gate.release()
        gateway.flush()
        settled_store(gateway)
        said["whole"] = lengths(recording)
        said["afterwards"] = s3.list_objects_v2(Bucket="bucket")["KeyCount"]

        gate.hold("get")
        emit(gateway, "e2")
        gate.wait_for("get")
        s3.delete_object(Bucket="bucket", Key=KEY.format("e2"))
        gate.release()
        gateway.flush()
        said["object gone"] = [
            lengths(recording, 1),
            recording.logs[1].attributes.get("dify.telemetry.degraded"),
        ]

        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        for n in range(5):
            emit(gateway, f"hung{n}")
        gateway.flush(30)
        said["hung"] = lengths(recording, 2)
        said["hung_s"] = time.monotonic() - began
        os.kill(pid, signal.SIGCONT)
        deadline = time.monotonic() + 20
        n = 0
        written = gateway.status().payload_store.written
        while gateway.status().payload_store.written == written and time.monotonic() < deadline:
            time.sleep(0.3)
            n += 1
            emit(gateway, f"again{n}")
            gateway.flush(10)
        said["healed"] = gateway.status().payload_store.written > written

        os.kill(pid, signal.SIGKILL)
        since = len(recording.logs)
        emit(gateway, "killed")
        gateway.flush(30)
        said["killed"] = lengths(recording, since)
        said["balanced"] = gateway.ledger().balanced()
        said["failed"] = gateway.status().payload_store.failed
    print(json.dumps(said))


if __name__ == "__main__":
    main(int(sys.argv[1]))
