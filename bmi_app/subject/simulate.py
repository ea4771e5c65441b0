"""Simulate a subject and its neurons step by step: what it sees, how it acts, which spikes follow.

The same kernel serves the simulated driver in the engine and the rig behind LSL. Steps are counted from the start of
the session, in closed form; every random number is a function of (seed, step, unit).
"""

import math

import numpy as np

from bmi_app.rt import random
from bmi_app.rt.contracts import (
    N_SEEN,
    SEEN_CONTROL,
    SEEN_HAND_X,
    SEEN_HAND_Y,
    SEEN_RADIUS,
    SEEN_REWARD,
    SEEN_STATE,
    SEEN_TARGET_X,
    SEEN_TARGET_Y,
    SEEN_TIME_S,
    SEEN_VX,
    SEEN_VY,
    SEEN_X,
    SEEN_Y,
)
from bmi_app.rt.jit import part
from bmi_app.rt.memory import Layout
from bmi_app.rt.records import Flag

HISTORY = 8  # rows of `seen`
_LANES = 1 << 16  # four for each of the most units that a protocol may have

# Words at the head of the simulation's memory; integers stand in `memory.view(np.int64)`.
SEED, STEP, N_UNITS, MANUAL_CLOCK, FRAME = range(5)
STEP_S, START_S, DELAY_S = range(5, 8)
HAND = 8  # where in the subject's part its hand stands; -1: it has none
HEADER = 9
_HAND_FLAG, _FORCE_FLAG = int(Flag.HAND), int(Flag.FORCE)


def words(n_units: int, subject_words: int) -> int:
    """Return the length of a simulation's memory: header, seen, rates, one step's spikes, the subject."""
    return HEADER + HISTORY * N_SEEN + n_units + subject_words


def subject_part(memory: np.ndarray, n_units: int) -> np.ndarray:
    """Return the part of a simulation's memory that belongs to the subject."""
    return memory[HEADER + HISTORY * N_SEEN + n_units :]


def hand_place(layout: Layout) -> int:
    """Return where the part `hand` begins in a subject's memory; -1 for a subject without one.

    A subject that moves an arm says after each ACT in `hand` (2,) where its hand is, or what its force amounts to (cm).
    """
    at = 0
    for name, shape in layout.items():
        if name == "hand":
            return at
        at += math.prod(shape)
    return -1


@part
def parts(memory):
    """Name the parts of the memory: seen, rates, subject."""
    n_units = memory.view(np.int64)[N_UNITS]
    seen_words = HISTORY * N_SEEN
    return (
        memory[HEADER : HEADER + seen_words].reshape(HISTORY, N_SEEN),
        memory[HEADER + seen_words : HEADER + seen_words + n_units],
        memory[HEADER + seen_words + n_units :],
    )


@part
def see_frame(seen, frame):
    """Put what a frame shows into the newest row of `seen`; older rows move back."""
    for row in range(seen.shape[0] - 1, 0, -1):
        for field in range(seen.shape[1]):
            seen[row, field] = seen[row - 1, field]
    seen[0, SEEN_TIME_S] = frame.edge_s
    seen[0, SEEN_X], seen[0, SEEN_Y] = frame.cursor_x_cm, frame.cursor_y_cm
    seen[0, SEEN_VX], seen[0, SEEN_VY] = frame.velocity_x_cm_s, frame.velocity_y_cm_s
    seen[0, SEEN_TARGET_X], seen[0, SEEN_TARGET_Y] = frame.target_x_cm, frame.target_y_cm
    seen[0, SEEN_RADIUS] = frame.target_radius_cm
    seen[0, SEEN_STATE], seen[0, SEEN_REWARD] = frame.state, frame.reward
    seen[0, SEEN_CONTROL] = 1.0 if frame.flags & _HAND_FLAG else 2.0 if frame.flags & _FORCE_FLAG else 0.0


@part
def see_hand(seen, hand):
    """Show the subject where the person's hand is now (x, y in cm; NaN: none), which may be its intention."""
    seen[0, SEEN_HAND_X], seen[0, SEEN_HAND_Y] = hand


@part
def hand_of(memory):
    """Return where the subject's hand is (cm), or what its force amounts to; NaN for a subject without arm."""
    at = memory.view(np.int64)[HAND]
    if at < 0:
        return math.nan, math.nan
    subject = parts(memory)[2]
    return subject[at], subject[at + 1]


@part
def act_once(act, memory):
    """Let the subject act on what it sees; return the key of this step's spikes."""
    head = memory.view(np.int64)
    seen, rates_hz, subject = parts(memory)
    act(subject, random.key(head[SEED], random.SUBJECT, head[STEP]), seen, rates_hz)
    return random.key(head[SEED], random.SPIKES, head[STEP])


@part
def spikes_of(key, unit, expected):
    """Draw a Poisson number of spikes with one uniform number, by inversion; `expected` is below about 20."""
    below = math.exp(-expected)
    draw = random.uniform(key, 4 * unit)
    n = 0
    term = below
    while draw >= below and n < 64:
        n += 1
        term *= expected / n
        below += term
    return n


@part
def time_of(key, unit, nth, start_s, step_s):
    """Return the time of the nth spike of a unit in a step: uniform in it."""
    return start_s + step_s * random.uniform(key, 4 * unit + 1 + nth * _LANES)
