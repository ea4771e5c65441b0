"""Let neurons fire at given rates, step by step, as the drivers do."""

import numpy as np

from bmi_app.rt import random
from bmi_app.rt.jit import f8, f8_1, f8_2, i8, i8_1, kernel, void
from bmi_app.rt.memory import length
from bmi_app.subject import neurons
from bmi_app.subject.neurons import drive, drives_of, fire, parts_of, spikes_of_span
from protocols.neurons import Neurons

_GUARD = 12345.0


class Population:
    """Neurons with their memory, behind whose end stands a guard.

    Parameters
    ----------
    model
        `poisson` or `srm`.
    settings
        Keys of the protocol's `[neurons]`.
    """

    def __init__(self, model: str, n_units: int, step_s: float = 0.01, seed: int = 1, **settings: float) -> None:
        given = Neurons(**settings)  # type: ignore[arg-type]
        self.n_units, self.step_s, self.seed, self.step = n_units, step_s, seed, 0
        self._whole = np.full(length(neurons.layout(given, n_units)) + 8, _GUARD)
        self.memory = self._whole[:-8]
        self.memory[:] = 0.0
        neurons.start(given, model, n_units, step_s, seed, self.memory)

    def fire(self, rates_hz: float | np.ndarray, duration_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return channel and time (s) of every spike in a while with these rates."""
        rates = np.broadcast_to(np.asarray(rates_hz, float), self.n_units).copy()
        n_steps = round(duration_s / self.step_s)
        room = int(2 * n_steps * self.step_s * (rates.sum() + 600 * self.n_units)) + 1000
        channel, time_s = np.zeros(room, np.int64), np.zeros(room)
        n = _fire(self.memory, rates, self.seed, self.step, n_steps, self.step_s, channel, time_s)
        self.step += n_steps
        assert n < room, "more spikes than anybody asked for"
        assert (self._whole[-8:] == _GUARD).all(), "the neurons wrote behind their memory"
        return channel[:n], time_s[:n]

    def drives(self, rate_hz: float, n_steps: int) -> np.ndarray:
        """Return the drive (Hz) of each neuron in each step, f8[step, neuron]."""
        rates = np.full(self.n_units, float(rate_hz))
        out = np.zeros((n_steps, int(self.memory[0])))
        _drive(self.memory, rates, self.seed, self.step, out)
        self.step += n_steps
        return out


def intervals(channel: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Return the times (s) between successive spikes of one channel, for all channels."""
    order = np.lexsort((time_s, channel))
    gaps, same = np.diff(time_s[order]), np.diff(channel[order]) == 0
    found: np.ndarray = gaps[same]
    return found


@kernel(i8(f8_1, f8_1, i8, i8, i8, f8, i8_1, f8_1))
def _fire(memory, rates_hz, seed, step, n_steps, step_s, channel, time_s):
    """Let the neurons fire for some steps; return how many spikes were written."""
    found = 0
    for k in range(step, step + n_steps):
        parts = parts_of(memory, rates_hz.shape[0])
        drive(parts, random.key(seed, random.VARIABILITY, k), k, rates_hz)
        key = random.key(seed, random.SPIKES, k)
        spikes = spikes_of_span(parts)
        for nth in range(fire(parts, key, k * step_s, step_s)):
            if found < channel.shape[0]:
                channel[found], time_s[found] = int(spikes[1, nth]), spikes[0, nth]
                found += 1
    return found


@kernel(void(f8_1, f8_1, i8, i8, f8_2))
def _drive(memory, rates_hz, seed, step, out):
    """Note the drives of each step."""
    parts = parts_of(memory, rates_hz.shape[0])
    for k in range(out.shape[0]):
        drive(parts, random.key(seed, random.VARIABILITY, step + k), step + k, rates_hz)
        drives = drives_of(parts)
        for neuron in range(out.shape[1]):
            out[k, neuron] = drives[neuron]
