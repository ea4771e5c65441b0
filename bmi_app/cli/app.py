"""The `bmi` command: thin, one function a command. Everything heavy is imported where it is used."""

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from bmi_app import permissions, standard_streams
from bmi_app.bench.commands import bench_app
from bmi_app.cli.common import ProtocolName, SessionName, Set, find_session, load_protocol, path_of, print_facts
from bmi_app.cli.sessions import sessions_app
from bmi_app.command_line import Json, fail
from bmi_app.plain_text import plain, plain_toml

app = typer.Typer(
    name="bmi",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 140},
)
protocols_app = typer.Typer(help="List, show and check protocols.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(sessions_app, name="sessions")
app.add_typer(protocols_app, name="protocols")
app.add_typer(bench_app, name="bench")


_OPTIONS = {"duration_s": "duration", "source_timeout_s": "timeout"}  # of `bmi run`, for fields of a request


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"bmi_app {version('bmi_app')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and exit")
    ] = False,
) -> None:
    """Run, watch, replay and keep sessions of a real-time closed-loop brain-machine interface."""


@app.command()
def run(
    protocol: ProtocolName,
    driver: Annotated[str | None, typer.Option(help="source of spikes: the name of a driver")] = None,
    duration: Annotated[float | None, typer.Option(help="length of the session (s)")] = None,
    trials: Annotated[int | None, typer.Option(help="end after this many trials")] = None,
    seed: Annotated[int | None, typer.Option(help="seed of every random number")] = None,
    speed: Annotated[str, typer.Option(help="`real`, or `max`: as fast as the machine can")] = "real",
    gui: Annotated[bool, typer.Option("--gui", help="show the window")] = False,
    headless: Annotated[bool, typer.Option("--headless", help="show nothing while it runs")] = False,
    out: Annotated[Path | None, typer.Option(help="folder in which the session's folder is made")] = None,
    overrides: Set = None,
    timeout: Annotated[float, typer.Option(help="how long to look for the source (s)")] = 5.0,
    verify: Annotated[bool | None, typer.Option(help="recompute the session at its end; default: in real time")] = None,
    as_json: Json = False,
) -> None:
    """Run a session: start its engine, watch it, and say at the end how it went."""
    from bmi_app.session.request import KEYS, RequestError, SessionRequest
    from bmi_app.session.view import run_command

    try:
        request = SessionRequest(
            protocol=protocol,
            overrides=overrides or (),
            driver=driver,
            duration_s=duration,
            trials=trials,
            seed=seed,
            out=None if out is None else _absolute(out),
            speed=speed,  # type: ignore[arg-type] # checked there
            source_timeout_s=timeout,
        )
    except RequestError as error:
        fail(f"--{_OPTIONS.get(error.field, error.field)} {error.value}: {error.allowed}")
    if gui and headless:
        fail("--gui and --headless exclude each other")
    if gui:
        _need_display()
    view: run_command.View = "gui" if gui else "headless" if headless or as_json else "terminal"
    try:
        summary = run_command.run(request, view, _show_window, verify=speed == "real" if verify is None else verify)
    except run_command.RunError as error:
        for field, key in KEYS.items():
            if key in request.named():  # a mistake in an option is told by the option's name
                option = f"--{_OPTIONS.get(field, field)}: "
                error.lines[:] = [line.replace(f"--set: {key}: ", option) for line in error.lines]
        fail(*error.lines, code=error.exit_code)
    _print_summary(summary, as_json)
    failed = summary.get("replay", {}).get("failed", False)
    raise typer.Exit(1 if failed or "error" in summary else 0)


@app.command()
def gui(
    attach: Annotated[str | None, typer.Option(help="the running session to show, instead of the start page")] = None,
) -> None:
    """Open the window: choose a session and start it, look at others, edit protocols; or attach to a running one."""
    from bmi_app.session.view.attachment import AttachError

    _need_display()
    from bmi_app.gui import main_window

    try:
        raise typer.Exit(main_window.run(None if attach is None else find_session(attach)))
    except AttachError as error:
        fail(str(error))


