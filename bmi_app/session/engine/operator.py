"""Carry out an operator's request: queue a command, stage a blob, write a note."""

import json
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from bmi_app import plugins
from bmi_app.record import reading
from bmi_app.record.damage import JournalError
from bmi_app.record.drain import Drain
from bmi_app.record.journal import Journal
from bmi_app.rt import cells
from bmi_app.rt.arrays import N_STAGING_SLOTS
from bmi_app.rt.clock import now_s
from bmi_app.rt.hand import tell_persons_hand
from bmi_app.rt.log import hash_weights
from bmi_app.rt.memory import named_parts
from bmi_app.rt.records import EVENT, WORDS_BYTES, CommandKind, EventKind, TaskState, UpdateCause
from bmi_app.rt.ring import read_cell, write_cell
from bmi_app.session.engine import commands, saved_decoder, staging
from bmi_app.session.engine.build import Core
from bmi_app.session.engine.commands import CommandError
from bmi_app.session.engine.staged_fits import Refitter, Staged

# The id of the command that was queued, if any, and what to answer beside its tick.
Done = tuple[int | None, dict[str, Any]]

_MOST_UNSAVED = 64  # the smallest ring that commands write to holds 256 records


def event_now(core: Core, kind: EventKind, time_s: float, code: int = 0, value: float = 0.0) -> np.ndarray:
    """Return an event, EVENT[1], that belongs to the latest tick."""
    frames, head = core.arrays["frames"], int(read_cell(core.arrays["ctl"], cells.FRAMES_HEAD))
    event = np.zeros(1, EVENT)
    event["tick"] = max(head - 1, 0)
    event["trial"] = frames[(head - 1) & (len(frames) - 1)]["trial"] if head else -1
    event["time_s"], event["kind"], event["code"], event["value"] = time_s, kind, code, value
    return event


