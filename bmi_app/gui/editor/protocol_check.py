"""Check the text of a protocol while it is written, and work out what its preview shows."""

import contextlib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from bmi_app import plugins
from bmi_app.session.target_sequence import first_targets_cm
from protocols.cautions import cautions
from protocols.load import parse
from protocols.problems import Problem, ProtocolError
from protocols.rig import FIRST_OUTPUT, Driver, Subject
from protocols.schema import Protocol
from protocols.section import Section
from protocols.signal import Decoder, Learning

_DEFAULTS: dict[str, type[Section]] = {"decoder": Decoder, "learning": Learning, "driver": Driver, "subject": Subject}
_MOST_PREVIEWED = 12  # trials; more numbers cannot be read


@dataclass(frozen=True)
class Checked:
    """Hold the protocol, or what is wrong with it.

    Attributes
    ----------
    settings
        The model of each plugin's settings, by the path of the table that names it.
    own_rate
        The learning rate of the rule where the file gives none.
    """

    protocol: Protocol | None
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sequence_cm: list[tuple[float, float]] = field(default_factory=list)
    settings: dict[str, type[BaseModel]] = field(default_factory=dict)
    own_rate: float | None = None


def check_text(text: str, file: str, folder: Path) -> Checked:
    """Check a text as a file in this folder would be; for a thread other than the window's, as plugins are loaded."""
    loaded = _plugins(text)
    settings = {path: module.Settings for path, module in loaded.items()}
    own_rate = loaded["learning"].TRAITS.default_rate if "learning" in loaded else None
    try:
        protocol = parse(text, file, folder=folder)
    except ProtocolError as error:
        return Checked(None, error.problems, settings=settings, own_rate=own_rate)
    n_targets = len(protocol.target_positions_cm())
    sequence_cm = first_targets_cm(protocol, min(n_targets or _MOST_PREVIEWED, _MOST_PREVIEWED))
    return Checked(protocol, [], cautions(protocol), sequence_cm, settings, own_rate)


def _plugins(text: str) -> dict[str, ModuleType]:
    """Load the plugins that a text names, which may be wrong elsewhere; return each by the path of its table."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
    outputs = tables.get("outputs")
    named: list[tuple[str, plugins.Kind, Any, str]] = [
        ("decoder", "decoders", tables.get("decoder"), "kind"),
        ("learning", "learning", tables.get("learning"), "rule"),
        ("driver", "drivers", tables.get("driver"), "kind"),
        ("subject", "subjects", tables.get("subject"), "kind"),
    ]
    named += [
        (f"outputs.{index}", "outputs", table, "kind")
        for index, table in enumerate(outputs if isinstance(outputs, list) else [])
    ]
    found = {}
    for path, kind, table, key in named:
        default = {"outputs": FIRST_OUTPUT}.get(kind) or _DEFAULTS[path].model_fields[key].default
        name = table.get(key, default) if isinstance(table, dict) else default
        with contextlib.suppress(LookupError, ImportError):  # the check says which there is none of
            found[path] = plugins.load(kind, str(name))
    return found
