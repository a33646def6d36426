"""The command line as typer sees it: names, options, help. `cli.main` imports it.

What a command does is in a file of its own (``cli/_demo.py``, ``cli/_replay.py`` …), imported when
it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from telemetry_actors.books.ledger import Reason

app = typer.Typer(
    name="telemetry-actors",
    help="Supervised actors that carry business telemetry from emit() to OTLP.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # plain help, which fills its paragraphs
    pretty_exceptions_enable=False,  # they print local variables, and those hold secrets
)

_EndpointOption = Annotated[
    str | None,
    typer.Option("--endpoint", metavar="URL", help="Base URL of an OTLP/HTTP receiver to send to."),
]
_ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="TOML that overrides how the tree is supervised; see 'config show'.",
    ),
]


def _import(context: typer.Context, modules: list[str] | None) -> list[str] | None:
    if modules and not context.resilient_parsing:  # else a shell asks what there is
        from telemetry_actors.cli._imports import import_modules

        if not import_modules(modules):
            raise typer.Exit(2)
    return modules


_ImportOption = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="MODULE",
        callback=_import,
        help="Import it first, so that the cases it registers are known; may be given several"
        " times. Looked for in the current directory, too.",
    ),
]
_JsonOption = Annotated[
    bool,
    typer.Option("--json", help="End with one line of JSON on stdout; all else goes to stderr."),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        import platform
        from importlib.metadata import version

        python = f"{platform.python_implementation()} {platform.python_version()}"
        typer.echo(f"telemetry-actors {version('telemetry-actors')} ({python})")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Supervised actors that carry business telemetry from emit() to OTLP."""


@app.command()
def demo(
    events: Annotated[
        int, typer.Option("--events", min=20, metavar="N", help="How many events to emit.")
    ] = 20_000,
    endpoint: _EndpointOption = None,
    config: _ConfigOption = None,
    as_json: _JsonOption = False,
    seed: Annotated[int, typer.Option("--seed", help="Of the simulated application.")] = 0,
) -> None:
    """A simulated application through the real tree.

    Several tenants create apps and chat. Their events go through the supervised tree, over
    OTLP/HTTP, to a small receiver that the demo starts on loopback (or to --endpoint). On the
    way a handler and a sink are ended by force and come back. At the end: the tree, the
    books, and whether the receiver counted what was exported.

    Exit codes: 0 = the books balance and agree with the receiver; 1 = they don't;
    2 = a wrong option or setting; 130 = interrupted by Ctrl-C or SIGTERM.
    """
    from telemetry_actors.cli._demo import run_demo

    raise typer.Exit(
        run_demo(events=events, endpoint=endpoint, config=config, as_json=as_json, seed=seed)
    )


@app.command()
def replay(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help='JSONL of {"case", "context", "payload", "event_id"?, "at"?}; - is stdin.',
            show_default=False,
        ),
    ] = None,
    azure_llm: Annotated[
        Path | None,
        typer.Option(
            "--azure-llm",
            metavar="CSV",
            help="Arrivals in the form of Azure's LLM trace instead of FILE; - is stdin.",
        ),
    ] = None,
    speed: Annotated[
        float,
        typer.Option(
            "--speed", min=0.0, metavar="X", help="1 = the recorded pace, 0 = as fast as it goes."
        ),
    ] = 0.0,
    endpoint: _EndpointOption = None,
    config: _ConfigOption = None,
    _modules: _ImportOption = None,
    as_json: _JsonOption = False,
) -> None:
    """Send recorded events through the tree.

    A patient producer: it waits for room, so nothing is refused for want of it. Bad lines are
    reported with their number and reason, counted, and stop nothing. A receiver that takes nothing
    for 10 s (for 2 s, if it refuses all) ends it, and so does one that has taken something and
    then takes nothing for 60 s.

    Exit codes: 0 = every event of a good line was exported, or was a duplicate; 1 = some were
    not, or the books don't balance; 2 = no endpoint, or a wrong option, setting or file;
    130 = interrupted by Ctrl-C or SIGTERM.
    """
    from telemetry_actors.cli._replay import run_replay

    raise typer.Exit(
        run_replay(
            file=file,
            azure_llm=azure_llm,
            speed=speed,
            endpoint=endpoint,
            config=config,
            as_json=as_json,
        )
    )


_config = typer.Typer(
    help="What a file for --config may say: how the tree is supervised.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(_config, name="config")


@_config.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML.", show_default=False)],
    _modules: _ImportOption = None,
) -> None:
    """Say whether FILE can be used, and what it changes.

    Nothing is started. An error names file, table, key, value, and what is allowed.

    Exit codes: 0 = it can; 1 = it can't; 2 = a wrong option or setting.
    """
    from telemetry_actors.cli._config import check_config

    raise typer.Exit(check_config(file))


