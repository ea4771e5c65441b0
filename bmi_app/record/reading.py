"""Read a recorded session into memory."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from bmi_app import small_files
from bmi_app.record import blobs, text_shapes
from bmi_app.record.batches import BatchFile, empty_batch
from bmi_app.record.damage import Damage, JournalError
from bmi_app.record.kinds import KINDS, OPTIONAL, Kind, Layout, file_name

if TYPE_CHECKING:
    from protocols.schema import Protocol


@dataclass(frozen=True)
class Recording:
    """Hold what a session folder says, as far as it is intact.

    Attributes
    ----------
    session, protocol_text : dict, str
        `session.toml` and `protocol.toml`.
    frames, health, spikes : ndarray
        Records as in `bmi_app.rt.records`; empty where they were not asked for.
    counts : f4[n_ticks, n_units]
        What each frame's tick counted.
    events, commands : ndarray
        With one text each in `event_texts` and `command_texts`.
    weights : ndarray
        With the numbers in `weight_rows`, f8[n, n_axes * n_units + 2 * n_axes]: weights, bias, gain; behind them the rows
        of the decoder's model, where rules adapt that.
    updates : ndarray
        The audit: one record for each update of what the decoder adapts.
    subject : ndarray
        With its models in `subject_rows`, f8[n, n_axes * (n_units + 1)].
    more : dict of Kind to ndarray
        Records of every other kind.
    damage : list of Damage
        At most one a file: where it stops being readable. What lies before is here.
    """

    folder: Path
    n_units: int
    n_axes: int
    session: dict[str, Any] = field(repr=False)
    protocol_text: str = field(repr=False)
    frames: np.ndarray = field(repr=False)
    counts: np.ndarray = field(repr=False)
    health: np.ndarray = field(repr=False)
    events: np.ndarray = field(repr=False)
    event_texts: list[str] = field(repr=False)
    commands: np.ndarray = field(repr=False)
    command_texts: list[str] = field(repr=False)
    weights: np.ndarray = field(repr=False)
    weight_rows: np.ndarray = field(repr=False)
    updates: np.ndarray = field(repr=False)
    spikes: np.ndarray = field(repr=False)
    subject: np.ndarray = field(repr=False)
    subject_rows: np.ndarray = field(repr=False)
    more: dict[Kind, np.ndarray] = field(repr=False)
    damage: list[Damage]

    def blob_ids(self) -> list[int]:
        """List the adoptions whose arrays were kept."""
        return blobs.ids(self.folder)

    def blob(self, blob_id: int) -> dict[str, np.ndarray]:
        """Read the arrays of an adoption.

        Raises
        ------
        JournalError
            If they are missing or damaged, or of another shape than an adoption's.
        """
        return blobs.read_adoption(self.folder, blob_id, Layout(self.n_units, self.n_axes).readout_words)


_OF_THEIR_OWN = frozenset(each.name for each in fields(Recording))  # kinds that are fields


def read(folder: Path, *, kinds: Iterable[Kind] | None = None) -> Recording:
    """Read a session, checking the CRC of every batch, and keep all that lies before the first damage of each file.

    A session that is still being written can be read too; its last batch may then be reported as cut off.

    Parameters
    ----------
    folder : Path
        The session folder.
    kinds : iterable of Kind, optional
        What to read; everything without it.

    Raises
    ------
    JournalError
        If the folder holds no session, or `session.toml` or `protocol.toml` cannot be read. Damaged records never
        raise: they are named in `Recording.damage`.
    """
    session, protocol_text = read_texts(folder)
    asked = set(KINDS if kinds is None else kinds)
    asked -= {kind for kind in OPTIONAL if not (folder / file_name(kind)).is_file()}
    files = {kind: BatchFile(folder, kind) for kind in KINDS if kind in asked}
    found = {kind: file.read_all() for kind, file in files.items()}
    layout = next((file.layout for file in files.values() if file.layout is not None), Layout(0, 0))
    for kind in KINDS:
        if kind not in found or len(found[kind].records) == 0:
            found[kind] = empty_batch(kind, layout, 0)
    return Recording(
        folder=folder,
        n_units=layout.n_units,
        n_axes=layout.n_axes,
        session=session,
        protocol_text=protocol_text,
        frames=found["frames"].records,
        counts=found["frames"].rows,
        health=found["health"].records,
        events=found["events"].records,
        event_texts=found["events"].texts,
        commands=found["commands"].records,
        command_texts=found["commands"].texts,
        weights=found["weights"].records,
        weight_rows=found["weights"].rows,
        updates=found["updates"].records,
        spikes=found["spikes"].records,
        subject=found["subject"].records,
        subject_rows=found["subject"].rows,
        more={kind: found[kind].records for kind in KINDS if kind not in _OF_THEIR_OWN},
        damage=[file.damage for file in files.values() if file.damage is not None],
    )


def read_texts(folder: Path) -> tuple[dict[str, Any], str]:
    """Read `session.toml` and `protocol.toml`.

    Raises
    ------
    JournalError
        If one is missing or is not what it should be.
    """
    path = folder / "session.toml"
    try:
        session = small_files.parse_toml(small_files.read_bytes(path).decode())
        text_shapes.check_session(session)
        path = folder / "protocol.toml"
        return session, small_files.read_bytes(path).decode()
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # of TOML, of UTF-8, or of what a key says
        raise JournalError(f"{path}: is damaged: {error}") from error


def protocol_of(folder: Path, text: str) -> "Protocol":
    """Return the protocol of a session, given the text of its `protocol.toml`.

    Raises
    ------
    JournalError
        If it is no protocol: the text is damaged.
    """
    from protocols.schema import Protocol  # here, so that listing sessions starts quickly

    try:
        return Protocol.of_session(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, TypeError, LookupError) as error:
        what = str(error)
    raise JournalError(f"{folder / 'protocol.toml'}: is damaged: {what}")


def said_by(session: Mapping[str, Any], folder: Path, *keys: str) -> Any:
    """Return what `session.toml` says under a key, or in a table under a key.

    Raises
    ------
    JournalError
        If it does not say.
    """
    found: Any = session
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            raise JournalError(f"{folder / 'session.toml'}: is damaged: it lacks {'.'.join(keys)}")
        found = found[key]
    return found


def has_journal(folder: Path) -> bool:
    """Tell whether every file of a journal is there."""
    return all(os.path.isfile(folder / file_name(kind)) for kind in KINDS if kind not in OPTIONAL)
