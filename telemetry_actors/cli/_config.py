"""``telemetry-actors config``: check, show and describe what ``--config FILE`` may say.

Nothing is started, and no sink is connected. Exit codes: see the commands' help
(`cli/_app.py`).
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from supervisors import SupervisorSpec
from supervisors.errors import ConfigError
from telemetry_actors.base.log import printable
from telemetry_actors.cli._books import print_error
from telemetry_actors.door.registry import registered_cases
from telemetry_actors.errors import SettingsError
from telemetry_actors.life.building import tree_of
from telemetry_actors.settings import TelemetrySettings
from telemetry_actors.sinks.recording import RecordingSink
from telemetry_actors.tree import overrides as _overrides

_OK, _WRONG, _USAGE = 0, 1, 2


def check_config(file: Path) -> int:
    """Say whether *file* can be used, and what it changes.

    Returns:
        The exit code.
    """
    try:
        before = _tree()
        after = _overrides.changed(before, file)
    except SettingsError as error:
        return _complain(str(error), _USAGE)
    except ConfigError as error:
        return _complain(str(error), _WRONG)
    for warning in _warnings(after, "root"):
        print_error(f"{file}: {warning}")
    differences = _differences(_values(before), _values(after))
    print(printable(f"{file}: ok, {len(differences)} value(s) differ from the settings'"))
    for line in differences:
        print(f"  {printable(line)}")
    return _OK


def show_config(file: Path | None, *, as_json: bool) -> int:
    """Print all that a file may say, with the values that are in force.

    Returns:
        The exit code.
    """
    try:
        spec = _tree()
        file = file or TelemetrySettings.enabled().config
        if file is not None:
            spec = _overrides.changed(spec, file)
    except SettingsError as error:
        return _complain(str(error), _USAGE)
    except ConfigError as error:
        return _complain(str(error), _WRONG)
    text = _overrides.dump(spec)
    print(json.dumps(tomllib.loads(text)) if as_json else text, end="\n" if as_json else "")
    return _OK


def show_schema() -> int:
    """Print the JSON Schema of a file.

    Returns:
        The exit code.
    """
    try:
        print(json.dumps(_overrides.schema(_tree()), indent=2))
    except SettingsError as error:
        return _complain(str(error), _USAGE)
    return _OK


def _tree() -> SupervisorSpec:
    """The tree that the settings describe, with a sink, whether or not one is configured."""
    settings = TelemetrySettings.enabled(config=None)
    return tree_of(settings, [RecordingSink()], registered_cases())


def _complain(problem: str, code: int) -> int:
    print_error(problem)
    return code


def _warnings(spec: SupervisorSpec, name: str) -> list[str]:
    found = [f"{name}: {warning}" for warning in spec.warnings()]
    for child in spec.children:
        if child.type == "supervisor":
            assert not callable(child.start)
            found += _warnings(child.start, child.id if name == "root" else f"{name}/{child.id}")
    return found


def _values(spec: SupervisorSpec) -> dict[str, object]:
    """Every value that a file may set, by table and key."""
    found: dict[str, object] = {}

    def walk(path: str, table: dict[str, object]) -> None:
        for key, value in table.items():
            where = f"{path}.{key}" if path else key
            if isinstance(value, dict):
                walk(where, value)
            else:
                found[where] = value

    walk("", tomllib.loads(_overrides.dump(spec)))
    return found


def _differences(before: dict[str, object], after: dict[str, object]) -> list[str]:
    return [
        f"{where} = {json.dumps(value)} (was {json.dumps(before[where])})"
        for where, value in after.items()
        if value != before[where]
    ]
