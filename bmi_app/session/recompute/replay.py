"""Recompute a recorded session: verify that it is bit-exact, or ask what another protocol would have done with it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record import blobs, integrity, reading, session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.reading import Recording
from bmi_app.rt import cells
from bmi_app.rt.loop import run_recorded
from bmi_app.rt.memory import length
from bmi_app.rt.records import CommandKind, TaskState
from bmi_app.session.engine import kept_inputs, provenance, staging
from bmi_app.session.engine.build import BuildError, Core, build
from bmi_app.session.recompute import kept_commands, loss
from bmi_app.session.recompute.comparison import Difference, Logs, first_difference
from protocols.load import parse
from protocols.schema import Protocol

_CHUNK_TICKS = 4096
_MOST_LOGGED = 100  # with the 64 commands that one tick may take at most, less than the smallest ring: 256
_FRAME_SLOTS = 1 << 13
_CHANGEABLE = ("axes", "decoder", "learning", "populations")


@dataclass(frozen=True)
class Verification:
    """Say whether a session was recomputed to the last bit.

    Attributes
    ----------
    difference : Difference, optional
        The first one; None when every bit is the same.
    foreign : list of str
        In what the recording's machine differs from this one: then a difference is reported, not a failure.
    damage : list of str
        What the full check of the session found; see `integrity.full`.
    standing : str
        How the session stands, in words.
    lost : dict of str to str
        From which tick and time on a file of the journal is damaged, or a blob is needed that is.
    """

    ticks: int
    commands: int
    weight_rows: int
    difference: Difference | None
    foreign: list[str]
    damage: list[str]
    standing: str = ""
    lost: dict[str, str] = field(default_factory=dict)

    @property
    def is_exact(self) -> bool:
        """Tell whether every bit is the same, and nothing was damaged."""
        return self.difference is None and not self.damage


def verify(folder: Path, on_progress: Callable[[int, int], object] = lambda done, total: None) -> Verification:
    """Check every byte of a session, recompute every tick from its counts and commands, and compare all that the ticks wrote.

    Compared are frames, events, commands, updates and weights, as far as their files are whole. Ticks whose commands are lost,
    or the arrays that these adopt, cannot be recomputed.

    Raises
    ------
    JournalError
        If the folder holds no session, or one that is running.
    """
    recording = _read(folder)
    standing = integrity.full(folder)
    whole = loss.whole_through(recording, standing)
    recording = loss.that_can_be_recomputed(recording, whole)
    core = build(_protocol(recording), frame_slots=_FRAME_SLOTS, spike_slots=1 << 10)
    logs = Logs(core)
    found: Difference | None = None
    for first, last in _chunks(core, recording):
        run_recorded(core.decode, core.learn, core.session, recording.frames[first:last], recording.counts[first:last])
        made = core.arrays["frames"][np.arange(first, last) & (_FRAME_SLOTS - 1)]
        found = first_difference(recording.frames[first:last], made, "frame")
        if found is not None:  # what differs may also log more than its rings hold
            break
        logs.take()
        on_progress(last, len(recording.frames))
    if found is None and len(recording.frames):
        found = logs.compare(recording, whole)
    return Verification(
        ticks=len(recording.frames),
        commands=len(recording.commands),
        weight_rows=len(recording.weights),
        difference=found,
        foreign=_foreign(recording.session),
        damage=standing.doubts() or [str(damage) for damage in recording.damage],
        standing=standing.words,
        lost=loss.words(whole, standing.dt_s),
    )


@dataclass(frozen=True)
class WhatIf:
    """Score the decoding of a recording under its own protocol and under a changed one.

    Each score has `rmse_cm_s` (decoded against the intention modelled from the recorded cursor and target),
    `angle_deg` (mean angle between the two) and `progress_cm_s` (decoded speed toward the target), over the ticks in
    which a target was to be reached; None where there was no movement. `as_recorded` says which of the operator's commands
    act on the changed decoder, too.
    """

    ticks: int
    recorded: dict[str, float | None]
    changed: dict[str, float | None]
    weight_updates: int
    learning_off: bool
    as_recorded: list[str]
    frames: np.ndarray


def what_if(folder: Path, overrides: list[str], moved: Mapping[int, str] | None = None) -> WhatIf:
    """Decode and learn a recording under a changed protocol; targets, cursor and rewards stay as recorded.

    So do the operator's commands, but for those that set what is changed: a rate, the gain of an axis.

    Parameters
    ----------
    folder : Path
        The session folder.
    overrides : list of str
        `KEY=VALUE`, of axes, decoder, learning and populations.
    moved : mapping of int to str, optional
        Units that belong to another population from the start to the end, whatever the operator did with them: neither
        recorded moves nor adopted weights change them. Those of other units act as recorded.

    Raises
    ------
    JournalError
        If the folder holds no session, or one that is running or damaged.
    ProtocolError
        If an override is wrong.
    BuildError
        If what is changed does not fit the recording.
    """
    from bmi_app.rt.what_if import run_what_if

    integrity.refuse_damaged(folder)
    recording = _read(folder)
    _refuse_unchangeable(recording, overrides)
    protocol = _protocol(recording, overrides)
    if moved:
        protocol = _moved(protocol, moved)
        others = recording.commands["kind"] != CommandKind.MOVE_UNIT
        kept = others | ~np.isin(recording.commands["index"], list(moved))
        recording = replace(recording, commands=recording.commands[kept])
    commands = kept_commands.kept(recording.commands, overrides, [letter for letter, _ in protocol.axes.items()])
    recording = replace(recording, commands=commands)
    core = build(protocol, frame_slots=_FRAME_SLOTS, spike_slots=1 << 10)
    remapped = any(override.partition("=")[0].strip().startswith("populations") for override in overrides)
    shaped = any(override.partition("=")[0].strip().startswith(("axes", "decoder")) for override in overrides)
    made = []
    for first, last in _chunks(core, recording, list(moved or ()), keep_map=remapped, other_shape=shaped):
        run_what_if(core.decode, core.learn, core.session, recording.frames[first:last], recording.counts[first:last])
        made.append(core.arrays["frames"][np.arange(first, last) & (_FRAME_SLOTS - 1)])
    frames = np.concatenate([recording.frames[:0], *made])
    moving = np.roll(recording.frames["state"], 1) == TaskState.MOVE  # the state in which the tick began
    return WhatIf(
        ticks=len(frames),
        recorded=_score(recording.frames[moving], frames[moving]),
        changed=_score(frames[moving], frames[moving]),
        weight_updates=int(np.count_nonzero(frames["update_norm"] > 0)),
        learning_off=protocol.learning.when == "off"
        and any(override.startswith("learning.") and "when" not in override for override in overrides),
        as_recorded=kept_commands.as_recorded(commands, protocol.tick.period_ms / 1e3),
        frames=frames,
    )


def features_of(recording: Recording) -> tuple[Core, np.ndarray]:
    """Recompute what the decoder read at every tick of a recording; its weights stay as they began, or as they were adopted.

    Returns
    -------
    core
        The session as it stands after the last tick.
    features : f8[tick, unit]
    """
    from bmi_app.rt.what_if import log_features

    core = build(_protocol(recording, ['learning.when="off"']), frame_slots=_FRAME_SLOTS, spike_slots=1 << 10)
    features = np.empty((len(recording.frames), core.sizes.n_units))
    for first, last in _chunks(core, recording):
        part = slice(first, last)
        log_features(
            core.decode, core.learn, core.session, recording.frames[part], recording.counts[part], features[part]
        )
    return core, features


def _read(folder: Path) -> Recording:
    """Read what a replay needs; while a session is being written its files do not yet reach the same tick."""
    if session_folder.status(folder) in ("running", "perhaps running"):
        raise JournalError(
            f"{folder.name}: is running; `bmi sessions stop {session_folder.call_it(folder)}` ends it, and then it can be recomputed"
        )
    return reading.read(folder, kinds=("frames", "events", "commands", "weights", "updates"))


def _refuse_unchangeable(recording: Recording, overrides: list[str]) -> None:
    tables = {override.partition("=")[0].strip().partition(".")[0] for override in overrides}
    held = sorted(tables - set(_CHANGEABLE))
    if held:
        raise BuildError(
            f"what-if: {held[0]} is held as recorded; what can be changed: {', '.join(f'{name}.*' for name in _CHANGEABLE)}"
        )
    if "populations" in tables and np.any(recording.commands["kind"] == CommandKind.MOVE_UNIT):
        raise BuildError("what-if: the operator moved units, so that populations are held as recorded")


def _moved(protocol: Protocol, moved: Mapping[int, str]) -> Protocol:
    """Return a protocol whose populations hold other units."""
    populations = protocol.population_indices()
    unknown = sorted(set(moved.values()) - set(populations))
    if unknown or not all(0 <= unit < protocol.units.count for unit in moved):
        what = f"no population {unknown[0]!r}" if unknown else f"units run from 0 to {protocol.units.count - 1}"
        raise BuildError(f"what-if: {what}; populations: {', '.join(populations)}")
    changed = {
        name: tuple(
            unit for unit in range(protocol.units.count) if moved.get(unit, name if unit in units else None) == name
        )
        for name, units in populations.items()
    }
    empty = [name for name, units in changed.items() if not units]
    if empty:
        raise BuildError(f"what-if: no unit is left in population {empty[0]!r}; leave it at least one")
    return protocol.model_copy(update={"populations": changed})


def _protocol(recording: Recording, overrides: Sequence[str] = ()) -> Protocol:
    exchanged = any(override.startswith("decoder.kind=") for override in overrides)
    kept = [] if exchanged else kept_inputs.overrides(recording.folder)
    return parse(recording.protocol_text, str(recording.folder / "protocol.toml"), [*kept, *overrides], recorded=True)


def _chunks(
    core: Core,
    recording: Recording,
    held_units: Sequence[int] = (),
    *,
    keep_map: bool = False,
    other_shape: bool = False,
) -> Iterator[tuple[int, int]]:
    """Yield ranges of frames, having queued the commands and staged the blobs that act in them.

    Adoptions change neither weights nor population of `held_units`, and with `keep_map` the population of no unit. With `other_shape`
    the decoder may be another than the recorded one, so that a blob may not fit, which is then no damage.
    """
    frames, commands = recording.frames, recording.commands
    core.config["start_s"] = recording.session.get("start_s", 0.0)
    core.state["tick"] = frames[0]["tick"] if len(frames) else 0
    queue, ctl = core.arrays["queue"], core.arrays["ctl"]
    # An adoption ends its chunk, so that a later one cannot overwrite its slot before it has acted.
    adoptions = commands["tick"][commands["kind"] == CommandKind.ADOPT]
    first, sent = 0, 0
    while first < len(frames):
        last = min(first + _CHUNK_TICKS, len(frames))
        cut = adoptions[(adoptions >= frames[first]["tick"]) & (adoptions < frames[last - 1]["tick"])]
        for ticks in (
            recording.commands["tick"],
            recording.weights["tick"],
            recording.updates["tick"],
        ):  # no chunk may fill the rings of these
            later = ticks[ticks >= frames[first]["tick"]]
            cut = np.append(cut, later[_MOST_LOGGED : _MOST_LOGGED + 1])
        if len(cut):
            last = min(last, int(np.searchsorted(frames["tick"], cut.min())) + 1)
        while sent < len(commands) and commands[sent]["tick"] <= frames[last - 1]["tick"]:
            if commands[sent]["kind"] == CommandKind.ADOPT:
                blob_id = int(commands[sent]["aux"])
                blob = recording.blob(blob_id)["blob"]
                if int(recording.session.get("format", 1)) < 2:
                    blob = staging.of_format_1(core, blob)
                blob = staging.widened(core, blob)
                if len(blob) != length(core.sizes.blob):
                    raise _unfit(recording, blob_id, len(blob), length(core.sizes.blob), other_shape=other_shape)
                blob = staging.holding(core, blob, held_units, keep_map=keep_map)
                core.arrays["staging"][int(commands[sent]["index"])] = blob
            head = int(ctl[cells.QUEUE_HEAD])
            queue[head & (len(queue) - 1)] = commands[sent]
            ctl[cells.QUEUE_HEAD] = head + 1
            sent += 1
        yield first, last
        first = last


def _unfit(recording: Recording, blob_id: int, n_there: int, n_here: int, *, other_shape: bool) -> Exception:
    """Return why a blob cannot be adopted: it was made for another decoder, or it is not what this session has written."""
    if other_shape:
        return BuildError("what-if: the operator had a decoder of another kind adopted; it is held as recorded")
    path = blobs.path_of(recording.folder, blob_id)
    return JournalError(
        f"{path}: holds {n_there} numbers, but what this session's decoder adopts has {n_here}: the file is not what the session "
        "wrote, or protocol.toml is not the one that it ran; nothing can be recomputed with it"
    )


def _foreign(session: dict[str, Any]) -> list[str]:
    """Name what differs between what made the recording and what is here, and may change the last bits."""
    here = {"processor": provenance.processor(), **provenance.versions()}
    there = {"processor": session.get("processor"), **session.get("versions", {})}
    matters = ("processor", "kernels", "numba", "llvmlite", "numpy")
    return [f"{name}: {there.get(name)} there, {here[name]} here" for name in matters if there.get(name) != here[name]]


def _score(decoded: np.ndarray, intended: np.ndarray) -> dict[str, float | None]:
    v = np.stack([decoded["decoded_x_cm_s"], decoded["decoded_y_cm_s"]], axis=1)
    w = np.stack([intended["intent_x_cm_s"], intended["intent_y_cm_s"]], axis=1)
    speed, wanted = np.hypot(*v.T), np.hypot(*w.T)
    moving = (speed > 0) & (wanted > 0)
    if not moving.any():
        return {"rmse_cm_s": None, "angle_deg": None, "progress_cm_s": None}
    cosine = (v[moving] * w[moving]).sum(axis=1) / (speed[moving] * wanted[moving])
    return {
        "rmse_cm_s": float(np.sqrt(np.mean(((v - w) ** 2).sum(axis=1)))),
        "angle_deg": float(np.degrees(np.mean(np.arccos(np.clip(cosine, -1, 1))))),
        "progress_cm_s": float(np.mean(speed[moving] * cosine)),
    }
