"""What no text of ours may hold: each secret in reach, taken out here and nowhere else (g30).

Texts that others have written (errors of libraries, answers of receivers) go through
`without_secrets` or `words_of` before they are shown anywhere: in a log line, `status()`, a dead
letter, an error of ours, the command line. Two things are taken out:

- what is *known* to be secret: whoever is handed a login, a header or a key says so here
  (`know_url`, `know_headers`, `know_secret`, `know_settings`), and what libraries take from the
  environment by themselves (proxies, AWS) is looked up when a text comes. Plain, percent-encoded,
  quoted, in base64 as ``Basic`` has it; and piece by piece, since a parser that meets a ``/`` or
  ``#`` in a password shows what is before it as a host or a port;
- the login of *any* URL in the text, known or not.

Too much rather than too little. Any thread, no lock: what is known is one dictionary, and what is
made of it is published whole.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

_HIDDEN: Final = "***"
_MOST_KNOWN = 4_000  # of a process; the oldest are forgotten first
_FEW_CHARS = 4  # what is shorter is hidden only where it stands by itself
_PART_CHARS = 8  # of a word of a header's value: less would blot out ordinary words
_DEFAULT_USERS = frozenset(("default", "guest"))
_SECRET_OPTION = re.compile(r"pass|pwd|secret|token|key|auth|sig|cred|user", re.IGNORECASE)
_PIECES = re.compile(r"[/?#@:;&\[\]\\]+")
_WORDS = re.compile(r"(\s+)")

_URLS_OF_LIBRARIES: Final = tuple(
    written
    for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy", "celery_broker_url")
    for written in (name, name.upper())
)
_SECRETS_OF_LIBRARIES: Final = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

_known: dict[str, bool] = {}
"""Secret -> whether it is hidden only where it stands by itself."""


class _Rule(NamedTuple):
    """All that is secret, and what was known when it was made."""

    known: int
    environment: tuple[str, ...]
    secrets: tuple[tuple[str, str, bool], ...]
    """Longest first: plain, in lower case, and whether it is hidden only where it stands alone."""


_versions = count(1)
_version = [0]
NOTHING_KNOWN: Final = _Rule(0, (), ())
_rules = [NOTHING_KNOWN]


# -- what is secret -----------------------------------------------------------------------------


def know_secret(secret: str) -> None:
    """*secret* is one, in whichever way it is written."""
    _know(_written(secret))


def know_url(url: str) -> None:
    """Login and secret options of *url* are secrets; it need not be a URL that can be used."""
    _know(_secrets_of_url(url))


def know_headers(headers: Mapping[str, str]) -> None:
    """The values are secrets; so are their longer words, and the login of ``Basic``."""
    for value in headers.values():
        _know(_secrets_of_header(value))


def know_settings(values: object) -> None:
    """The secrets among settings as they were given, before anybody has checked them.

    Told by the names: ``..._url`` and ``..._endpoint``, ``...headers``, ``..._api_key``. Maps
    within are looked into.
    """
    if not isinstance(values, Mapping):
        return
    for name, value in values.items():
        if isinstance(value, Mapping):
            know_settings(value)
            continue
        text = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        if isinstance(name, str) and isinstance(text, str):
            _know_setting(name.lower(), text)


def _know_setting(name: str, text: str) -> None:
    if name.endswith("headers"):
        pairs = (pair.partition("=") for pair in text.split(","))
        know_headers({pair[0]: unquote(pair[2] or pair[0]).strip() for pair in pairs})
        know_headers({"": text.strip()})
    elif name.endswith("api_key"):
        _know(_secrets_of_header(text.strip()))
    elif "://" in text or name.endswith(("url", "endpoint")):
        know_url(text)


def _know(found: Iterator[tuple[str, bool]]) -> None:
    before = len(_known)
    _add(found, _known)
    if len(_known) != before:
        _version[0] = next(_versions)  # another for each who adds, and written after it is there
    while len(_known) > _MOST_KNOWN:
        with suppress(StopIteration, RuntimeError, KeyError):  # another thread does the same
            del _known[next(iter(_known))]


def _add(found: Iterable[tuple[str, bool]], known: dict[str, bool]) -> None:
    for secret, alone in found:
        known[secret] = alone and known.get(secret, True)


# -- how it is written --------------------------------------------------------------------------


def _written(secret: str, *, alone: bool = False) -> Iterator[tuple[str, bool]]:
    """Each way in which a text may hold *secret*."""
    plain = {secret, secret.strip(), unquote(secret)}
    for text in plain - {""}:
        try:
            encoded = {quote(text), quote(text, safe=""), quote_plus(text)}
        except UnicodeEncodeError:  # bytes of the environment that are no UTF-8
            encoded = {quote(text, errors="surrogateescape")} if _is_escaped(text) else set()
        shown = {repr(text)[1:-1], ascii(text)[1:-1], json.dumps(text)[1:-1]}
        for way in {text} | encoded | shown:
            yield way, alone or len(way) < _FEW_CHARS


def _is_escaped(text: str) -> bool:
    try:
        text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _secrets_of_url(url: str) -> Iterator[tuple[str, bool]]:
    several = url.split(";")  # as Celery takes it
    if len(several) > 1 and all("://" in one for one in several):
        for one in several:
            yield from _secrets_of_url(one)
        return
    login = _login_of(url)
    if login:
        yield from _secrets_of_login(login, host=url.rpartition("@")[2])
    with suppress(ValueError):
        for name, value in parse_qsl(urlsplit(url).query):
            if _SECRET_OPTION.search(name):
                yield from _written(value)


def _login_of(url: str) -> str:
    """All before the last ``@``, whatever is in it; but not a query with one in a value."""
    rest = url.partition("://")[2] or url
    login, _, _ = rest.rpartition("@")
    before, question, option = login.partition("?")
    return "" if question and "=" in option and "@" not in before else login


def _secrets_of_login(login: str, *, host: str = "") -> Iterator[tuple[str, bool]]:
    if login in _DEFAULT_USERS:
        return
    user, colon, password = login.partition(":")
    for form in {login, unquote(login)}:
        encoded = base64.b64encode(form.encode(errors="replace")).decode().rstrip("=")
        yield from _written(encoded)
        yield encoded.replace("+", "-").replace("/", "_"), False
    yield from _written(login, alone=not colon)
    yield from _written(password if colon else user)
    if len(user) >= _FEW_CHARS - 1 and user not in _DEFAULT_USERS and not host.startswith(user):
        yield from _written(user, alone=True)
    for text in {login, unquote(login)}:
        for piece in _PIECES.split(text.partition(":")[2] if colon else text):
            if len(piece) >= _FEW_CHARS:
                yield from _written(piece, alone=True)


def _secrets_of_header(value: str) -> Iterator[tuple[str, bool]]:
    if len(value) >= _FEW_CHARS:
        yield from _written(value)
    for part in value.split():
        if len(part) >= _PART_CHARS:
            yield from _written(part)
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "basic":
        with suppress(binascii.Error, ValueError):
            login = base64.b64decode(rest.strip(), validate=True).decode()
            yield from _secrets_of_login(login)


# -- taking it out ------------------------------------------------------------------------------


def without_secrets(text: str) -> str:
    """*text* with ``***`` in the place of each secret.

    >>> without_secrets("can't reach redis://svc:pa#ss/word@cache:6379/0, giving up")
    "can't reach redis://***@cache:6379/0, giving up"
    """
    if not text:
        return text
    if "://" in text and "@" in text:
        text = "".join(map(_without_login, _WORDS.split(text)))
    lower = text.lower()  # a parser may have made that of a piece
    for secret, lowered, alone in _secrets():
        if lowered in lower or secret in text:  # patterns are dear to make, and few are needed
            text = re.sub(_way(secret, alone=alone), _HIDDEN, text, flags=re.IGNORECASE)
    return text


def words_of(error: BaseException) -> str:
    """Type and text of *error*, without secrets. It may be one that can't say what it is."""
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 -- of the host's or a library's making
        text = ""
    return without_secrets(f"{type(error).__name__}: {text}")


