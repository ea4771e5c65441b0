"""Compose what a session adopts at a tick: undone or loaded weights, and later fitted decoders.

A blob lies in one of a few slots, in the order that `bmi_app.rt.commands` takes it: weights, bias, gain, feature offset
and scale, decoder memory, population of each unit. NaN keeps the present value. It is journaled before the command is sent, so that a replay has it, with
what stood then (`before`), so that it can be undone.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bmi_app.decoders.kalman_filter import DRIFT
from bmi_app.rt.arrays import N_STAGING_SLOTS
from bmi_app.rt.memory import length, named_parts
from bmi_app.rt.records import COMMAND, CommandKind, UpdateCause
from bmi_app.rt.rings import Reader, half
from bmi_app.session.engine import saved_decoder
from bmi_app.session.engine.build import Core
from bmi_app.session.engine.commands import CommandError


def undo_blob(core: Core, row: np.ndarray, undone: Iterable[Mapping[str, np.ndarray]] = ()) -> np.ndarray:
    """Return the blob that undoes updates, and keeps everything that they have not changed.

    Parameters
    ----------
    row : f8[words]
        The weights row to go back to: weights, bias, gain, the decoder's model where rules adapt that, populations.
    undone : iterable of mapping
        What was adopted since, the latest first: `blob`, and what stood `before` it (older sessions do not say).

    Raises
    ------
    CommandError
        If an adoption is not of this session's length.
    """
    sizes, n_words = core.sizes, length(core.sizes.blob)
    blob = np.full(n_words, np.nan)
    for adopted in undone:
        if len(adopted["blob"]) != n_words:
            raise CommandError(
                f"undo: an adoption holds {len(adopted['blob'])} numbers where this session's have {n_words}: its file was exchanged"
            )
        if "before" in adopted:
            changed = ~np.isnan(adopted["blob"])
            blob[changed] = adopted["before"][changed]
    parts = named_parts(blob, sizes.blob)
    parts |= named_parts(parts["decoder_memory"], sizes.model)
    for name, part in named_parts(row, sizes.row).items():
        parts[name][...] = part
    return blob


def widened(core: Core, blob: np.ndarray) -> np.ndarray:
    """Return a recorded blob as blobs are laid out now: a filter that estimates the position had no drift, which is a drift of 0."""
    sizes = core.sizes
    drift = math.prod(core.decoder_layout.get(DRIFT, (0,)))
    if not drift or len(blob) != length(sizes.blob) - drift:
        return blob
    parts = named_parts(blob, replace(sizes, decoder_words=sizes.decoder_words - drift).blob)
    parts["decoder_memory"] = np.append(parts["decoder_memory"], np.zeros(drift))  # in which the drift stands last
    return np.concatenate([part.ravel() for part in parts.values()])


def of_format_1(core: Core, blob: np.ndarray) -> np.ndarray:
    """Return a blob of a session of format 1 as it is now: the present map of units stays."""
    return np.append(blob, np.full(core.sizes.n_units, np.nan))


def holding(core: Core, blob: np.ndarray, units: Sequence[int], *, keep_map: bool = False) -> np.ndarray:
    """Return a blob that changes neither weights nor population of some units, and with `keep_map` the population of no unit."""
    held = blob.copy()
    parts = named_parts(held, core.sizes.blob)
    parts["weights"][:, list(units)] = np.nan
    parts["population"][slice(None) if keep_map else list(units)] = np.nan
    return held


def standing(core: Core) -> np.ndarray:
    """Return the present values, in the order of a blob."""
    return _in_order(core, core.arrays, core.arrays["unit_population"])


def _in_order(core: Core, arrays: Mapping[str, np.ndarray], populations: np.ndarray) -> np.ndarray:
    blob = np.empty(length(core.sizes.blob))
    for name, part in named_parts(blob, core.sizes.blob).items():
        part[...] = populations if name == "population" else arrays[name][: len(part)]
    return blob


def decoder_blob(core: Core, path: Path) -> np.ndarray:
    """Return the blob that adopts a saved decoder.

    Raises
    ------
    CommandError
        If the file does not fit.
    """
    arrays = {name: np.array(part) for name, part in core.arrays.items() if name in _PARTS}
    parts = named_parts(arrays["decoder_memory"], core.decoder_layout)
    try:
        saved_decoder.load_into(str(path), core.protocol, arrays, parts)
    except ValueError as error:
        raise CommandError(str(error)) from error
    return _in_order(core, arrays, np.full(core.sizes.n_units, np.nan))


_PARTS = ("weights", "bias", "gain", "mask", "feature_offset", "feature_scale", "decoder_memory")


def put(
    core: Core, blob_id: int, blob: np.ndarray, cause: UpdateCause = UpdateCause.ADOPTED, undone: int = 0
) -> np.ndarray:
    """Lay a blob into the slot of its id, and return the command that adopts it, COMMAND[1].

    `undone` is the first row of weights that an undo takes back; 0 where it is no undo.

    Slots are taken in turn; one whose command still waits is never overwritten, because fewer commands than slots
    are let wait (the control thread sends one and waits for its echo).
    """
    slot = blob_id % N_STAGING_SLOTS
    core.arrays["staging"][slot] = blob
    command = np.zeros(1, COMMAND)
    command["tick"], command["kind"] = -1, CommandKind.ADOPT
    command["index"], command["aux"], command["value"], command["undone"] = slot, blob_id, cause, undone
    return command


class Undo(NamedTuple):
    """Say what an undo goes back to, and what it takes back.

    Attributes
    ----------
    row : f8[words]
        The weights row to go back to.
    blobs : list of int
        What was adopted since, the latest first.
    first : int
        Number of the first row that is taken back.
    tick : int
        Of that row.
    """

    row: np.ndarray
    blobs: list[int]
    first: int
    tick: int


def row_before(core: Core, saved: tuple[np.ndarray, np.ndarray], to_tick: int | None) -> Undo:
    """Find the weights row to go back to, and what was stored since.

    Parameters
    ----------
    saved : (WEIGHTS[n], f8[n, words])
        The rows that the journal has; the ring's newest are added.
    to_tick : int, optional
        Go back to before the first update at or after this tick; without it, to before the last update.

    Raises
    ------
    CommandError
        If there is nothing to undo.
    """
    entries, rows = saved
    ring = Reader(core.arrays, "weights", tail=len(entries))
    newest = ring.take(half(ring))
    assert newest.rows is not None
    entries, rows = np.append(entries, newest.records), np.concatenate([rows, newest.rows])
    last = len(entries) - 1 if to_tick is None else int(np.count_nonzero(entries["tick"] < to_tick))
    if last < 1 or last == len(entries):
        since = "" if to_tick is None else f" at or after tick {to_tick}"
        raise CommandError(f"undo: there is no update{since} to undo")
    adopted = entries["id"][last:]
    return Undo(np.array(rows[last - 1]), adopted[adopted >= 0][::-1].tolist(), last, int(entries["tick"][last]))
