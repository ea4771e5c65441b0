"""By block and by time: which samples are taught in which tick, with which reward, as the documentation says."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from protocols.schema import Protocol

Samples = list[tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass
class Trial:
    """Hold a trial's samples, whether its block has learning, and the reward that it ended with; None until it is judged."""

    samples: Samples
    learning: bool
    reward: float | None = None


class SlowHandOver:
    """Collect the trials since the last update; when it is due, teach one of them a tick, or slices in order.

    Samples are few enough here for one slice, but a slice ends where trials of blocks without learning lie between.
    """

    def __init__(self, protocol: Protocol, in_order: bool) -> None:
        self.when, self.in_order = protocol.learning.when, in_order
        self.every = round(protocol.learning.every_s * 1e3 / protocol.tick.period_ms)
        self.next_update = self.every
        self.waiting: list[Trial] = []
        self.teaching: list[list[Trial]] = []  # what each of the next ticks teaches

    def begin_trial(self, samples: Samples, learning: bool) -> None:
        """Begin a trial, in a block in which there is learning or not."""
        self.waiting.append(Trial(samples, learning))

    def judge(self, reward: float) -> None:
        self.waiting[-1].reward = reward

    def begin_when_due(self, now: int, block_ended: bool, in_trial: bool) -> None:
        if self.when == "seconds" and not in_trial and now >= self.next_update:
            self.next_update = now + self.every
        elif self.when != "block" or not block_ended:
            return
        if self.teaching:
            return
        sampled, self.waiting = [trial for trial in self.waiting if trial.samples], []
        runs = [list(run) for learning, run in groupby(sampled, lambda trial: trial.learning) if learning]
        self.teaching = runs if self.in_order else [[trial] for run in runs for trial in run]

    def next_of_this_tick(self) -> list[tuple[Samples, float]]:
        if not self.teaching:
            return []
        taught = self.teaching.pop(0)
        if self.in_order:  # no rule of this kind asks for the reward
            return [([sample for trial in taught for sample in trial.samples], 0.0)]
        return [(trial.samples, trial.reward) for trial in taught if trial.reward is not None]
