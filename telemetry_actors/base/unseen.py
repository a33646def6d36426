"""Our requests are invisible to the host's tracing, as those of OpenTelemetry's exporters are.

Libraries that the host has instrumented (gRPC, botocore, whatever a sink of its own uses) make a
span of each call, ours too, and send its ids along. A key in OpenTelemetry's context tells them not
to. (Our HTTP and Redis don't go through what is instrumented: `sinks/_http.py`,
`stores/_redis_link.py`.)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_KEYS: Final = ("suppress_instrumentation", "suppress_http_instrumentation")
_KEYS_OF_THE_API: Final = ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY")
"""Names in its module: their values are made at its import. Some look at these, some at those."""


@contextmanager
def unseen() -> Iterator[None]:
    """For the duration of the block, on the calling thread."""
    context = sys.modules.get("opentelemetry.context")
    if context is None:  # nobody traces; importing it would cost 40 ms
        yield
        return
    ours = context.get_current()
    made = (getattr(context, name, None) for name in _KEYS_OF_THE_API)
    for key in (*_KEYS, *(key for key in made if key is not None)):
        ours = context.set_value(key, True, ours)
    token = context.attach(ours)
    try:
        yield
    finally:
        context.detach(token)
