"""The 93 cases of OTP's supervisor_SUITE, and what has become of them here.

    python -m tests.otp.cases > docs/otp-cases.md

The page is made from the docstrings of the tests, so the two can't differ for long.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import NamedTuple

__all__ = ["CASES", "NOT_PORTED", "Port", "page", "ports"]

_CASES = """
sup_start_normal sup_start_ignore_init sup_start_ignore_child sup_start_ignore_temporary_child
sup_start_ignore_temporary_child_start_child sup_start_ignore_temporary_child_start_child_simple
sup_start_ignore_permanent_child_start_child_simple sup_start_error_return sup_start_fail
sup_start_child_returns_error sup_start_restart_child_returns_error
sup_start_child_returns_error_simple sup_start_map sup_start_map_simple sup_start_map_faulty_specs
sup_stop_infinity sup_stop_timeout sup_stop_timeout_dynamic sup_stop_brutal_kill
sup_stop_brutal_kill_dynamic sup_stop_race sup_stop_non_shutdown_exit_dynamic
child_adm child_adm_simple extra_return child_specs child_specs_map sup_flags
multiple_restarts one_for_one one_for_one_escalation
one_for_all one_for_all_escalation one_for_all_other_child_fails_restart
simple_one_for_one simple_one_for_one_shutdown simple_one_for_one_extra
simple_one_for_one_escalation simple_one_for_one_corruption simple_one_for_one_restart_ignore
rest_for_one rest_for_one_escalation rest_for_one_other_child_fails_restart
external_start_no_progress_log
permanent_normal transient_normal temporary_normal
permanent_shutdown transient_shutdown temporary_shutdown faulty_application_shutdown
permanent_abnormal transient_abnormal temporary_abnormal
child_unlink tree nonsignificant_temporary nonsignificant_transient
significant_temporary significant_transient significant_simple significant_bystander
significant_escalation significant_upgrade_never_any significant_upgrade_any_never
significant_upgrade_never_all significant_upgrade_all_never significant_upgrade_any_all
significant_upgrade_all_any significant_upgrade_child
count_children count_children_supervisor count_restarting_children get_callback_module
do_not_save_start_parameters_for_temporary_children do_not_save_child_specs_for_temporary_children
simple_one_for_one_scale_many_temporary_children temporary_bystander simple_global_supervisor
hanging_restart_loop hanging_restart_loop_rest_for_one hanging_restart_loop_simple
code_change code_change_map code_change_simple code_change_simple_map
order_of_children scale_start_stop_many_children format_log_1 format_log_2
already_started_outside_supervisor which_children which_children_simple_one_for_one
"""
CASES = tuple(_CASES.split())

NOT_PORTED = {
    "get_callback_module": "Support for OTP's release handler. We have no callback modules.",
}

_HERE = Path(__file__).parent
_INTRO = """\
# OTP's own cases

Erlang/OTP tests its supervisor by a suite of {all} cases, `supervisor_SUITE.erl`. {ported} of them
mean something for a supervisor of Python actors, and each is a test here under its own name. They
run real actors, on one thread and in virtual time: where the original sleeps, ours advances a
clock. Where a case is adapted, the last column says how.

The other half of the comparison is `python -m tests.otp.replay FILE`, which replays recorded traces
of OTP's supervisor on ours.

| case | where | claim | adapted |
| --- | --- | --- | --- |
"""


class Port(NamedTuple):
    """A case as it is here."""

    file: str
    claim: str
    adapted: str


def ports() -> dict[str, Port]:
    """All ported cases, by the names that OTP has for them."""
    found: dict[str, Port] = {}
    for path in sorted(_HERE.glob("test_suite_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                said = " ".join((ast.get_docstring(node) or "").split())
                claim, _, adapted = said.partition(" Adapted: ")
                found[node.name.removeprefix("test_")] = Port(path.name, claim, adapted)
    return found


def page() -> str:
    """The text of docs/otp-cases.md."""
    known = ports()
    rows = []
    for case in CASES:
        port = known.get(case)
        if port is None:
            rows.append(f"| `{case}` | not ported | {NOT_PORTED[case]} | |")
        else:
            place = f"[{port.file}](../tests/otp/{port.file})"
            adapted = port.adapted.replace("``", "`")
            rows.append(f"| `{case}` | {place} | {port.claim.replace('``', '`')} | {adapted} |")
    return _INTRO.format(all=len(CASES), ported=len(known)) + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
