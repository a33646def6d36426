"""FsspecPayloadStore: payload objects in a bucket (``s3://``) or in memory (``memory://``).

By way of fsspec, which is imported when the first object is written or swept; ``s3://``
takes the extra ``s3``. Two processes that write the same name at the same instant both succeed,
and the last one stays: a bucket has no "only if it isn't there" that all servers know.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime


class FsspecPayloadStore:
    """See `PayloadStore`. Any thread, several at a time; times out by itself.

    Args:
        url: ``s3://bucket/prefix`` or ``memory://prefix``. Credentials and endpoint come from where
            the AWS tools look for them.
        timeout_s: for connecting, and for each answer.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        import fsspec

        scheme, _, root = url.partition("://")
        self._root = root.strip("/")
        options: dict[str, object] = {}
        if scheme == "s3":
            options = {
                "config_kwargs": {
                    "connect_timeout": timeout_s,
                    "read_timeout": timeout_s,
                    "retries": {"max_attempts": 1},
                },
                "use_listings_cache": False,
                "skip_instance_cache": True,
            }
        self._fs = fsspec.filesystem(scheme, **options)

    def __repr__(self) -> str:
        return f"<FsspecPayloadStore {self._fs.protocol}>"

    def put(self, key: str, data: bytes) -> bool:
        """See `PayloadStore.put`."""
        path = self._path(key)
        if self._fs.exists(path):
            return False
        self._fs.pipe_file(path, data)
        return True

    def get(self, key: str, max_bytes: int) -> bytes:
        """See `PayloadStore.get`."""
        path = self._path(key)
        size = self._fs.size(path)
        if size is None or size > max_bytes:
            raise ValueError(f"{size} bytes, at most {max_bytes} are allowed")
        data: bytes = self._fs.cat_file(path)
        return data

    def delete(self, key: str) -> None:
        """See `PayloadStore.delete`."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._path(key))

    def sweep(self, older_than_ns: int) -> int:
        """See `PayloadStore.sweep`."""
        swept = 0
        for path, found in self._fs.find(self._path("telemetry"), detail=True).items():
            when = found.get("LastModified") or found.get("created")
            if path.endswith(".json") and _ns(when) < older_than_ns:
                self._fs.rm_file(path)
                swept += 1
        return swept

    def close(self) -> None:
        """The connections are fsspec's, which shares them."""

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"


def _ns(when: object) -> int:
    """Nanoseconds since the epoch; for what has no time: the far future."""
    if isinstance(when, datetime):
        at = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        when = at.timestamp()
    return int(when * 1e9) if isinstance(when, float) else 2**63
