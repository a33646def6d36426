"""Reads a payload that its model has refused: each value in every form that it may have.

Beside the way: nearly every payload is as its model says, and never comes here. Of one that
isn't, a key that is optional and can't be read is left out, and named; a required one costs the
event, and the words say which forms are right. Made of a model's annotations: there is no second
list of keys. Pure; any thread. No message repeats a value.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Final, NamedTuple, Required, Union, get_args, get_origin

from pydantic import BeforeValidator, ValidationError
from typing_extensions import get_type_hints, is_typeddict

from telemetry_actors.base.refused import refusals
from telemetry_actors.event.cases import TelemetryCase
from telemetry_actors.event.definition import CaseDefinition
from telemetry_actors.event.forms import (
    Form,
    InvalidPayload,
    Unreadable,
    count_of,
    flag_of,
    id_of,
    is_id_key,
    number_of,
    text_of,
)

Reader = Callable[[object, list[str], str], Any]
"""Value, names of what is left out (to be added to), the value's own name; raises `Unreadable`."""

_TEXT: Final = Form(text_of, "a text")
_PLAIN: Final[Mapping[object, Form]] = {
    bool: Form(flag_of, "a bool"),
    int: Form(count_of, "a whole number"),
    float: Form(number_of, "a finite number"),
}
_ID: Final = Form(id_of, "a text or an int")
_MOST_WORDS: Final = 300


class _Field(NamedTuple):
    required: bool
    read: Reader
    words: str


class PayloadReader:
    """How the payloads of one case are read.

    A case of the user's own has a model of the user's own, and what that refuses is refused.

    Args:
        definition: of the case. The annotations of a built-in one's model are those of
            `_fields.py`, or plain types.
    """

    def __init__(self, definition: CaseDefinition[object]) -> None:
        self._validate = definition.validate
        self._model: object = definition.model if definition.case in set(TelemetryCase) else None

    def read(self, payload: dict[str, object]) -> tuple[Any, tuple[str, ...]]:
        """The payload as the model has it, and the names of what could not be read.

        A name within a list or map has no number and no key of its own in it: there are never
        more names than the model has.

        Raises:
            InvalidPayload: a required key is missing or can't be read.
        """
        try:
            return self._validate(payload), ()
        except ValidationError as error:
            if self._model is None:
                raise InvalidPayload(_words(error)) from None
        return self._read_again(_fields_of(self._model), payload)

    def _read_again(
        self, fields: Mapping[str, _Field], payload: Mapping[str, object]
    ) -> tuple[object, tuple[str, ...]]:
        lost: list[str] = []
        found, wrong = _read_fields(fields, payload, lost, "")
        if wrong:
            raise InvalidPayload("; ".join(wrong)[:_MOST_WORDS])
        try:
            return self._validate(found), tuple(dict.fromkeys(lost))
        except ValidationError as error:  # the two disagree: a key in a map that is no text, say
            odd = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
            if not odd or any(fields[key].required for key in odd & fields.keys()):
                raise InvalidPayload(_words(error)) from None
        kept = {key: value for key, value in found.items() if key not in odd}
        try:
            return self._validate(kept), tuple(dict.fromkeys([*lost, *sorted(odd)]))
        except ValidationError as error:
            raise InvalidPayload(_words(error)) from None


def _words(error: ValidationError) -> str:
    """Which keys are wrong and how, without their values."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    return refusals(problems, "the payload")[:_MOST_WORDS]


def _read_fields(
    fields: Mapping[str, _Field], given: Mapping[str, object], lost: list[str], name: str
) -> tuple[dict[str, object], list[str]]:
    """What can be read, and in words what is required and can't."""
    found: dict[str, object] = {}
    wrong = []
    for key, field in fields.items():
        value = given.get(key)
        if value is None:
            if field.required:
                wrong.append(f"{key}: missing, must be {field.words}")
            continue
        try:
            found[key] = field.read(value, lost, f"{name}{key}")
        except Unreadable:
            if field.required:
                wrong.append(f"{key}: unreadable, must be {field.words}")
            else:
                lost.append(f"{name}{key}")
    return found, wrong


# -- readers, made of annotations -----------------------------------------------------------------


@cache
def _fields_of(model: object) -> Mapping[str, _Field]:
    hints = get_type_hints(model, include_extras=True)
    return {key: _field_of(kind, _ID if is_id_key(key) else _TEXT) for key, kind in hints.items()}


def _field_of(kind: object, text: Form) -> _Field:
    required = get_origin(kind) is Required
    read, words = _reader_of(get_args(kind)[0] if required else kind, text)
    return _Field(required, read, words)


def _reader_of(kind: object, text: Form) -> tuple[Reader, str]:
    """How a value of the type *kind* is read, whose texts are read as *text* says; and in words."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _annotated(text, *get_args(kind))
    if origin in (Union, types.UnionType):
        (kind,) = (one for one in get_args(kind) if one is not type(None))
        return _reader_of(kind, text)
    if origin is list:
        return _list_of(get_args(kind)[0], text), "a list"
    if origin is dict:
        return _map_of(get_args(kind)[1], text), "a map"
    if is_typeddict(kind):
        return _record_of(kind), "a map"
    form = text if kind is str else _PLAIN.get(kind)
    return (_as_it_is, "anything") if form is None else _simple(form)


def _annotated(text: Form, kind: object, *notes: object) -> tuple[Reader, str]:
    form = next((note for note in notes if isinstance(note, Form)), None)
    if form is not None:
        return _simple(form)
    read, words = _reader_of(kind, text)
    before = next((note.func for note in notes if isinstance(note, BeforeValidator)), None)
    return (read if before is None else _after(before, read)), words


def _after(before: Any, read: Reader) -> Reader:
    """What the model does before it looks at the value is done here, too."""

    def both(value: object, lost: list[str], name: str) -> Any:
        value = before(value)
        return None if value is None else read(value, lost, name)

    return both


def _simple(form: Form) -> tuple[Reader, str]:
    def read(value: object, _lost: list[str], _name: str) -> Any:
        return form.read(value)

    return read, form.words


def _as_it_is(value: object, _lost: list[str], _name: str) -> object:
    return value


def _list_of(kind: object, text: Form) -> Reader:
    inner, _ = _reader_of(kind, text)

    def read(value: object, lost: list[str], name: str) -> Any:
        if not isinstance(value, list | tuple):
            raise Unreadable
        return [inner(item, lost, f"{name}.") for item in value]

    return read


def _map_of(kind: object, text: Form) -> Reader:
    inner, _ = _reader_of(kind, text)

    def read(value: object, lost: list[str], name: str) -> Any:
        if not isinstance(value, dict):
            raise Unreadable
        found: dict[str, object] = {}
        for key, item in value.items():
            try:
                found[key] = None if item is None else inner(item, lost, f"{name}.")
            except Unreadable:
                lost.append(name)
        return found

    return read


def _record_of(model: object) -> Reader:
    fields = _fields_of(model)

    def read(value: object, lost: list[str], name: str) -> Any:
        if not isinstance(value, dict):
            raise Unreadable
        found, wrong = _read_fields(fields, value, lost, f"{name.rstrip('.')}.")
        if wrong:
            raise Unreadable
        return found

    return read
