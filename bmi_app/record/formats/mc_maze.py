"""Read a trial of MC_Maze as a CSV table: one row per millisecond, one 0/1 column `unit_N` per sorted unit."""

from pathlib import Path

import numpy as np

from bmi_app.record.formats.source import MOST_IN_A_BIN, CountsSource, RecordingError, are_counts, plain_counts

_TIME = "timestamp"
_UNIT = "unit_"


def read(path: Path) -> CountsSource:
    """Read the units' columns as counts; cursor, hand and eye are left out.

    Raises
    ------
    RecordingError
        If a number cannot be read, rows are missing, or a count is not a whole number of spikes.
    """
    try:
        with path.open(encoding="utf-8") as file:
            columns = file.readline().strip().split(",")
            units = [index for index, column in enumerate(columns) if column.startswith(_UNIT)]
            used = [columns.index(_TIME), *units]
            table = np.loadtxt(file, delimiter=",", usecols=used, ndmin=2)
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path}: cannot be read as a table of numbers: {error}") from error
    if len(table) < 2:
        raise RecordingError(f"{path}: holds {len(table)} rows; at least 2 are needed to know the length of a bin")
    stamps_s, counts = table[:, 0], table[:, 1:]
    if not np.isfinite(stamps_s).all():
        row = np.flatnonzero(~np.isfinite(stamps_s))[0]
        raise RecordingError(f"{path}:{row + 2}: {_TIME} is {stamps_s[row]:g}; allowed are times in seconds")
    steps_s = np.diff(stamps_s)
    step_s = float(np.sort(steps_s)[(len(steps_s) - 1) // 2])  # the (lower) median, which gaps and NaN do not move
    uneven = np.flatnonzero(~(np.abs(steps_s - step_s) < 0.1 * step_s))
    if uneven.size:
        # Header and counting from 1 make row i the line i + 2; the later row of the pair is named.
        raise RecordingError(
            f"{path}:{uneven[0] + 3}: {_TIME} does not follow the line before by {step_s:g} s; "
            "rows are missing or out of order, complete the table"
        )
    if not plain_counts(counts):
        row, column = np.argwhere(~are_counts(counts))[0]
        raise RecordingError(
            f"{path}:{row + 2}: {columns[units[column]]} is {counts[row, column]:g}; allowed are counts, "
            f"whole numbers from 0 to {MOST_IN_A_BIN:g}"
        )
    labels = tuple(columns[index] for index in units)
    # Stamps have a few digits only; the mean over all rows makes little of their rounding.
    dt_s = round(float(stamps_s[-1] - stamps_s[0]) / len(steps_s), 9)
    return CountsSource(
        path=path,
        name=path.stem,
        description=f"{len(labels)} sorted units, {len(counts)} bins of {dt_s * 1e3:g} ms",
        labels=labels,
        dt_s=dt_s,
        counts=np.ascontiguousarray(counts, np.float32),
    )


def read_hand(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the hand's position f8[row, 2] (mm) and velocity f8[row, 2] (mm/s).

    Raises
    ------
    RecordingError
        If the table does not hold them.
    """
    names = ("hand_pos_x", "hand_pos_y", "hand_vel_x", "hand_vel_y")
    try:
        with path.open(encoding="utf-8") as file:
            columns = file.readline().strip().split(",")
            table = np.loadtxt(file, delimiter=",", usecols=[columns.index(name) for name in names], ndmin=2)
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path}: the columns {', '.join(names)} cannot be read: {error}") from error
    return table[:, :2], table[:, 2:]
