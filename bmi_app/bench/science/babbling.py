"""Let a curious subject babble in a world of its own: what the tests and `bmi bench science curiosity` look at.

An action is one pattern, with the amplitude 1 or -1. The state has `n_moved` channels that follow the actions by fixed
random gains, with some noise, and one that is noise alone: a television.
"""

from dataclasses import dataclass

import numpy as np

from bmi_app.rt import random
from bmi_app.rt.jit import f8_1, f8_2, i8, i8_1, kernel, void
from bmi_app.rt.memory import length, named_parts
from bmi_app.subject import curiosity
from bmi_app.subject.curiosity import draw_pattern, wonder

N_MOVED = 2
TELEVISION = N_MOVED  # channel of the state
_NOISE, _TELEVISION = 0.1, 3.0  # standard deviations; gains are of about 1


@dataclass(frozen=True)
class Babbled:
    """Hold what a curious subject did.

    Attributes
    ----------
    pattern : ndarray, i8[step]
        Which pattern it babbled.
    reward : ndarray, f8[step]
        How much its effect was a surprise.
    features : ndarray, f8[feature, channel]
        What it looks at in the end.
    """

    pattern: np.ndarray
    reward: np.ndarray
    features: np.ndarray


class Babbler:
    """Babble with patterns of which only some may be there from the beginning."""

    def __init__(self, n_patterns: int, seed: int) -> None:
        layout = curiosity.layout(n_patterns, N_MOVED + 1)
        self._memory = np.zeros(length(layout))
        self._named = named_parts(self._memory, layout)
        curiosity.start(n_patterns, N_MOVED + 1, seed, self._named)
        self._gains = np.random.default_rng(seed).standard_normal((N_MOVED, n_patterns))
        self._seed, self._step = seed, 0
        self._scratch = np.zeros((2, N_MOVED + 1)), np.zeros(n_patterns)

    def babble(self, n_steps: int, only: int | None = None) -> Babbled:
        """Babble on; with `only`, each of the first so many patterns as often as any other."""
        pattern, reward = np.zeros(n_steps, np.int64), np.zeros(n_steps)
        states, action = self._scratch
        _babble(self._memory, self._gains, self._seed, self._step, only or 0, states, action, pattern, reward)
        self._step += n_steps
        return Babbled(pattern, reward, self._named["features"].copy())

    def expect_the_usual(self, first: int) -> None:
        """Let it value the patterns from `first` on as it does the others, on average: as if it had no hope of them.

        Patterns begin with a value above all rewards, so that each is tried; with that, even what is not new is sought.
        """
        value = self._named["value"]
        value[first:] = value[:first].mean()


@kernel(void(f8_1, f8_2, i8, i8, i8, f8_2, f8_1, i8_1, f8_1))
def _babble(memory, gains, seed, first, only, states, action, pattern, reward):
    """Take a step for each place in `pattern`."""
    for step in range(pattern.shape[0]):
        key = random.key(seed, random.CURIOSITY, first + step)
        drawn = random.uniform(key, 0)
        chosen = int(drawn * only) if only > 0 else draw_pattern(memory, drawn)
        for k in range(action.shape[0]):
            action[k] = 0.0
        action[chosen] = 1.0 if random.uniform(key, 1) < 0.5 else -1.0
        for c in range(states.shape[1]):
            states[0, c] = states[1, c]
            if c < gains.shape[0]:
                states[1, c] = gains[c, chosen] * action[chosen] + _NOISE * random.normal(key, 1 + c)
            else:
                states[1, c] = _TELEVISION * random.normal(key, 1 + c)
        pattern[step], reward[step] = chosen, wonder(memory, states[0], states[1], action)
