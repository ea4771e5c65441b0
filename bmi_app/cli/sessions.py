"""The `bmi sessions` commands: thin, one function a command. Everything heavy is imported where it is used."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bmi_app.cli.common import SessionName, find_session, path_of, print_facts
from bmi_app.command_line import Json, fail

sessions_app = typer.Typer(help="List and keep recorded sessions.", no_args_is_help=True, rich_markup_mode=None)

NotRunningElsewhere = Annotated[
    bool,
    typer.Option(
        "--not-running-elsewhere", help="say that the engine of a session which another machine began is dead there"
    ),
]


@sessions_app.command("list")
def sessions_list(
    root: Annotated[Path | None, typer.Option("--in", metavar="DIR", help="what `bmi run --out` named")] = None,
    as_json: Json = False,
) -> None:
    """List the sessions, the oldest first."""
    from bmi_app.record.session_folder import sessions_root
    from bmi_app.session.store import catalogue, printing

    root = path_of(root) or sessions_root()
    printing.sessions(catalogue.entries(root), root, as_json)


@sessions_app.command("show")
def sessions_show(
    session: SessionName,
    updates: Annotated[
        bool, typer.Option("--updates", help="list every update of the decoder, and what became of it")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a session's summary, source, versions and damage; or the audit of its updates."""
    from bmi_app.session.store import printing

    if updates:
        printing.updates(find_session(session), as_json)
        return
    found = printing.session(find_session(session))
    if found["summary"] is not None and not as_json:
        printing.summary({"session": found["session"], **found["summary"]})
        print()
    print_facts(found, as_json)


@sessions_app.command("verify")
def sessions_verify(session: SessionName, as_json: Json = False) -> None:
    """Check every byte of a session: checksums, row counts, blobs; say what is damaged, and what is still whole."""
    from bmi_app.record import integrity

    found = integrity.full(find_session(session))
    facts = {
        "session": str(found.folder),
        "status": found.state,
        "standing": found.words,
        "intact": found.is_intact,
        "damage": found.explained(),
    }
    if found.damage:
        facts["whole"] = found.whole_files()
    elif found.is_ended and not found.is_bound:
        facts["intact"] = (
            None if as_json else f"not known: {integrity.UNBOUND}, as a session of format 1 has no checksums"
        )
    print_facts(facts, as_json)
    raise typer.Exit(1 if found.damage else 0)


@sessions_app.command("recover")
def sessions_recover(
    session: SessionName,
    to_common_tick: Annotated[
        bool, typer.Option("--to-common-tick", help="cut all files to the last tick of which every file holds all")
    ] = False,
    not_running_elsewhere: NotRunningElsewhere = False,
    as_json: Json = False,
) -> None:
    """Keep what is whole of a session that was cut off or damaged, and end it."""
    from bmi_app.record import integrity
    from bmi_app.record.damage import JournalError
    from bmi_app.session.store import catalogue

    try:
        report = catalogue.recover(
            find_session(session), not_running_elsewhere=not_running_elsewhere, to_common_tick=to_common_tick
        )
    except (catalogue.CatalogueError, JournalError) as error:
        fail(str(error))
    facts = {
        "session": str(report.folder),
        "changed": report.changed,
        "standing": integrity.known_or_full(report.folder).words,
        "last_tick": report.last_tick,
        "ticks_from_live_file": report.added_ticks,
        "damage": [str(found) for found in report.damage],
        "lost": {kind: f"from tick {tick} on" for kind, tick in report.lost.items()},
        "cut_records": report.cut_records,
        "originals": [str(path) for path in report.kept],
    }
    print_facts(facts, as_json)


@sessions_app.command("stop")
def sessions_stop(session: SessionName = "last") -> None:
    """Stop a running session, and wait until it is complete."""
    from bmi_app.session.view.attachment import AttachError, Attachment
    from bmi_app.session.view.observer import stop_and_wait

    try:
        attachment = Attachment(find_session(session))
        if failure := stop_and_wait(attachment, 30.0):
            fail(failure, code=1)
    except AttachError as error:
        fail(str(error))


@sessions_app.command("export")
def sessions_export(
    session: SessionName = "last",
    out: Annotated[
        Path | None, typer.Option(help="folder, or file ending in .nwb; default: the session's folder")
    ] = None,
    subject: Annotated[str, typer.Option(help="the subject's name in the file; default: the session's label")] = "",
    species: Annotated[str, typer.Option(help="Latin name, such as 'Macaca mulatta'")] = "",
    sex: Annotated[str, typer.Option(help="M, F, U (unknown) or O (other)")] = "",
    age: Annotated[str, typer.Option(help="ISO 8601, such as P8Y for eight years")] = "",
    damaged_too: Annotated[
        bool,
        typer.Option("--damaged-too", help="export what is whole of a damaged session; the file says what is missing"),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a session as NWB: spikes, trials, cursor, decoder, commands, events. A damaged one is refused."""
    from bmi_app.record import integrity, nwb
    from bmi_app.record.nwb_process import export_apart

    remarks: list[str] = []
    folder = find_session(session)
    try:
        described = nwb.Subject(subject, species, sex, age)
        path = export_apart(folder, path_of(out), described, remarks.append, damaged_too=damaged_too)
    except nwb.ExportError as error:
        fail(str(error), code=error.exit_code)
    if not (species and age):
        print("note: archives such as DANDI ask for the subject's species and age: --species, --age", file=sys.stderr)
    standing = integrity.known_or_full(folder)
    facts = {"file": str(path), "bytes": path.stat().st_size, "standing": standing.words, "remarks": remarks}
    print_facts(facts | ({"damage": standing.explained()} if standing.damage else {}), as_json)
    raise typer.Exit(1 if standing.damage else 0)


@sessions_app.command("remove")
def sessions_remove(
    session: SessionName,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    not_running_elsewhere: NotRunningElsewhere = False,
) -> None:
    """Delete a session for good."""
    from bmi_app.session.store import catalogue

    folder = find_session(session)
    if not yes and not typer.confirm(f"Delete {folder} for good?", err=True):
        raise typer.Exit(1)
    try:
        catalogue.remove(folder, not_running_elsewhere=not_running_elsewhere)
    except catalogue.CatalogueError as error:
        fail(str(error))
