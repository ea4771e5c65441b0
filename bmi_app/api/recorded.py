"""Load a recorded session: its tables, its protocol, and what can be asked of it."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bmi_app.api import tables
from bmi_app.api.changes import overrides
from bmi_app.api.errors import BmiError, in_words
from bmi_app.api.tables import TABLES, Table
from bmi_app.record import integrity, reading, session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.kinds import Kind, Layout
from bmi_app.rt.records import CommandKind, EventKind
from protocols.problems import ProtocolError
from protocols.schema import Protocol

if TYPE_CHECKING:
    import pandas as pd

    from bmi_app.analysis.recorded_session import RecordedSession
    from bmi_app.api.kernels import Decoder, Rule
    from bmi_app.decoders.contract import Samples
    from bmi_app.record.reading import Recording
    from bmi_app.session.recompute.replay import WhatIf


@dataclass(frozen=True)
class Verified:
    """Say what the full check of a session and its recomputation found.

    Attributes
    ----------
    is_intact : bool
        Every byte was checked, is as it was written, and is of this session.
    is_exact : bool
        Every tick was recomputed, and every bit is the same.
    words : str
        How the session stands.
    damage : list of str
        What is damaged, and from which time on.
    difference : str
        The first difference of the recomputation; empty for none.
    recorded_elsewhere : list of str
        In what the machine that recorded differs from this one, so that a difference is no failure.
    """

    is_intact: bool
    is_exact: bool
    words: str
    damage: list[str] = field(default_factory=list)
    difference: str = ""
    recorded_elsewhere: list[str] = field(default_factory=list)


def load(path: str | Path = "last", *, damaged_too: bool = False) -> "Session":
    """Load a recorded session.

    Parameters
    ----------
    path : str or Path
        Its folder, its name or the unique beginning of it below the folder of sessions, or `last`.
    damaged_too : bool
        Whether to load what is whole of a session that is damaged or was cut off. `Session.standing` says what is missing.

    Raises
    ------
    BmiError
        If there is no such session, if it is running, or if it is damaged or was cut off and `damaged_too` is not set.

    Examples
    --------
    >>> session = bmi_app.load("last")
    >>> session.frames["cursor_x_cm"]
    """
    try:
        folder = session_folder.find(str(path), session_folder.sessions_root())
    except session_folder.SessionNotFoundError as error:
        raise in_words(error) from error
    standing = integrity.quick(folder)
    name = session_folder.call_it(folder)
    if standing.state in ("running", "perhaps running"):
        raise BmiError(f"{folder.name}: is {standing.state}; bmi_app.attach({name!r}) follows it until its end")
    if standing.state == "unreadable":
        raise BmiError(integrity.refusal(standing))
    if not damaged_too and (words := integrity.refusal(standing)):
        raise BmiError(f"{words}; load(..., damaged_too=True) takes that")
    if not damaged_too and standing.state in ("interrupted", "recovery unfinished"):
        raise BmiError(
            f"{folder.name}: is {standing.state}; `bmi sessions recover {name}` ends it, and load(..., damaged_too=True) takes "
            "what is whole as it lies"
        )
    return Session(folder, damaged_too=damaged_too)


class Session:
    """Hold a recorded session; each table is read when it is first asked for.

    Every table is a NumPy structured array with one record a row. `bmi_app.FIELDS` says of each field what it means and in
    which unit; docs/python.md shows the same.

    Attributes
    ----------
    folder : Path
        Where the session lies.
    """

    def __init__(self, folder: Path, *, damaged_too: bool = False) -> None:
        self.folder = folder
        self._damaged_too = damaged_too

    def __repr__(self) -> str:
        """Say which session this is, and how it stands."""
        return f"<bmi_app session {self.folder.name}: {self.standing}>"

    @property
    def standing(self) -> str:
        """Say in words how the session stands: whether it is complete, and when it was last checked."""
        return integrity.quick(self.folder).words

    @cached_property
    def protocol(self) -> Protocol:
        """The protocol by which the session ran, with every default filled in."""
        try:
            return reading.protocol_of(self.folder, reading.read_texts(self.folder)[1])
        except JournalError as error:
            raise in_words(error) from error

    @cached_property
    def info(self) -> dict[str, Any]:
        """What `session.toml` says: versions, seed, processor, source, labels."""
        try:
            return reading.read_texts(self.folder)[0]
        except JournalError as error:
            raise in_words(error) from error

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What `summary.json` says; empty where the session has none."""
        try:
            return session_folder.read_summary(self.folder) or {}
        except JournalError as error:
            raise in_words(error) from error

    @property
    def dt_s(self) -> float:
        """Length of a tick (s)."""
        return self.protocol.tick.period_ms / 1e3

    @property
    def frames(self) -> np.ndarray:
        """One record a tick, FRAME[n_ticks]: what the tick used and made."""
        return self._played.frames

    @property
    def counts(self) -> np.ndarray:
        """Spikes of each unit in each tick, f4[n_ticks, unit]."""
        return self._played.counts

    @property
    def health(self) -> np.ndarray:
        """One record a tick, HEALTH[n_ticks]: how the machine and the source did."""
        return self._played.health

    @cached_property
    def trials(self) -> np.ndarray:
        """One record for each trial that ended, TRIAL[n_trials]."""
        played = self._played
        return tables.trials_of(played.trials, played.frames, played.events, played.dt_s)

    @cached_property
    def events(self) -> np.ndarray:
        """What happened, EVENT[n] with the name of each kind and the words of those that have some; in order of time."""
        found = self._read("events")
        order = np.argsort(found.events["tick"], kind="stable")  # notes come a little later
        texts = [found.event_texts[index] for index in order]
        return tables.with_texts(found.events[order], EventKind, texts)

    @cached_property
    def commands(self) -> np.ndarray:
        """What the operator asked for, COMMAND[n] with the name of each kind, and its text."""
        found = self._read("commands")
        return tables.with_texts(found.commands, CommandKind, found.command_texts)

    @property
    def updates(self) -> np.ndarray:
        """The audit, UPDATE[n]: one record for each update of what the decoder adapts."""
        return self._played.updates

    @cached_property
    def weights(self) -> np.ndarray:
        """The weights whenever they were stored, WEIGHTS[n] with `weights` f8[axis, unit], `bias` and `gain` f8[axis]."""
        played = self._played
        n_units, n_axes = self.protocol.units.count, self.protocol.n_axes
        width = played.weights_rows.shape[1] if len(played.weights) else 0
        rows = max((width - Layout(n_units, n_axes).readout_words) // n_units - 1, 0)
        return tables.with_rows(played.weights, played.weights_rows, "weights", Layout(n_units, n_axes, rows))

    @cached_property
    def subject(self) -> np.ndarray:
        """What the simulated subject had learnt by the end of each trial, SUBJECT[n] with `model` f8[axis, unit + 1]."""
        found = self._read("subject")
        layout = Layout(self.protocol.units.count, self.protocol.n_axes)
        return tables.with_rows(found.subject, found.subject_rows, "subject", layout)

    @cached_property
    def spikes(self) -> np.ndarray:
        """Every spike or count that came, SPIKE[n], in the order of arrival."""
        return self._read("spikes").spikes

    def table(self, name: Table) -> np.ndarray:
        """Return a table by its name.

        Raises
        ------
        BmiError
            If there is no table of this name.
        """
        if name not in TABLES:
            raise BmiError(f"{name!r}: there is no such table; allowed: {', '.join(TABLES)}")
        records: np.ndarray = getattr(self, name)
        return records

    def to_pandas(self, name: Table = "trials") -> "pd.DataFrame":
        """Return a table as a pandas DataFrame, with the names of codes in their place.

        Parameters
        ----------
        name : str
            `frames`, `trials`, `spikes`, `events`, `commands`, `updates`, `weights`, `subject` or `health`.
        """
        return tables.data_frame(name, self.table(name))

    @cached_property
    def features(self) -> np.ndarray:
        """What the decoder read at each tick, f8[n_ticks, unit], as it is recomputed: rates less baselines, scaled."""
        from bmi_app.session.engine.build import BuildError
        from bmi_app.session.recompute import replay

        try:
            return replay.features_of(self._read("frames", "commands", "weights", "updates"))[1]
        except (JournalError, ProtocolError, BuildError) as error:
            raise in_words(error) from error

    def samples(self, to: str = "intent") -> "Samples":
        """Return what a decoder is fitted to: the ticks in which a target was to be reached or held, a trial a piece.

        Parameters
        ----------
        to : {"intent", "refit", "velocity"}
            What the decoder should have said; see `bmi_app.fit`.
        """
        from bmi_app.api.fitting import training_of

        return training_of([self], to).samples

    def decoder(self) -> "Decoder":
        """Return the decoder as it was when the session began, as an object that decodes step by step."""
        from bmi_app.api.kernels import decoder_of

        return decoder_of(self.protocol, self.folder)

    def rule(self) -> "Rule":
        """Return the learning rule as it was when the session began, as an object that updates a decoder."""
        from bmi_app.api.kernels import rule_of

        return rule_of(self.protocol, self.folder)

    def verify(self) -> Verified:
        """Check every byte, recompute every tick, and compare every bit.

        Raises
        ------
        BmiError
            If the session cannot be recomputed.
        """
        from bmi_app.session.engine.build import BuildError
        from bmi_app.session.recompute import replay

        try:
            found = replay.verify(self.folder)
        except (JournalError, ProtocolError, BuildError) as error:
            raise in_words(error) from error
        standing = integrity.known_or_full(self.folder)
        first = found.difference
        return Verified(
            is_intact=standing.is_intact,
            is_exact=found.is_exact,
            words=found.standing,
            damage=found.damage,
            difference=""
            if first is None
            else f"tick {first.tick}: {first.what}: recorded {first.recorded}, recomputed {first.replayed}",
            recorded_elsewhere=found.foreign,
        )

    def what_if(self, **changes: Any) -> "WhatIf":
        """Decode and learn the recording under a changed protocol; targets, cursor and rewards stay as recorded.

        Parameters
        ----------
        **changes
            Keys of axes, decoder, learning and populations, as `bmi_app.protocol` takes them: ``learning__when="trial"``.

        Returns
        -------
        WhatIf
            Scores `recorded` and `changed`, the `frames` that the changed protocol makes, and how many updates it had.

        Raises
        ------
        BmiError
            If the session is damaged, or a change is wrong or cannot be asked for.
        """
        from bmi_app.session.engine.build import BuildError
        from bmi_app.session.recompute import replay

        try:
            return replay.what_if(self.folder, overrides(changes))
        except (JournalError, ProtocolError, BuildError) as error:
            raise in_words(error) from error

    @cached_property
    def _played(self) -> "RecordedSession":
        """The session as panels see it: the one reader for windows, reports and Python."""
        from bmi_app.analysis.recorded_session import read_session

        try:
            found = read_session(self.folder)
        except (JournalError, ValueError) as error:
            raise in_words(error) from error
        self._refuse(list(found.damage))
        return found

    def _read(self, *kinds: Kind) -> "Recording":
        try:
            found = reading.read(self.folder, kinds=kinds)
        except JournalError as error:
            raise in_words(error) from error
        self._refuse(found.damage)
        return found

    def _refuse(self, damage: list[Any]) -> None:
        """Refuse what is not whole, unless it was asked for."""
        if damage and not self._damaged_too:
            name = session_folder.call_it(self.folder)
            raise BmiError(
                f"{self.folder.name}: is damaged: {damage[0]}; `bmi sessions verify {name}` says what is still whole, and "
                "load(..., damaged_too=True) takes that"
            )
