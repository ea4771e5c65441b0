"""Read protocols: find them by name, read them with their overrides, and name every mistake in one run."""

import copy
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import ValidationError

from bmi_app import small_files
from protocols.checks import check_tables
from protocols.durations import fit_defaults
from protocols.magnitudes import check_bounds
from protocols.overrides import apply_overrides
from protocols.plugin_checks import check_plugins, whole_path
from protocols.problems import OVERRIDE_FILE, Finding, Problem, ProtocolError, covers, nearest
from protocols.schema import Protocol, of_first_version
from protocols.toml_lines import find_key_lines, line_of
from protocols.wording import Place, describe_errors, locate

SHIPPED_FOLDER = Path(__file__).parent
_FIRST_CHOICE = "center_out"


def user_folder() -> Path:
    """Return the folder of the user's own protocols, which need not exist."""
    return Path(platformdirs.user_data_dir("bmi_app", appauthor=False)) / "protocols"


def catalogue() -> list[tuple[str, Path, str]]:
    """List the protocols that can be named: (name, path, title), sorted by name.

    A file of the user stands in for a shipped one of the same name.
    """
    files = {path.stem: path for folder in (SHIPPED_FOLDER, user_folder()) for path in folder.glob("*.toml")}
    return [(name, files[name], _title(files[name])) for name in sorted(files)]


def first_choice() -> Path:
    """Return the protocol that is shown to whoever has chosen none: it runs at once, on the simulated rig."""
    listed = catalogue()
    return next((path for name, path, _ in listed if name == _FIRST_CHOICE), listed[0][1])