class Operator:
    """Carry requests into one session; used by the control thread, to which signals go as well, and the staging thread.

    Parameters
    ----------
    core, drain, journal
        Of the session.
    folder : Path
        The session folder.
    """

    def __init__(self, core: Core, drain: Drain, journal: Journal, folder: Path) -> None:
        self._core, self._drain, self._journal, self._folder = core, drain, journal, folder
        self._ctl = core.arrays["ctl"]
        self._sent = 0
        self._blobs = 0
        self._seen = 0
        self._acted: dict[int, dict[str, Any]] = {}
        self.refitter = Refitter(core)
        self._adopting, self._queueing = Lock(), Lock()  # the staging thread sends adoptions too
        self._telling = Lock()
        self._adopted, self._adopted_at = np.empty(0), 0  # the latest, and how many commands there were with it
        # What does a command that is no plain record; `bmi_app.rt.operator_commands` declares it.
        self._own: dict[str, Callable[[dict[str, Any], str], Done]] = {
            "status": self._say_status,
            "note": self._take_note,
            "hand": self._take_hand,
            "save_weights": self._save_weights,
            "fit": self._fit,
            "undo": self._undo,
            "load_weights": self._load_weights,
        }

    def handle(self, request: Any) -> tuple[int | None, dict[str, Any]]:
        """Do a request; return the id of the queued command, if any, and what to answer beside its tick.

        Raises
        ------
        CommandError
            If it cannot be done; the message is for the operator.
        """
        name = commands.check(request)
        text = json.dumps(request)
        own = self._own.get(name)
        if own is not None:
            return own(request, text)
        return self._queue(commands.record(name, request, self._core.protocol), text), {}

    def _say_status(self, request: dict[str, Any], text: str) -> Done:
        state = self._core.state[0]
        return None, {"tick": int(state["tick"]), "state": TaskState(int(state["state"])).name.lower()}

    def _take_note(self, request: dict[str, Any], text: str) -> Done:
        return None, {"tick": self.note(EventKind.NOTE, str(request.get("text", "")))}

    def _take_hand(self, request: dict[str, Any], text: str) -> Done:
        tell_persons_hand(self._ctl, *commands.hand_cm(request, self._core.protocol), now_s())
        return None, {}

    def _save_weights(self, request: dict[str, Any], text: str) -> Done:
        return None, {"file": self._save(request)}

    def _fit(self, request: dict[str, Any], text: str) -> Done:
        return None, self._ask_to_fit()

    def _undo(self, request: dict[str, Any], text: str) -> Done:
        blob, undo = self._undone(request)
        command, answer = self._adopt(blob, text, undone=undo.first)
        return command, {**answer, "undone_tick": undo.tick}

    def _load_weights(self, request: dict[str, Any], text: str) -> Done:
        return self._adopt(staging.decoder_blob(self._core, _path(request)), text)

    def move_to(self, folder: Path) -> None:
        """Read what was recorded from another folder from now on."""
        self._folder = folder

    def acted(self, command_id: int) -> dict[str, Any] | None:
        """Return the tick that took a command, and why it did nothing where it did; None while it waits."""
        done, head = self._core.arrays["commands_done"], read_cell(self._ctl, cells.COMMANDS_HEAD)
        for at in range(self._seen, head):
            entry = done[at & (len(done) - 1)]
            self._acted[int(entry["id"])] = commands.echo(entry)
        self._seen = head
        return self._acted.pop(command_id, None)

    def refused(self, request: str, reason: str) -> None:
        """Journal a request that was refused."""
        self.note(EventKind.COMMAND_REFUSED, f"{reason} | {request[:1000]}")

    def note(self, kind: EventKind, text: str, code: int = 0, value: float = 0.0) -> int:
        """Journal words that belong to the latest tick; return that tick. May be called from any thread."""
        event = event_now(self._core, kind, now_s(), code, value)
        self._drain.add_event(event, text)
        tick = int(event["tick"][0])
        if kind.event.tells:
            self._tell(tick, kind, text)
        return tick

    def _tell(self, tick: int, kind: EventKind, text: str) -> None:
        """Say it to every view."""
        words = self._core.arrays["words"]
        cut = text.encode(errors="replace")[:WORDS_BYTES].decode(errors="ignore").encode()  # no half letters
        with self._telling:
            head = read_cell(self._ctl, cells.WORDS_HEAD)
            words[head & (len(words) - 1)] = (tick, int(kind), cut)
            write_cell(self._ctl, cells.WORDS_HEAD, head + 1)

    def adopt_staged(self, staged: Staged) -> None:
        """Journal what was computed beside the tick, and have it adopted; for the staging thread."""
        if staged.blob is None:
            self.note(EventKind.NO_FIT, staged.text)
            return
        try:
            self._adopt(staged.blob, json.dumps({"do": "adopt", "why": staged.text}), staged.cause)
        except CommandError as error:
            self.note(EventKind.NO_FIT, f"{staged.text}: {error}")

    def _queue(self, command: np.ndarray, text: str) -> int:
        """Put a command into the queue that the next tick reads; return its id."""
        with self._queueing:
            return self._put(command, text)

    def _put(self, command: np.ndarray, text: str) -> int:
        queue, head = self._core.arrays["queue"], read_cell(self._ctl, cells.QUEUE_HEAD)
        # All that wait may act in one tick, and each may write weights, events and its own record.
        unsaved = self._sent - self._drain.n_commands
        if unsaved >= _MOST_UNSAVED and int(command["kind"][0]) != CommandKind.STOP:
            raise CommandError(f"more than {_MOST_UNSAVED} commands wait to be journaled; send the rest in 0.1 s")
        waiting = head - read_cell(self._ctl, cells.QUEUE_TAIL)
        adopts = int(command["kind"][0]) == CommandKind.ADOPT
        if adopts and waiting >= N_STAGING_SLOTS - 1:
            raise CommandError("too many commands wait for a tick; is the session held up?")
        self._sent += 1
        command["id"] = self._sent
        self._drain.add_command_text(self._sent, text)
        queue[head & (len(queue) - 1)] = command[0]
        write_cell(self._ctl, cells.QUEUE_HEAD, head + 1)
        return self._sent

    def _adopt(
        self, blob: np.ndarray, text: str, cause: UpdateCause = UpdateCause.ADOPTED, undone: int = 0
    ) -> tuple[int, dict[str, Any]]:
        with self._adopting:
            self._blobs += 1
            try:
                self._journal.write_blob(self._blobs, {"blob": blob, "before": self._standing()})
            except JournalError as error:
                raise CommandError(f"the blob to adopt cannot be journaled: {error}") from error
            command = self._queue(staging.put(self._core, self._blobs, blob, cause, undone), text)
            self._adopted, self._adopted_at = blob, int(read_cell(self._ctl, cells.QUEUE_HEAD))
            return command, {"blob": self._blobs}

    def _standing(self) -> np.ndarray:
        """Return the values as they will be when the next adoption acts: the present ones, with an adoption that still waits."""
        waits = int(read_cell(self._ctl, cells.QUEUE_TAIL)) < self._adopted_at
        standing = staging.standing(self._core)
        return np.where(np.isnan(self._adopted), standing, self._adopted) if waits else standing

    def _ask_to_fit(self) -> dict[str, Any]:
        """Have the staging thread fit the decoder; what comes of it stands in the audit."""
        if not self.refitter.can_fit:
            kind = self._core.protocol.decoder.kind
            raise CommandError(
                f"fit: decoder {kind!r} cannot be fitted, or no samples are kept; choose one that can, and set "
                "learning.history_s"
            )
        self.refitter.ask_to_fit()
        return {"fit": "asked; the audit of updates says when it acted"}

    def _undone(self, request: dict[str, Any]) -> tuple[np.ndarray, staging.Undo]:
        to_tick = request.get("to_tick")
        if to_tick is not None and (isinstance(to_tick, bool) or not isinstance(to_tick, int) or to_tick < 0):
            raise CommandError("undo: `to_tick` must be a tick, 0 or later")
        recording = reading.read(self._folder, kinds=("weights",))
        undo = staging.row_before(self._core, (recording.weights, recording.weight_rows), to_tick)
        try:
            return staging.undo_blob(self._core, undo.row, [recording.blob(blob_id) for blob_id in undo.blobs]), undo
        except JournalError as error:
            raise CommandError(f"undo: {error}") from error

    def _untorn_model(self) -> dict[str, np.ndarray]:
        """Return a copy of the model as it stood between two updates: the tick goes on beside."""
        arrays, frames = self._core.arrays, self._core.arrays["frames"]
        while True:
            copies = {name: arrays[name].copy() for name in saved_decoder.MODEL}
            digest = hash_weights(copies["weights"], copies["bias"], copies["gain"], arrays["adapted"])
            head = int(read_cell(self._ctl, cells.FRAMES_HEAD))
            if head == 0 or digest == frames[(head - 1) & (len(frames) - 1)]["weights_hash"]:
                return copies

    def _save(self, request: dict[str, Any]) -> str:
        path, replace = _path(request), request.get("replace", False)
        if not isinstance(replace, bool):
            raise CommandError("save_weights: `replace` must be true or false")
        core = self._core
        copies = self._untorn_model()
        memory = named_parts(core.arrays["decoder_memory"].copy(), core.decoder_layout)
        try:
            made_for = saved_decoder.MadeFor.of(core.protocol)
            widths = self._half_width_95()
            saved_decoder.save(path, core.protocol.decoder.kind, copies, memory, made_for, widths, replace=replace)
        except FileExistsError as error:
            raise CommandError(f"save_weights: {path}: exists already; `replace`: true replaces it") from error
        except (OSError, ValueError) as error:  # a name with a NUL
            why = error.strerror if isinstance(error, OSError) else error
            raise CommandError(f"save_weights: {path}: cannot be written: {why}") from error
        return str(path)

    def _half_width_95(self) -> np.ndarray | None:
        """Return half of each weight's 95 % interval, f8[axis, unit]; None where the rule does not know it, or is off."""
        core, learning = self._core, self._core.protocol.learning
        rule = plugins.load("learning", learning.rule)
        if learning.when == "off" or rule.TRAITS.confidence is None:
            return None
        layout = rule.layout(rule.Settings(**learning.settings), core.sizes.n_units, core.sizes.n_axes)
        width: np.ndarray = rule.TRAITS.confidence(named_parts(core.arrays["rule_memory"].copy(), layout))
        return width


def _path(request: dict[str, Any]) -> Path:
    if not isinstance(request.get("file"), str) or not request["file"]:
        raise CommandError(f"{request['do']}: `file` must be a path")
    try:
        return Path(str(request["file"])).expanduser()
    except RuntimeError as error:  # `~name` of a user that does not exist
        raise CommandError(f"{request['do']}: {request['file']}: {error}") from error
