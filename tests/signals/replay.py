"""Runs signal vectors through a real tree: ``python -m tests.signals.replay FILE.jsonl[.gz] ...``.

Each vector is one `emit()` into a fresh gateway with a recording sink. Prints ``N vectors, M
agree`` and then each difference. Knows no vector: any file of the form that
tests/data/signals/README.md describes will do. With ``--json`` one object instead, for a
machine. Exit code 0 = all agree, 1 = something differs, 2 = a file can't be read.

The tree runs on one thread and virtual time. Between the call and the first step of the
tree a second passes, so that a processing time can't be taken for the emit time.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from supervisors.testing import DeterministicRuntime
from telemetry_actors import TelemetryGateway, TelemetrySettings
from telemetry_actors.testing import RecordingSink
from tests.signals.compare import Emitted, differences
from tests.signals.vectors import Difference, FileProblem, form_problems, read_vectors

__all__ = ["main", "replay", "run"]

_EMIT_AT_S = 0.123456789
"""No round number, so that a rounded instant shows."""
_LATER_S = 1.0
_LINGER_S = 60.0
"""Longer than *_LATER_S*: until then the event waits at the door."""


def replay(vector: dict[str, Any]) -> list[Difference]:
    """What *vector* expects and isn't so."""
    return form_problems(vector) or differences(vector, run(vector))


def run(vector: dict[str, Any]) -> Emitted:
    """Hand the event of *vector* to a gateway of its own, and see all that comes out."""
    runtime, sink = DeterministicRuntime(), RecordingSink()
    gateway = TelemetryGateway(_settings(vector["settings"]), sinks=[sink], runtime=runtime)
    with gateway:
        runtime.advance(_EMIT_AT_S)
        before_ns = runtime.clock.now_ns()
        admission = gateway.emit(vector["case"], vector["context"], vector["payload"])
        after_ns = runtime.clock.now_ns()
        ids = [item[1].event_id for item in gateway._life.door.mailbox.held()]
        runtime.advance(_LATER_S)
        assert not sink.logs, "the event did not wait"
        assert gateway.flush(), "the event has no outcome"
        return Emitted(
            str(admission),
            before_ns,
            after_ns,
            ids[0] if ids else "",
            dict(gateway.ledger().dropped),
            sink.logs,
            sink.spans,
            sink.metrics(),
        )


def _settings(given: dict[str, Any]) -> TelemetrySettings:
    return TelemetrySettings(
        enterprise_enabled=given["enterprise"],
        enterprise_telemetry_enabled=given["enterprise"],
        enterprise_telemetry_gateway_enabled=given["gateway_enabled"],
        enterprise_include_content=given["include_content"],
        enterprise_otel_sampling_rate=given["sampling_rate"],
        gateway={"linger_s": _LINGER_S},
    )


def _replay_all(vectors: Sequence[dict[str, Any]], progress: TextIO | None) -> Iterator[Any]:
    for number, vector in enumerate(vectors, start=1):
        if progress is not None:
            progress.write(f"\r{number}/{len(vectors)}")
            progress.flush()
        yield replay(vector)
    if progress is not None:
        progress.write("\r\x1b[K")


def main(argv: Sequence[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.signals.replay")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl[.gz]")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    args = parser.parse_args(argv)
    # What vectors switch off on purpose is no news.
    logging.getLogger("telemetry_actors").addHandler(logging.NullHandler())
    try:
        vectors = [vector for path in args.files for vector in read_vectors(path)]
    except FileProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    results = list(_replay_all(vectors, sys.stderr if sys.stderr.isatty() else None))
    _report(results, as_json=args.json)
    return 1 if any(results) else 0


def _report(results: list[list[Difference]], *, as_json: bool) -> None:
    agree, found = results.count([]), [one for differing in results for one in differing]
    if as_json:
        told = [difference._asdict() for difference in found]
        summary = {"vectors": len(results), "agree": agree, "differences": told}
        sys.stdout.write(json.dumps(summary, ensure_ascii=False, default=repr) + "\n")
        return
    sys.stdout.write(f"{len(results)} vectors, {agree} agree\n")
    sys.stdout.writelines(f"{difference.line()}\n" for difference in found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