def load(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Protocol:
    """Read the protocol of a name in the catalogue, or of a path.

    Parameters
    ----------
    name_or_path
        `center_out`, or a path: whatever ends in `.toml` or has a folder in it.
    overrides
        `key=value` each: `task.hold_ms=500`, `blocks.0.duration_s=5`. A value is read as TOML, else taken as text.

    Raises
    ------
    ProtocolError
        With every mistake in the file and the overrides.
    """
    path = _find(name_or_path)
    try:
        text = small_files.read_text(path)
    except FileNotFoundError:
        raise ProtocolError([Problem(str(path), "", None, "there is no such file")]) from None
    except OSError as error:
        raise ProtocolError([Problem(str(path), "", None, f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8; a protocol is a text file in UTF-8"
        raise ProtocolError([Problem(str(path), "", None, message)]) from None
    return parse(text, str(path), overrides, path.parent)


def parse(
    text: str, file: str, overrides: Sequence[str] = (), folder: Path | None = None, *, recorded: bool = False
) -> Protocol:
    """Read a protocol from text.

    Parameters
    ----------
    text
        TOML.
    file
        What to call it in messages.
    overrides
        As for `load`.
    folder
        Where relative paths in the text begin; those in overrides begin in the working folder. Without it the files
        that a protocol names are not looked for.
    recorded
        The text is the resolved protocol of a session, to be recomputed by the rules of its own `model_version`; without
        one, by the first.

    Raises
    ------
    ProtocolError
        With every mistake in the text and the overrides.
    """
    try:
        document = small_files.parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"at line (\d+)", str(error))
        line = int(where[1]) if where else len(text.splitlines())  # else "at end of document"
        said = re.sub(r" \(at .*\)$", "", str(error))
        hint = "; is a quote or a bracket not closed?" if "Illegal character" in said or where is None else ""
        message = f"is not valid TOML: {said}{hint}; nothing else is checked before it is"
        raise ProtocolError([Problem(file, "", line, message)]) from None
    except ValueError as error:
        raise ProtocolError([Problem(file, "", None, f"cannot be a protocol: {error}")]) from None
    document = of_first_version(document) if recorded else document
    overridden, problems = apply_overrides(document, overrides)

    def folder_of(key: str) -> Path | None:
        return Path.cwd() if any(covers(other, key) for other in overridden) else folder

    protocol, findings = _check(document, folder_of, overridden if recorded else None)
    begin = folder_of("decoder.start_from")
    if begin is not None:
        protocol, missing = _find_start(protocol, begin)
        findings += missing
    lines = find_key_lines(text)
    problems += [_place(finding, file, lines, overridden) for finding in findings]
    if problems:
        raise ProtocolError(sorted(problems, key=lambda problem: (problem.file == OVERRIDE_FILE, problem.line or 0)))
    return protocol


def _place(finding: Finding, file: str, lines: dict[str, int], overridden: Sequence[str]) -> Problem:
    """Say where a finding stands: in the override that wrote its key or made its table, else in the file."""
    key = finding.key
    if any(key == other or key.startswith(f"{other}.") for other in overridden):
        return Problem(OVERRIDE_FILE, key, None, finding.message)
    holder = key
    while holder and holder not in lines:
        if any(other.startswith(f"{holder}.") for other in overridden):
            return Problem(OVERRIDE_FILE, key, None, finding.message)
        holder = holder.rpartition(".")[0]
    return Problem(file, key, line_of(key, lines), finding.message)


def _check(
    document: dict[str, Any], folder_of: Callable[[str], Path | None], new: Sequence[str] | None
) -> tuple[Protocol, list[Finding]]:
    """Return the resolved protocol and every mistake; with mistakes, the protocol is only a stand-in.

    What makes no sense in a session is a mistake at the keys that are `new`, all without it: a session that was recorded with such a
    number is still recomputed.
    """
    findings: list[Finding] = []
    wrong: list[str] = []
    try:
        protocol = Protocol.model_validate(document)
    except ValidationError as error:
        findings = [Finding(key, message) for key, message in describe_errors(Protocol, error)]
        places = [locate(Protocol, item["loc"]) for item in error.errors(include_url=False)]
        wrong = [place.key for place in places if place.info is not None]
        # With stand-ins for what is wrong, the checks below find what else is.
        protocol = Protocol.model_validate(_repair(document, places))
    protocol = fit_defaults(protocol)
    plugin_findings, settings = check_plugins(protocol, folder_of)
    bounds = [
        finding
        for finding in check_bounds(protocol)
        if new is None or any(covers(key, other) for key in (finding.key, *finding.because) for other in new)
    ]
    findings += _trustworthy([*check_tables(protocol), *bounds, *plugin_findings], wrong)
    return protocol if findings else _with_settings(protocol, settings), findings


def _repair(document: dict[str, Any], places: Iterable[Place]) -> dict[str, Any]:
    """Return a copy in which everything wrong is replaced by a default or an example."""
    repaired = copy.deepcopy(document)
    # Inner places first: an outer one may replace all that holds them.
    for place in sorted(places, key=lambda place: -len(place.field)):
        table: Any = repaired
        for part in place.field[:-1]:
            table = table[part]
        last = place.field[-1]
        if place.entry and isinstance(place.entry[0], str):
            table[last].pop(place.entry[0], None)
        elif place.info is not None and place.info.is_required():
            assert place.info.examples, f"the required key {place.key} has no example to stand in for it"
            table[last] = copy.deepcopy(place.info.examples[0])
        else:
            table.pop(last, None)
    return repaired


def _trustworthy(findings: Iterable[Finding], wrong: Sequence[str]) -> list[Finding]:
    """Keep the findings that do not rest on a stand-in."""
    return [
        finding
        for finding in findings
        if not any(
            finding.key == key
            or finding.key.startswith(f"{key}.")
            or any(covers(key, other) for other in finding.because)
            for key in wrong
        )
    ]


def _with_settings(protocol: Protocol, settings: dict[str, dict[str, Any]]) -> Protocol:
    """Return the protocol with all settings of its plugins, so that what is recorded does not depend on their defaults."""
    update: dict[str, Any] = {
        name: getattr(protocol, name).model_copy(update={"settings": settings[name]})
        for name in ("decoder", "learning", "driver", "subject")
    }
    update["outputs"] = tuple(
        output.model_copy(update={"settings": settings[f"outputs.{index}"]})
        for index, output in enumerate(protocol.outputs)
    )
    return protocol.model_copy(update=update)


def _find_start(protocol: Protocol, begin: Path) -> tuple[Protocol, list[Finding]]:
    """Make the path of the saved decoder absolute, so that the recorded protocol still says which file it was."""
    if protocol.decoder.start_from is None:
        return protocol, []
    try:
        path = whole_path(begin, protocol.decoder.start_from)
    except OSError as error:
        said = f"{protocol.decoder.start_from}: {error.strerror}; allowed: a saved decoder"
        return protocol, [Finding("decoder.start_from", said)]
    missing: list[Finding] = []
    try:
        small_files.check_regular(path)
    except FileNotFoundError:
        missing = [Finding("decoder.start_from", f"there is no {path}; allowed: a saved decoder")]
    except OSError as error:
        missing = [Finding("decoder.start_from", f"{path}: {error.strerror}; allowed: a saved decoder")]
    decoder = protocol.decoder.model_copy(update={"start_from": str(path)})
    return protocol.model_copy(update={"decoder": decoder}), missing


def _find(name_or_path: str | Path) -> Path:
    """Return the path of a protocol."""
    path = Path(name_or_path)
    if isinstance(name_or_path, Path) or path.suffix == ".toml" or path.name != name_or_path:
        return path
    files = {name: file for name, file, _ in catalogue()}
    if name_or_path not in files:
        message = (
            f"no protocol of this name{nearest(name_or_path, files)}; there are: {', '.join(files)}; or give a path"
        )
        raise ProtocolError([Problem(name_or_path, "", None, message)])
    return files[name_or_path]


def _title(path: Path) -> str:
    """Return a file's title, or why it has none: a broken file must not hide the others."""
    try:
        return str(small_files.parse_toml(small_files.read_text(path)).get("title", ""))
    except (OSError, ValueError):
        return "(cannot be read; see `bmi protocols check`)"
