"""Arize Phoenix as a judge of traces: what an application for people makes of our spans.

Too large for the development extras (850 MB), so it is looked for and not required: install
``arize-phoenix`` into an environment of its own, and put its ``phoenix`` on PATH or name it in
``TEST_PHOENIX``. It takes traces over HTTP and gRPC; logs and metrics are answered by 405.
It was up in 8 s on the machine this was written on.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.request

from tests.receivers._collector import Collector, SeenSpan

__all__ = ["Phoenix", "phoenix_command"]


def phoenix_command() -> str | None:
    """Where it is installed, or None."""
    return os.environ.get("TEST_PHOENIX") or shutil.which("phoenix")


class Phoenix(Collector):
    """A running Phoenix with a database of its own."""

    name = "phoenix"
    ports_count = 2

    def command(self, ports: list[int]) -> list[str]:
        """The server."""
        command = phoenix_command()
        assert command is not None, "pip install arize-phoenix"
        return [command, "serve"]

    def environment(self, ports: list[int]) -> dict[str, str]:
        """On loopback, with its files in our folder, and telling nobody."""
        return {
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(ports[0]),
            "PHOENIX_GRPC_PORT": str(ports[1]),
            "PHOENIX_WORKING_DIR": str(self._folder),
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }

    def received(self) -> list[dict]:
        """The spans that it has stored so far, as its own interface says them."""
        url = f"{self.endpoint}/v1/projects/default/spans?limit=1000"
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: list[dict] = json.load(answer)["data"]
        return found

    def spans(self) -> list[SeenSpan]:
        """Their places in their traces."""
        return [
            SeenSpan(
                span["name"],
                span["context"]["trace_id"],
                span["context"]["span_id"],
                span["parent_id"] or "",
            )
            for span in self.received()
        ]
