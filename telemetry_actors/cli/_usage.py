"""From arguments to an exit code: a mistake in them is one line, which names what was meant.

In front of the commands (`cli/_app.py`): `cli.main` calls `run`. The command's own thread.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from telemetry_actors.base.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

_NAME = "telemetry-actors"
_VARIABLE = "_TELEMETRY_ACTORS_COMPLETE"
_COMPLETIONS = ("--show-completion", "--install-completion")
_NO_CHOICE = re.compile(r"(.*?: )(?:Value error, )?'(.*)' is not one of ('.*')", re.DOTALL)
_NO_COMMAND = re.compile(r"No such command '(.*?)'\.", re.DOTALL)


def run(app: typer.Typer, argv: Sequence[str]) -> int:
    """Carry out *argv*; Ctrl-C is 130.

    Returns:
        The exit code.
    """
    import typer

    option, *names = [word for one in argv[:2] for word in one.split("=", 1)] or [""]
    if names and option in _COMPLETIONS:
        return _complete(names[0], install=option == _COMPLETIONS[1])
    try:
        code = app(args=list(argv), prog_name=_NAME, standalone_mode=False)
    except typer.Abort:
        return 130
    except Exception as error:
        if not hasattr(error, "format_message"):  # what typer raises of arguments, and no other has
            raise
        return _told(error)
    return code if isinstance(code, int) else 0


def _complete(shell: str, *, install: bool) -> int:
    """Typer itself would pass over the name, and go by the shell that it is called from."""
    from typer import _completion_shared as completion

    from telemetry_actors.cli._books import print_error

    there = [one.value for one in completion.Shells]
    if shell not in there:
        known = f"{did_you_mean(shell, there)}; there are {', '.join(there)}"
        print_error(f"there is no completion for {shell or 'a shell without a name'}{known}")
        return 2
    if not install:
        script = completion.get_completion_script(
            prog_name=_NAME, complete_var=_VARIABLE, shell=shell
        )
        sys.stdout.write(f"{script}\n")
        return 0
    try:
        _, path = completion.install(shell=shell, prog_name=_NAME, complete_var=_VARIABLE)
    except OSError as error:
        print_error(f"the completion can't be installed: {error}")
        return 2
    sys.stdout.write(f"{shell} completion installed in {path}; it is there in the next shell\n")
    return 0


def _told(error: Any) -> int:
    from telemetry_actors.cli._books import print_error

    if type(error).__name__ == "NoArgsIsHelpError":  # no mistake: its message is the help
        error.show()
        return int(error.exit_code)
    context = getattr(error, "ctx", None)
    help_of = getattr(context, "command_path", _NAME)
    print_error(f"{_words(error, context)} ({help_of} -h says more)")
    return int(error.exit_code)


def _words(error: Any, context: Any) -> str:
    message = str(error.format_message()).strip().rstrip(".")
    option = getattr(error, "option_name", None)
    if isinstance(option, str) and hasattr(error, "possibilities"):
        known = [name for one in context.command.params for name in one.opts] if context else []
        return f"there is no option {option}{did_you_mean(option, [*known, '-h', '--help'])}"
    wrong = _NO_COMMAND.match(str(getattr(error, "message", "")))
    if wrong is not None and context is not None:
        there = list(context.command.commands)
        near = did_you_mean(wrong[1], there) or f"; there are {', '.join(there)}"
        return f"there is no command {wrong[1]}{near}"
    message = message[:1].lower() + message[1:]
    other = _NO_CHOICE.fullmatch(message)
    if other is None:
        return message.replace("Value error, ", "", 1)
    there = re.findall(r"'(.*?)'", other[3])
    near = did_you_mean(other[2], there) or f"; there are {', '.join(there)}"
    return f"{other[1]}there is no {other[2]}{near}"
