"""Log what a rig's subject has learnt: a line of JSON at the end of each trial, in a file of the rig's own.

A session over LSL knows its source by its spikes only, so that what the subject has learnt is not in the session.
"""

import json
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from bmi_app.subject.model_log import read_records


class RigLog:
    """Append a line for each trial: when, which, what came of it, and the model as it then stood.

    Fields are those of the session's `subject` records; `time_s` is that of the frame in which the trial was seen to end, on the
    rig's clock, and `model` f8[axis][unit + 1], the last of which belongs to the constant. Not thread-safe.

    Raises
    ------
    OSError
        If the file exists already, or cannot be written.
    """

    def __init__(self, path: Path, subject: dict[str, np.ndarray], n_axes: int) -> None:
        self._file: TextIO = path.open("x", encoding="utf-8")
        self._subject, self._n_axes = subject, n_axes
        self._n_taken = 0

    def take(self, session: str) -> None:
        """Write what has been learnt since the last call, of the session that is seen."""
        records, models, times_s, self._n_taken = read_records(self._subject, self._n_taken)
        for record, model, time_s in zip(records, models, times_s, strict=True):
            line: dict[str, Any] = {"session": session, "time_s": float(time_s)}
            line.update({name: record[name].item() for name in records.dtype.names or () if name != "tick"})
            line["model"] = model.reshape(self._n_axes, -1).tolist()
            self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
