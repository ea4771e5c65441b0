"""Keep a row a trial of what the subject has learnt, for whoever records the session.

The kernel writes the rows, Python reads them; a row is whole before it is counted.
"""

import numpy as np

from bmi_app.rt.jit import part
from bmi_app.rt.records import SUBJECT
from bmi_app.rt.ring import load, read_cell, store
from bmi_app.subject.exploration import amplitude_hz
from bmi_app.subject.mind import (
    ACTIONS,
    CONFIDENCE,
    FRAME_S,
    HEAD,
    LOG,
    LOG_CONFIDENCE,
    LOG_ERROR_CM_S,
    LOG_EXPLORATION_HZ,
    LOG_REWARD,
    LOG_ROWS,
    LOG_SAMPLES,
    LOG_SLOTS,
    LOG_TIME_S,
    LOG_TRIAL,
    LOG_WORDS,
    N_AXES,
    N_UNITS,
    REWARD,
    TRIAL_SEEN,
    TRIALS,
    WEIGHTS,
    matrix,
    vector,
)
from bmi_app.subject.tool_model import trial_error_cm_s

_COLUMNS = {
    "trial": LOG_TRIAL,
    "reward": LOG_REWARD,
    "samples": LOG_SAMPLES,
    "error_cm_s": LOG_ERROR_CM_S,
    "confidence": LOG_CONFIDENCE,
    "exploration_hz": LOG_EXPLORATION_HZ,
}


@part
def write_row(memory):
    """Log the trial that is over, and the model as it stands after it."""
    head = vector(memory, HEAD)
    n_axes, n_units = int(head[N_AXES]), int(head[N_UNITS])
    rows = matrix(memory, LOG, LOG_WORDS + n_axes * (n_units + 1))
    written = load(head.view(np.int64), LOG_ROWS)
    row = rows[written % LOG_SLOTS]
    row[LOG_TIME_S], row[LOG_TRIAL], row[LOG_REWARD] = head[FRAME_S], head[TRIALS] - 1.0, head[REWARD]
    row[LOG_SAMPLES], row[LOG_ERROR_CM_S] = head[TRIAL_SEEN], trial_error_cm_s(head)
    row[LOG_CONFIDENCE], row[LOG_EXPLORATION_HZ] = head[CONFIDENCE], amplitude_hz(head)
    model = row[LOG_WORDS:]
    weights = vector(memory, WEIGHTS)
    by_unit = head[ACTIONS] != 0.0
    for a in range(n_axes):
        for u in range(n_units):
            at = u * n_axes + a if by_unit else a * (n_units + 1) + u
            model[a * (n_units + 1) + u] = weights[at]
        model[a * (n_units + 1) + n_units] = 0.0 if by_unit else weights[a * (n_units + 1) + n_units]
    store(head.view(np.int64), LOG_ROWS, written + 1)


def read_records(parts: dict[str, np.ndarray], already: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return what was logged after the first `already` trials, as far as it still stands.

    Parameters
    ----------
    parts
        The subject's memory by name; a subject without the part `log` logs nothing.
    already
        How many the caller has had.

    Returns
    -------
    records : SUBJECT[n]
        Their ticks are open: the subject knows times only.
    models : f8[n, n_axes * (n_units + 1)]
    times_s : f8[n]
        Of the frame in which each trial was seen to end.
    written : int
        How many there ever were.
    """
    if "log" not in parts:
        return np.zeros(0, SUBJECT), np.zeros((0, 0)), np.zeros(0), 0
    written = read_cell(parts["head"].view(np.int64), LOG_ROWS)
    first = max(already, written - LOG_SLOTS + 1)  # the oldest slot may be overwritten just now
    rows = parts["log"][np.arange(first, written) % LOG_SLOTS]
    records = np.zeros(len(rows), SUBJECT)
    for name, word in _COLUMNS.items():
        records[name] = rows[:, word]
    return records, rows[:, LOG_WORDS:], rows[:, LOG_TIME_S], written
