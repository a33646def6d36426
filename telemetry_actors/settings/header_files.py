"""Headers and API key that are in files, as Kubernetes and Docker hand secrets to a process.

Made by `settings.py`, which reads none of them; read where a gateway is made or built, and by the
thread of a sink while it sends (`sinks/_rotation.py`). Never in `emit()`. What has been read is
known to be secret before anybody is handed it (g30).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from pydantic import SecretStr

from telemetry_actors.errors import SettingsError
from telemetry_actors.redaction.redaction import know_settings
from telemetry_actors.settings._header_texts import check_key, header_pairs, headers_of

T = TypeVar("T")
_HEADERS: Final = "ENTERPRISE_OTLP_HEADERS"
_KEY: Final = "ENTERPRISE_OTLP_API_KEY"
_MOST_BYTES: Final = 65_536
_ABSOLUTE: Final = "must be the absolute path of a file, such as /run/secrets/otlp"


@dataclass(frozen=True, slots=True)
class HeaderFiles:
    """Which of headers and key are in a file, and what was given of the other."""

    headers_file: Path | None
    key_file: Path | None
    headers: SecretStr = field(repr=False)
    key: SecretStr = field(repr=False)

    def read(self) -> dict[str, str]:
        """The headers of this moment, names in lower case. I/O: not in `emit()`.

        Raises:
            SettingsError: a file is missing, empty, or holds nothing that can be sent. The text
                names variable and path, and holds nothing of the content.
        """
        headers, key = self.headers.get_secret_value(), self.key.get_secret_value()
        if self.headers_file is not None:
            headers = ",".join(_content(_HEADERS, self.headers_file).splitlines())
        if self.key_file is not None:
            key = _content(_KEY, self.key_file)
        know_settings({"headers": headers, "api_key": key})
        pairs = _parsed(_HEADERS, self.headers_file, header_pairs, headers)
        return headers_of(pairs, _parsed(_KEY, self.key_file, check_key, key))


def header_files(
    headers_file: Path | None, key_file: Path | None, headers: SecretStr, key: SecretStr
) -> HeaderFiles | None:
    """Which there are; None: no file is named.

    Raises:
        SettingsError: a path isn't absolute, or a text is given beside the file for it.
    """
    for name, file, text in ((_HEADERS, headers_file, headers), (_KEY, key_file, key)):
        if file is None:
            continue
        if not file.is_absolute():  # not shown: it may be the secret itself
            raise SettingsError(f"{name}_FILE", allowed=_ABSOLUTE)
        if text.get_secret_value():
            raise SettingsError(f"{name}_FILE", allowed=f"can't be set beside {name}: which one?")
    if headers_file is None and key_file is None:
        return None
    return HeaderFiles(headers_file, key_file, headers, key)


def _content(name: str, file: Path) -> str:
    try:
        text = _bytes_of(file).decode("utf-8-sig").strip()
    except OSError as error:
        problem = f"can't be read: {error.strerror or type(error).__name__}"
    except ValueError as error:  # UnicodeDecodeError is one, and holds the content
        problem = "must be text in UTF-8" if isinstance(error, UnicodeError) else str(error)
    else:
        problem = "" if text else "is empty"
    if problem:
        raise _error(name, file, problem)
    return text


def _bytes_of(file: Path) -> bytes:
    """A pipe of that name is not waited for."""
    with open(file, "rb", opener=_open) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise ValueError("is no file")
        content = opened.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"is longer than {_MOST_BYTES} bytes")
    return content


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _parsed(name: str, file: Path | None, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        problem = _error(name, file, str(error))
    raise problem


def _error(name: str, file: Path | None, problem: str) -> SettingsError:
    return SettingsError(f"{name}_FILE", value=str(file), allowed=problem)
