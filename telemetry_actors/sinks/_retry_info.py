"""``RetryInfo``: how long a receiver asks to be left alone, out of a ``google.rpc.Status``.

Pure. HTTP brings the status as the body, gRPC in ``grpc-status-details-bin``. The bytes come
from outside: a detail that can't be read costs the wait, and nothing else of the answer.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

_NEVER_S = 1e9  # as with Retry-After: what makes no sense is as if it weren't there


def retry_info_s(status: bytes) -> float | None:
    """Seconds to wait, at least 0; ``None`` where *status* holds no readable ``RetryInfo``.

    >>> status = Status(code=14)
    >>> status.details.add().Pack(RetryInfo(retry_delay={"seconds": 7}))
    >>> retry_info_s(status.SerializeToString())
    7.0
    """
    try:
        for detail in Status.FromString(status).details:
            if detail.Is(RetryInfo.DESCRIPTOR):
                delay = RetryInfo.FromString(detail.value).retry_delay
                seconds = delay.seconds + delay.nanos / 1e9
                return max(0.0, seconds) if seconds < _NEVER_S else None
    except DecodeError:
        pass
    return None
