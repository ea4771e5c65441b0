"""Simulate a subject and its neurons step by step: what it sees, how it acts, which spikes follow.

The same kernel serves the simulated driver in the engine and the rig behind LSL. Steps are counted from the start of
the session, in closed form; every random number is a function of (seed, step, unit).
"""

import math
from collections import namedtuple

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
from bmi_app.subject.neurons import drive, parts_of

HISTORY = 8  # rows of `seen`

# Words at the head of the simulation's memory; integers stand in `memory.view(np.int64)`.
SEED, STEP, N_UNITS, MANUAL_CLOCK, FRAME = range(5)
STEP_S, START_S, DELAY_S = range(5, 8)
HAND, NEURON_WORDS = 8, 9  # where in the subject's part its hand stands (-1: it has none); length of the neurons' part
HEADER = 10
# Times are sums and differences of seconds, which round: so much later than due a frame may seem to be, and is due. It is
# far more than they round even years after boot, and far less than a step.
DUE_WITHIN_S = 1e-6
_HAND_FLAG, _FORCE_FLAG = int(Flag.HAND), int(Flag.FORCE)

Parts = namedtuple("Parts", "seen asked_hz neurons subject")


def words(n_units: int, neuron_words: int, subject_words: int) -> int:
    """Return the length of a simulation's memory: header, seen, asked rates, neurons, subject."""
    return HEADER + HISTORY * N_SEEN + n_units + neuron_words + subject_words


def neurons_part(memory: np.ndarray) -> np.ndarray:
    """Return the part of a simulation's memory that belongs to the neurons."""
    begin, end = _ends(memory)
    return memory[begin:end]


def subject_part(memory: np.ndarray) -> np.ndarray:
    """Return the part of a simulation's memory that belongs to the subject."""
    return memory[_ends(memory)[1] :]


def _ends(memory: np.ndarray) -> tuple[int, int]:
    """Return where the neurons' part begins, and where it ends."""
    head = memory.view(np.int64)
    begin = HEADER + HISTORY * N_SEEN + int(head[N_UNITS])
    return begin, begin + int(head[NEURON_WORDS])


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
    """Name the parts of the memory: what is seen, the rates asked for, the neurons' part and the subject's."""
    head = memory.view(np.int64)
    rates_at = HEADER + HISTORY * N_SEEN
    neurons_at = rates_at + head[N_UNITS]
    subject_at = neurons_at + head[NEURON_WORDS]
    return Parts(
        memory[HEADER:rates_at].reshape(HISTORY, N_SEEN),
        memory[rates_at:neurons_at],
        memory[neurons_at:subject_at],
        memory[subject_at:],
    )


def delay_steps(delay_s: float, step_s: float) -> int:
    """Return how many steps after its edge a frame is seen that lies on the grid of the steps; see `is_due`."""
    return max(math.ceil((delay_s - DUE_WITHIN_S) / step_s), 0)


@part
def is_due(edge_s, now_s, delay_s):
    """Tell whether a frame is old enough to be seen: what the subject pairs with it counts on its being seen when due."""
    return edge_s <= now_s - delay_s + DUE_WITHIN_S


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
    subject = parts(memory).subject
    return subject[at], subject[at + 1]


@part
def act_once(act, memory):
    """Let the subject act on what it sees, and drive its neurons; return these (`bmi_app.subject.neurons.parts_of`)."""
    head = memory.view(np.int64)
    seen, rates_hz, neuron_memory, subject = parts(memory)
    act(subject, random.key(head[SEED], random.SUBJECT, head[STEP]), seen, rates_hz)
    fired = parts_of(neuron_memory, rates_hz.shape[0])
    drive(fired, random.key(head[SEED], random.VARIABILITY, head[STEP]), head[STEP], rates_hz)
    return fired