def place_of(url: str) -> str:
    """Scheme, host and port of *url*: what may be shown of it, whatever is in its login.

    >>> place_of("redis://u:secret/x@cache:6379/0"), place_of("https://h:4318/v1/logs?key=k")
    ('redis://cache:6379', 'https://h:4318')
    """
    scheme, mark, rest = url.partition("://")
    login = _login_of(url)
    rest = rest[len(login) + 1 :] if login else rest
    place = re.split(r"[/?#\s]", rest, maxsplit=1)[0]
    return f"{scheme}{mark}{place}" if mark else ""


def _without_login(word: str) -> str:
    """By hand: a pattern would take the square of a long word's length, and others send it."""
    start, end = word.find("://"), word.rfind("@")
    return word if start < 0 or end < start else f"{word[: start + 3]}{_HIDDEN}{word[end:]}"


def _secrets() -> tuple[tuple[str, str, bool], ...]:
    names = (*_URLS_OF_LIBRARIES, *_SECRETS_OF_LIBRARIES)
    environment = tuple(os.environ.get(name, "") for name in names)
    rule = _rules[0]
    if rule.known != _version[0] or rule.environment != environment:
        rule = _rules[0] = _Rule(_version[0], environment, _made(environment))
    return rule.secrets


def _made(environment: tuple[str, ...]) -> tuple[tuple[str, str, bool], ...]:
    found = _known.copy()
    for index, text in enumerate(environment):
        if text:
            is_url = index < len(_URLS_OF_LIBRARIES)
            _add(_secrets_of_url(text) if is_url else _written(text), found)
    found.pop("", None)
    longest_first = sorted(found, key=len, reverse=True)
    return tuple((secret, secret.lower(), found[secret]) for secret in longest_first)


def _way(secret: str, *, alone: bool) -> str:
    found = re.escape(secret)
    return rf"(?:(?<![^\W_])|(?<=%[0-9A-F]{{2}})){found}(?![^\W_])" if alone else found
