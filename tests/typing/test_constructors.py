"""What type checkers are told of constructors is what these take.

A class that takes more than it keeps has an ``__init__`` under ``TYPE_CHECKING``, written by hand
beside its fields. Whoever adds a field adds it there, too.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from typing import Any, get_args, get_origin

import pytest

from supervisors import ChildSpec, ExtraArgs, MailboxSpec, Ref, SupervisedActor, SupervisorSpec
from supervisors.core import words as _words
from telemetry_actors import TelemetrySettings

SPECS = [ChildSpec, ExtraArgs, MailboxSpec, SupervisorSpec]


def told(cls):
    """The arguments of the ``__init__`` for type checkers: name and default, as text."""
    tree = ast.parse(inspect.getsource(cls))
    init: Any
    (init,) = [n for n in ast.walk(tree) if getattr(n, "name", "") == "__init__"]
    args, kwonly = init.args.args[1:], init.args.kwonlyargs
    defaults = [None] * (len(args) - len(init.args.defaults)) + init.args.defaults
    given = [*zip(args, defaults, strict=True), *zip(kwonly, init.args.kw_defaults, strict=True)]
    return {arg.arg: "" if default is None else ast.unparse(default) for arg, default in given}


def shown(field):
    """The default of a dataclass's field, as text; ``...`` where it is an object."""
    if field.default is dataclasses.MISSING:
        return "" if field.default_factory is dataclasses.MISSING else "..."
    plain = field.default is None or type(field.default) in (int, float, bool, str, tuple)
    if plain:
        return repr(field.default)
    return str(field.default) if not dataclasses.is_dataclass(field.default) else "..."


@pytest.mark.parametrize("cls", SPECS)
def test_a_specifications_constructor_is_told_as_it_is(cls):
    """Names in order, and the defaults."""
    fields = {field.name: shown(field) for field in dataclasses.fields(cls)}
    arguments = {
        name: text.rpartition(".")[2]
        if "." in text and not text.replace(".", "").isdigit() and text != "..."
        else text
        for name, text in told(cls).items()
    }

    assert list(arguments) == list(fields)
    assert arguments == fields


def test_settings_are_told_all():
    assert list(told(TelemetrySettings)) == list(TelemetrySettings.model_fields)


@pytest.mark.parametrize("name", ["Strategy", "Restart", "AutoShutdown", "Shutdown", "Overflow"])
def test_the_words_are_those_of_the_members(name):
    words = get_args(getattr(_words, f"{name}Word"))

    assert words == tuple(getattr(_words, name))


def test_an_address_is_generic_without_being_told_of_what():
    assert get_origin(Ref[SupervisedActor]) is Ref