@_config.command()
def show(
    config: _ConfigOption = None,
    _modules: _ImportOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as one line of JSON.")] = False,
) -> None:
    """Print all that a file may say, with the values in force, as such a file.

    Without --config it goes by the file that TELEMETRY_ACTORS__CONFIG names, if any. The output
    can be saved, cut down to what is to be different, and given to --config.

    Exit codes: 0 = done; 1 = the file can't be used; 2 = a wrong option or setting.
    """
    from telemetry_actors.cli._config import show_config

    raise typer.Exit(show_config(config, as_json=as_json))


@_config.command()
def schema(_modules: _ImportOption = None) -> None:
    """Print the JSON Schema of a file, for editors that check and complete TOML.

    Exit codes: 0 = done; 2 = a wrong option or setting.
    """
    from telemetry_actors.cli._config import show_schema

    raise typer.Exit(show_schema())


_letters = typer.Typer(
    help="Dropped events in a directory (setting dead_letters.directory).",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(_letters, name="dead-letters")

_DirArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="The directory of letters.", show_default=False)
]
_ReasonOption = Annotated[
    list[Reason] | None,
    typer.Option(
        "--reason",
        metavar="REASON",
        help="Only events dropped for this (as in the ledger); may be given several times.",
    ),
]
_CaseOption = Annotated[
    str | None, typer.Option("--case", metavar="CASE", help="Only events of this case.")
]
_TenantOption = Annotated[
    str | None, typer.Option("--tenant", metavar="ID", help="Only events of this tenant.")
]
_SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Only dropped since then: 30m, 2h, 7d ago, or a date."
    ),
]


@_letters.command("list")
def list_(
    directory: _DirArgument,
    reason: _ReasonOption = None,
    case: _CaseOption = None,
    tenant: _TenantOption = None,
    since: _SinceOption = None,
    as_json: _JsonOption = False,
) -> None:
    """List letters, oldest first, without payloads.

    Files that are torn or damaged are told on stderr and skipped.

    Exit codes: 0 = done; 2 = a wrong option, or the directory can't be read.
    """
    from telemetry_actors.cli._letters import Filter, list_letters

    wanted = Filter(tuple(reason or ()), case, tenant, since)
    raise typer.Exit(list_letters(directory, wanted, as_json=as_json))


@_letters.command("show")
def show_letter(
    directory: _DirArgument,
    letter: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Of the letter, or how it begins; or the event id.",
            show_default=False,
        ),
    ],
) -> None:
    """Print one letter, with its payload, as JSON.

    Exit codes: 0 = done; 2 = there is none, or several are meant, or the directory can't be read.
    """
    from telemetry_actors.cli import _letters as _cli_letters

    raise typer.Exit(_cli_letters.show_letter(directory, letter))


@_letters.command("replay")
def resend(
    directory: _DirArgument,
    reason: _ReasonOption = None,
    case: _CaseOption = None,
    tenant: _TenantOption = None,
    since: _SinceOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be sent, and send nothing.")
    ] = False,
    endpoint: _EndpointOption = None,
    config: _ConfigOption = None,
    _modules: _ImportOption = None,
    as_json: _JsonOption = False,
) -> None:
    """Send dropped events once more.

    They keep their event ids and times, and wait for room. A letter is removed once its event
    was exported, or was a duplicate; otherwise it stays, with the new reason. What was measured
    before is not measured again. Content is sent only if ENTERPRISE_INCLUDE_CONTENT is on here.

    Exit codes: 0 = all were exported, or were duplicates; 1 = some were not, no letter matches, or
    the books don't balance; 2 = no endpoint, a wrong option or setting, or the directory can't be
    read; 130 = interrupted by Ctrl-C or SIGTERM. Files that are no whole letters are told and
    skipped, and change nothing of it.
    """
    from telemetry_actors.cli._letters import Filter
    from telemetry_actors.cli._resend import run_resend

    wanted = Filter(tuple(reason or ()), case, tenant, since)
    raise typer.Exit(
        run_resend(
            directory, wanted, endpoint=endpoint, config=config, dry_run=dry_run, as_json=as_json
        )
    )


@_letters.command("purge")
def purge(
    directory: _DirArgument,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="TIME", help="Only dropped before: 12h, 7d ago."),
    ] = None,
    reason: _ReasonOption = None,
    case: _CaseOption = None,
    tenant: _TenantOption = None,
    since: _SinceOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Remove letters for good, after asking.

    Torn, damaged and unfinished files go, too, unless --reason, --case or --tenant is given.

    Exit codes: 0 = done; 1 = not confirmed, or some could not be removed; 2 = a wrong option, the
    directory can't be read, or there is no terminal to ask on (give --yes).
    """
    from telemetry_actors.cli._letters import Filter, purge_letters

    wanted = Filter(tuple(reason or ()), case, tenant, since, older_than)
    raise typer.Exit(purge_letters(directory, wanted, sure=yes))
