"""Build the memory of a simulation of a protocol's subject, for the driver inside the engine and the rig behind LSL."""

import math
from typing import Any

import numpy as np
from pydantic import BaseModel

from bmi_app import plugins
from bmi_app.rt.memory import Layout, length, named_parts
from bmi_app.subject import neurons, noise, simulate
from protocols.schema import Protocol
from protocols.tool import nominal_tool

_LONGEST_STEP_S = 0.010


def _plugin(protocol: Protocol) -> tuple[Any, BaseModel, Layout]:
    """Return the protocol's subject plugin, its settings and the layout of its memory."""
    subject = plugins.load("subjects", protocol.subject.kind)
    settings = subject.Settings(**protocol.subject.settings, **protocol.subject.choices())
    return subject, settings, subject.layout(settings, protocol.units.count, protocol.n_axes)


def build(protocol: Protocol) -> np.ndarray:
    """Return the memory of a simulation of the protocol's subject, from the protocol's nominal tool and seed."""
    tick_s = protocol.tick.period_ms / 1e3
    step_s = tick_s / math.ceil(tick_s / _LONGEST_STEP_S - 1e-9)  # a whole number of steps in a tick
    subject, settings, layout = _plugin(protocol)
    n_units, seed = protocol.units.count, protocol.session.seed
    neuron_words = length(neurons.layout(protocol.neurons, n_units))
    memory = np.zeros(simulate.words(n_units, neuron_words, length(layout)))
    head = memory.view(np.int64)
    head[simulate.SEED], head[simulate.N_UNITS], head[simulate.NEURON_WORDS] = seed, n_units, neuron_words
    head[simulate.HAND] = simulate.hand_place(layout)
    memory[simulate.STEP_S], memory[simulate.DELAY_S] = step_s, settings.delay_ms / 1e3  # type: ignore[attr-defined]
    tool = nominal_tool(protocol)
    parts_ = named_parts(simulate.subject_part(memory), layout)
    subject.start(settings, tool, step_s, seed, parts_)
    if protocol.model_version < noise.HELD_SINCE and "held_noise" in parts_:
        noise.draw_every_step(parts_["held_noise"])
    neurons.start(protocol.neurons, protocol.subject.neurons, n_units, step_s, seed, simulate.neurons_part(memory))
    return memory


def subject_parts(protocol: Protocol, memory: np.ndarray) -> dict[str, np.ndarray]:
    """Return the subject's parts of the memory that `build` has made, by name."""
    return named_parts(simulate.subject_part(memory), _plugin(protocol)[2])
