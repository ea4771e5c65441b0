"""A world for a subject without spikes or sessions: a linear tool with smoothing, and late sight of it."""

import numpy as np

from bmi_app.rt.contracts import (
    N_SEEN,
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
from bmi_app.rt.memory import length, named_parts
from bmi_app.rt.records import TaskState
from bmi_app.subject import autonomous, mind

STEP_S = 0.01
CALM = {"sight_noise_cm": 0.0, "sight_noise_cm_s": 0.0, "motor_noise_cm_s": 0.0}


class World:
    """An autonomous subject, the tool that it moves, and the frames that it will see.

    Attributes
    ----------
    tool : f8[axis, unit], cm/s per Hz above rest
    cursor : f8[2], velocity : f8[2]
        As they are now; the subject sees them late.
    named : dict of ndarray
        The subject's memory by name.
    frame_steps : int
        Of how many steps one is shown: a tick may be longer than a step.
    """

    def __init__(
        self, tool: np.ndarray, seed: int = 1, tool_lag_ms: float = 100.0, step_s: float = STEP_S, **settings: object
    ) -> None:
        self.step_s = step_s
        self.tool, self.settings = tool, autonomous.Settings(**settings)
        n_axes, n_units = tool.shape
        layout = autonomous.layout(self.settings, n_units, n_axes)
        self.memory = np.zeros(length(layout))
        self.named = named_parts(self.memory, layout)
        autonomous.start(self.settings, tool, step_s, seed, self.named)
        self.head = self.named["head"]
        self._keep = np.exp(-step_s * 1e3 / tool_lag_ms)
        self._smoothed = np.zeros(n_units)
        self.cursor, self.velocity = np.zeros(2), np.zeros(2)
        self.target, self.state, self.reward = np.array([5.0, 0.0]), TaskState.MOVE, 0.0
        self.hand = np.full(2, np.nan)
        self._frames: list[np.ndarray] = []
        self._seen = np.zeros((8, N_SEEN))
        self.rates_hz = np.full(n_units, np.nan)
        self.step, self.frame_steps = 0, 1

    def run(self, n_steps: int) -> np.ndarray:
        """Make steps; return the rates, f8[step, unit]."""
        rates_hz = np.zeros((n_steps, len(self.rates_hz)))
        for row in rates_hz:
            self._look()
            autonomous.ACT(self.memory, np.uint64(7919 * self.step + 13), self._seen, self.rates_hz)
            self._move()
            row[:] = self.rates_hz
        return rates_hz

    def weights(self) -> np.ndarray:
        """Return the subject's model without its constant, f8[axis, unit]."""
        return self.named["weights"][:, :-1].copy()

    def _look(self) -> None:
        last = self.step - round(self.settings.delay_ms / 1e3 / self.step_s) - 1
        if 0 <= last < len(self._frames) and last % self.frame_steps == 0:
            self._seen = np.roll(self._seen, 1, axis=0)
            self._seen[0] = self._frames[last]
        self._seen[0, [SEEN_HAND_X, SEEN_HAND_Y]] = self.hand

    def _move(self) -> None:
        above = self.rates_hz - self.named["baseline_hz"]
        self._smoothed = self._keep * self._smoothed + (1 - self._keep) * above
        velocity = self.tool @ self._smoothed
        self.velocity[: len(velocity)] = velocity
        self.cursor = self.cursor + self.step_s * self.velocity
        frame = np.zeros(N_SEEN)
        frame[SEEN_TIME_S] = (self.step + 1) * self.step_s
        frame[[SEEN_X, SEEN_Y]], frame[[SEEN_VX, SEEN_VY]] = self.cursor, self.velocity
        frame[[SEEN_TARGET_X, SEEN_TARGET_Y]] = self.target
        frame[SEEN_STATE], frame[SEEN_REWARD] = self.state, self.reward
        frame[SEEN_RADIUS] = 1.5 if self.state in (TaskState.MOVE, TaskState.HOLD) else 0.0
        self._frames.append(frame)
        self.step += 1

    def end_trial(self, reward: float = 0.0) -> None:
        """Let the subject see a trial end, and the next begin."""
        self.state, self.reward = TaskState.REWARD, reward
        self.run(1)
        self.reward = 0.0
        self.run(20)
        self.state = TaskState.MOVE
        self.run(15)

    def logged(self) -> int:
        """Return how many trials the subject has logged."""
        return int(self.head.view(np.int64)[mind.LOG_ROWS])


def draw_tool(n_axes: int, n_units: int, seed: int = 5) -> np.ndarray:
    """Draw a tool of disjoint populations, the last fifth of the units being control."""
    tool = np.zeros((n_axes, n_units))
    driving = max(n_units * 4 // 5, n_axes)
    for a in range(n_axes):
        units = np.arange(a, driving, n_axes)
        tool[a, units] = 0.1 * np.random.default_rng(seed).choice([-1.0, 1.0], len(units))
    return tool