@app.command()
def attach(session: SessionName = "last") -> None:
    """Watch a running session in the terminal; Ctrl-C leaves, the session goes on."""
    from bmi_app.session.view import run_command

    try:
        run_command.watch(find_session(session))
    except run_command.RunError as error:
        fail(*error.lines, code=error.exit_code)


@app.command()
def rig(
    protocol: Annotated[str, typer.Argument(help="the protocol whose subject is simulated")],
    duration: Annotated[float | None, typer.Option(help="length (s); default: until Ctrl-C")] = None,
    name: Annotated[str, typer.Option(help="name of the LSL stream")] = "BMI-Rig",
    source_id: Annotated[
        str | None,
        typer.Option(help="source id of the LSL stream, for a session to find it again; default: one of its own"),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(help="new file for what the subject learns: a line of JSON a trial (docs/subject.md)"),
    ] = None,
    session: Annotated[
        str, typer.Option(help="beginning of the name of the session to be seen; default: any on the network")
    ] = "",
    overrides: Set = None,
) -> None:
    """Be a simulated rig over LSL: spikes out, the cursor's state in.

    Like an amplifier, it sends from its start on, whether or not a session listens, and need not wait for one: what arrives
    before a session's bin 0 is recorded and counted as before bin 0, and from then on no spike is missing.
    """
    from bmi_app.session.sources import rig as simulated_rig
    from protocols.magnitudes import LONGEST

    if duration is not None and not 0 < duration <= LONGEST["duration_s"]:
        fail(f"--duration {duration:g}: must be above 0 s, and at most {LONGEST['duration_s']:g}")
    try:
        simulated_rig.rig(
            load_protocol(protocol, overrides),
            duration_s=duration,
            name=name,
            source_id=source_id,
            log=path_of(log),
            session=session,
        )
    except simulated_rig.RigError as error:
        fail(str(error))


@app.command()
def stream(
    file: Annotated[
        Path,
        typer.Argument(
            help="a session (folder, name, beginning, `last`), an XDF file, or a recording (docs/howto/sources.md)"
        ),
    ],
    rate: Annotated[float, typer.Option(help="how many times faster than recorded")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="begin again at the end")] = False,
    name: Annotated[str | None, typer.Option(help="name of the LSL stream")] = None,
    stream_name: Annotated[str | None, typer.Option("--stream", help="which stream of an XDF file")] = None,
    epoch: Annotated[str | None, typer.Option(help="part of a Golub recording: before, after, both")] = None,
    as_: Annotated[str | None, typer.Option("--as", help="`counts` or `events`")] = None,
) -> None:
    """Stream recorded spikes over LSL."""
    from bmi_app.record.formats import RecordingError, open_recording
    from bmi_app.session.sources.recording_stream import stream as serve

    try:
        source = open_recording(file, stream=stream_name, epoch=epoch, as_=as_)  # type: ignore[arg-type]
        serve(source, rate=rate, loop=loop, name=name)
    except RecordingError as error:
        fail(str(error))


