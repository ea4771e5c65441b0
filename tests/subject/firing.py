"""Let neurons fire at given rates, step by step, as the drivers do."""

import numpy as np
from numba import njit

from bmi_app.rt import random
from bmi_app.rt.memory import length
from bmi_app.subject import neurons
from bmi_app.subject.neurons import channel_of, drive, fire, n_neurons, parts_of, times_of
from protocols.neurons import Neurons

GUARD = 12345.0


class Population:
    """Neurons with their memory, behind whose end stands a guard."""

    def __init__(self, model: str, n_units: int, step_s: float = 0.01, seed: int = 1, **settings) -> None:
        given = Neurons(**settings)
        self.n_units, self.step_s, self.seed, self.step = n_units, step_s, seed, 0
        self.whole = np.full(length(neurons.layout(given, n_units)) + 8, GUARD)
        self.memory = self.whole[:-8]
        self.memory[:] = 0.0
        neurons.start(given, model, n_units, step_s, seed, self.memory)

    def fire(self, rates_hz: float | np.ndarray, duration_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return channel and time of every spike in a while with these rates."""
        rates = np.broadcast_to(np.asarray(rates_hz, float), self.n_units).copy()
        n_steps = round(duration_s / self.step_s)
        room = int(2 * n_steps * self.step_s * (rates.sum() + 600 * self.n_units)) + 1000
        channel, time_s = np.zeros(room, np.int64), np.zeros(room)
        n = _fire(self.memory, rates, self.seed, self.step, n_steps, self.step_s, channel, time_s)
        self.step += n_steps
        assert n < room
        assert (self.whole[-8:] == GUARD).all()
        return channel[:n], time_s[:n]

    def drives(self, rates_hz: float, n_steps: int) -> np.ndarray:
        """Return the drive of each neuron in each step."""
        rates = np.full(self.n_units, float(rates_hz))
        out = _drives(self.memory, rates, self.seed, self.step, n_steps)
        self.step += n_steps
        return out


@njit(cache=False)
def _fire(memory, rates_hz, seed, step, n_steps, step_s, channel, time_s):
    found = 0
    for k in range(step, step + n_steps):
        parts = parts_of(memory, rates_hz.shape[0])
        drive(parts, random.key(seed, random.VARIABILITY, k), k, rates_hz)
        key = random.key(seed, random.SPIKES, k)
        for neuron in range(n_neurons(parts)):
            for nth in range(fire(parts, key, neuron, k * step_s, step_s)):
                if found < channel.shape[0]:
                    channel[found], time_s[found] = channel_of(parts, neuron), times_of(parts)[nth]
                    found += 1
    return found


@njit(cache=False)
def _drives(memory, rates_hz, seed, step, n_steps):
    parts = parts_of(memory, rates_hz.shape[0])
    out = np.zeros((n_steps, n_neurons(parts)))
    for k in range(n_steps):
        drive(parts, random.key(seed, random.VARIABILITY, step + k), step + k, rates_hz)
        out[k] = parts[1][5]
    return out