@app.command()
def replay(
    session: SessionName,
    verify: Annotated[bool, typer.Option("--verify", help="compare every bit (default without --set)")] = False,
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Recompute a recorded session: verify that it is bit-exact, or with --set ask what would have been."""
    from bmi_app.session.recompute import report as replaying

    if verify and overrides:
        fail("--verify compares with the recording as it is; leave out --set")
    try:
        report = (
            replaying.what_if(find_session(session), overrides)
            if overrides
            else replaying.verify(find_session(session))
        )
    except replaying.ReplayError as error:
        fail(*error.lines)
    if overrides and not as_json:
        from bmi_app.session.store import printing

        printing.what_if(report)
    else:
        print_facts(report, as_json)
    raise typer.Exit(1 if report.get("failed", False) else 0)


@app.command()
def fit(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="a session, or a recording with movements (docs/)")],
    decoder: Annotated[str, typer.Option(help="linear, population_vector, wiener, kalman, refit_kalman, or a plugin")],
    out: Annotated[Path | None, typer.Option(help="file to save it to, for decoder.start_from and `load`")] = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="the velocity to fit it to: `intent` (modelled in the session), `refit` (turned toward the target), `velocity`"
        ),
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="its settings")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="let --out replace a file that is there")] = False,
    folds: Annotated[int, typer.Option(help="parts of the cross-validation, neighbouring trials each", min=2)] = 5,
    as_json: Json = False,
) -> None:
    """Fit a decoder to a recorded session, and score it on trials that it was not fitted to."""
    from bmi_app.session.recompute import fit

    source = path_of(Path(session)) or Path()
    try:
        report = fit.fit(
            source if os.path.isfile(source) else find_session(session),
            decoder,
            out,
            settings or [],
            to,
            folds,
            replace=replace,
        )
    except fit.FittingError as error:
        fail(*error.lines)
    print_facts(report, as_json)


@app.command()
def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="remove what engines left that died: shared memory, sockets, empty sessions")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the machine: packages, LSL, scheduling, timers, space, display."""
    from bmi_app import doctor as checks

    findings = checks.fix() if fix else checks.run_checks()
    checks.render(findings, as_json=as_json)
    raise typer.Exit(1 if checks.worst(findings) == "fail" else 0)


@protocols_app.command("list")
def protocols_list(as_json: Json = False) -> None:
    """List the protocols that can be named: shipped ones and the user's."""
    from protocols.load import catalogue

    rows = [{"name": name, "title": title, "file": str(path)} for name, path, title in catalogue()]
    if as_json:
        print(json.dumps({"protocols": rows}))
        return
    for row in rows:
        print(plain(f"{row['name']:<16} {row['title']}"))


@protocols_app.command("show")
def protocols_show(protocol: ProtocolName, overrides: Set = None) -> None:
    """Print a protocol with every default filled in."""
    print(plain_toml(load_protocol(protocol, overrides).to_toml()), end="")


@protocols_app.command("check")
def protocols_check(file: ProtocolName, overrides: Set = None, as_json: Json = False) -> None:
    """Name every mistake in a protocol."""
    from protocols.cautions import cautions
    from protocols.load import load
    from protocols.problems import ProtocolError

    try:
        notes, problems = cautions(load(file, overrides or ())), []
    except ProtocolError as error:
        notes, problems = [], error.problems
    if as_json:
        print(json.dumps({"file": file, "problems": [vars(problem) for problem in problems], "notes": notes}))
        raise typer.Exit(2 if problems else 0)
    if problems:
        fail(*(str(problem) for problem in problems))
    for note in notes:
        print(f"note: {plain(note)}", file=sys.stderr)
    print(f"{plain(file)}: no mistake found")


def main(arguments: list[str] | None = None) -> None:
    """Run the command; a mistake of the user, or a file that is damaged or cannot be read, is one line, never a traceback."""
    from bmi_app.record.damage import JournalError

    for stream in (sys.stdout, sys.stderr):  # a name may hold what the terminal's encoding does not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    standard_streams.guard()
    try:
        permissions.apply()
        app(arguments, prog_name="bmi")
    except permissions.PermissionsError as error:
        _end(str(error))
    except standard_streams.UnwrittenError as error:
        sys.exit(standard_streams.finish(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except JournalError as error:
        _end(str(error))
    except OSError as error:
        if error.strerror is None:  # not of the system, so not what a user did
            raise
        _end(": ".join(str(part) for part in (error.filename, error.strerror) if part))
    except SystemExit as ended:
        sys.exit(ended.code or standard_streams.finish())


def _end(line: str) -> NoReturn:
    print(f"bmi: {plain(line)}", file=sys.stderr)
    sys.exit(2)


def _absolute(folder: Path) -> Path:
    return (path_of(folder) or Path()).absolute()


def _show_window(folder: Path) -> None:
    from bmi_app.gui.live import window
    from bmi_app.session.view.attachment import AttachError

    with contextlib.suppress(AttachError):  # it was so short that it has ended
        window.run(folder, close_at_end=True)


def _need_display() -> None:
    """Refuse a window where there is no display: Qt would abort the process."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in named):
        fail(
            "there is no display for a window; set DISPLAY, or stay in the terminal (`bmi run` without --gui, `bmi attach`)"
        )


def _print_summary(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary))
        return
    from bmi_app.session.store import printing

    printing.summary(summary)


if __name__ == "__main__":
    main()
