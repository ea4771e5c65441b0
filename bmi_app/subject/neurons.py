"""Turn the rates that a subject asks for into the spikes that electrodes hear.

A *neuron* fires into one channel: the first `n_units` are the units themselves, further ones are second neurons that a
channel hears beside its own (`neurons.multi_unit`). In each step the asked rates become the neurons' drives (shared
variability, drift, loss, new units), and the drives spikes: Poisson, or SRM0 (`bmi_app.subject.srm`). To these the
electrodes add noise. Every random number is a function of (seed, step, neuron).
"""

import math

import numpy as np

from bmi_app.rt import random
from bmi_app.rt.jit import part
from bmi_app.rt.memory import Layout, MemoryLayout, named_parts, words
from bmi_app.subject import srm
from bmi_app.subject.srm import LANES, MOST
from protocols.neurons import Neurons

MODELS = ("poisson", "srm")
_DRIFT_S = 1.0  # how often the baselines drift
_TYPICAL_HZ = 20.0  # at which srm neurons have fired before the session begins
_NEVER = 2**62

LAYOUT = MemoryLayout(
    {
        "constants": words(
            "neurons",
            "is_srm",
            "varies",
            "dimensions",
            "shared_cv",
            "drift_steps",
            "refractory_s",
            "gathered_step_s",
            "top_hz",
            "keep",
            "drift_step_hz",
            "noise_hz",
            "per_s",
            "per_hz",
        ),
        "channel": ("neurons",),  # where each neuron is heard
        "tuning": ("neurons",),  # the unit whose asked rate drives it
        "lost": ("neurons",),  # step from which it is silent
        "found": ("neurons",),  # step from which its channel has another neuron
        "next_tuning": ("neurons",),  # the unit whose asked rate drives that one
        "drive_hz": ("neurons",),
        "drift_hz": ("neurons",),
        "age_s": ("neurons",),
        "left": ("neurons",),
        "noise_wait_s": ("units",),
        "shared": ("dimensions",),
        "loading": ("neurons", "dimensions"),
        "gathered": (srm.N_GATHERED,),
        "hazard": (srm.N_HAZARD,),
        "spikes": (2, f"{MOST} * (neurons + units)"),  # of a span: time (s), channel
    }
)


def layout(settings: Neurons, n_units: int) -> Layout:
    """Return the named parts of the neurons' memory."""
    n = n_units + round(settings.multi_unit * n_units)
    return LAYOUT.shapes(neurons=n, units=n_units, dimensions=_dimensions(settings))


def _dimensions(settings: Neurons) -> int:
    """Return how many dimensions shared variability has: the last one is common to all, where there is such a part."""
    return settings.shared_dimensions + (settings.shared_common > 0)


def start(settings: Neurons, model: str, n_units: int, step_s: float, seed: int, memory: np.ndarray) -> None:
    """Fill the neurons' memory.

    Parameters
    ----------
    model
        `poisson` or `srm`.
    step_s
        Time between two calls of `drive`.
    memory : ndarray, shape (words,), float64
        As long as `layout` says.
    """
    named = named_parts(memory, layout(settings, n_units))
    generator = np.random.default_rng([seed, random.VARIABILITY])
    n = len(named["channel"])
    others = generator.permutation(n_units)
    named["channel"][:] = np.concatenate([np.arange(n_units), generator.permutation(n_units)[: n - n_units]])
    named["tuning"][:] = np.concatenate([np.arange(n_units), others[: n - n_units]])
    _schedule_losses(settings, step_s, generator, named)
    drawn = generator.standard_normal((n, settings.shared_dimensions))
    own = settings.shared_cv * drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    named["loading"][:, : settings.shared_dimensions] = math.sqrt(1.0 - settings.shared_common) * own
    named["loading"][:, settings.shared_dimensions :] = settings.shared_cv * math.sqrt(settings.shared_common)
    named["shared"][:] = generator.standard_normal(len(named["shared"]))
    named["left"][:] = generator.standard_exponential(n)
    if settings.noise_hz > 0:
        named["noise_wait_s"][:] = generator.standard_exponential(n_units) / settings.noise_hz
    refractory_s = settings.refractory_ms / 1e3
    tables = srm.tables(refractory_s, settings.eta0, settings.eta_tau_ms / 1e3)
    named["gathered"][:], gathered_step_s, named["hazard"][:], top_hz = tables
    typical = srm.hazard_of(named["hazard"], top_hz, (srm.N_HAZARD - 1) / top_hz, _TYPICAL_HZ)
    named["age_s"][:] = srm.typical_ages_s(
        refractory_s, named["gathered"], gathered_step_s, typical, generator.random(n)
    )
    drift_steps = max(round(_DRIFT_S / step_s), 1)
    varies = n > n_units or any((settings.shared_cv, settings.drift_hz, settings.loss_per_h))
    LAYOUT.fill(
        named,
        neurons=n,
        is_srm=model == "srm",
        varies=varies,
        dimensions=len(named["shared"]),
        shared_cv=settings.shared_cv,
        drift_steps=drift_steps,
        refractory_s=refractory_s,
        gathered_step_s=gathered_step_s,
        top_hz=top_hz,
        keep=math.exp(-step_s / (settings.shared_tau_ms / 1e3)),
        drift_step_hz=settings.drift_hz * math.sqrt(drift_steps * step_s / 3600.0),
        noise_hz=settings.noise_hz,
        per_s=1.0 / gathered_step_s,
        per_hz=(srm.N_HAZARD - 1) / top_hz,
    )


def _schedule_losses(
    settings: Neurons, step_s: float, generator: np.random.Generator, named: dict[str, np.ndarray]
) -> None:
    """Draw when each neuron is lost, when its channel finds another, and how that one is tuned."""
    n, n_units = len(named["channel"]), len(named["noise_wait_s"])
    life_h, gap_h = generator.standard_exponential((2, n))
    named["next_tuning"][:] = generator.integers(0, n_units, n)
    named["lost"][:] = named["found"][:] = _NEVER
    if settings.loss_per_h > 0:
        lost_h = life_h / settings.loss_per_h
        named["lost"][:] = np.ceil(lost_h * 3600.0 / step_s)
        if settings.new_per_h > 0:
            named["found"][:] = np.ceil((lost_h + gap_h / settings.new_per_h) * 3600.0 / step_s)


@part
def parts_of(memory, n_units):
    """Name the parts of the neurons' memory for the functions below, once a step."""
    return LAYOUT.named(memory, units=n_units)


@part
def _vary(m, key, step):
    """Let what the units share, and their baselines, go on by one step."""
    shared, drift_hz = m.shared, m.drift_hz
    if m.shared_cv > 0.0:
        keep = m.keep
        fresh = math.sqrt(1.0 - keep * keep)
        for d in range(shared.shape[0]):
            shared[d] = keep * shared[d] + fresh * random.normal(key, d)
    if m.drift_step_hz > 0.0 and step % int(m.drift_steps) == 0:
        for i in range(drift_hz.shape[0]):
            drift_hz[i] += m.drift_step_hz * random.normal(key, shared.shape[0] + i)


@part
def drive(m, key, step, rates_hz):
    """Turn the rates asked of the units into the neurons' drives for this step.

        drive = max(0, (rate + drift) (1 + loading . shared)),   0 while there is no neuron

    Parameters
    ----------
    m
        Of `parts_of`.
    key
        Of this step's variability.
    rates_hz : float64[unit]
    """
    shared, loading, drive_hz, drift_hz = m.shared, m.loading, m.drive_hz, m.drift_hz
    if m.varies == 0.0:
        for i in range(drive_hz.shape[0]):
            drive_hz[i] = rates_hz[i]
        return
    _vary(m, key, step)
    tuning, lost, found, next_tuning = m.tuning, m.lost, m.found, m.next_tuning
    for i in range(drive_hz.shape[0]):
        if step < lost[i]:
            unit = int(tuning[i])
        elif step < found[i]:
            drive_hz[i] = 0.0
            continue
        else:
            unit = int(next_tuning[i])
        gain = 1.0
        if m.shared_cv > 0.0:
            for d in range(shared.shape[0]):
                gain += loading[i, d] * shared[d]
        drive_hz[i] = max((rates_hz[unit] + drift_hz[i]) * gain, 0.0)


@part
def fire(m, key, start_s, duration_s):
    """Draw the spikes of all neurons in a span of a step, and the noise of their channels; return how many there are.

    They stand in `spikes_of_span`, in no order.

    Parameters
    ----------
    key
        Of this span's spikes.
    start_s, duration_s
        Of the span: a step, or a part of one.
    """
    drive_hz, channel, noise_wait_s = m.drive_hz, m.channel, m.noise_wait_s
    times_s, channels = m.spikes[0], m.spikes[1]
    if m.is_srm != 0.0:
        n = _fire_srm(m, key, start_s, duration_s)
    else:
        n = 0
        for neuron in range(drive_hz.shape[0]):
            before = n
            n += spikes_of(key, neuron, drive_hz[neuron] * duration_s)
            for nth in range(n - before):
                times_s[before + nth] = time_of(key, neuron, nth, start_s, duration_s)
                channels[before + nth] = channel[neuron]
    if m.noise_hz > 0.0:
        for unit in range(noise_wait_s.shape[0]):
            n = _add_noise(noise_wait_s, unit, n, m.noise_hz, key, start_s, duration_s, times_s, channels)
    return n


@part
def _fire_srm(m, key, start_s, duration_s):
    """Do what `fire` does, for neurons that are refractory; without the noise."""
    drive_hz, ages, left, channel = m.drive_hz, m.age_s, m.left, m.channel
    gathered, hazard, top_hz, per_hz = m.gathered, m.hazard, m.top_hz, m.per_hz
    refractory_s, step_s, per_s = m.refractory_s, m.gathered_step_s, m.per_s
    times_s, channels = m.spikes[0], m.spikes[1]
    n = 0
    for neuron in range(drive_hz.shape[0]):
        rho = srm.hazard_of(hazard, top_hz, per_hz, drive_hz[neuron])
        before = n
        n = srm.renew(
            neuron, ages, left, rho, refractory_s, gathered, step_s, per_s, key, start_s, duration_s, times_s, before
        )
        for at in range(before, n):
            channels[at] = channel[neuron]
    return n


@part
def _add_noise(noise_wait_s, unit, n, noise_hz, key, start_s, duration_s, times_s, channels):
    """Add the spikes of a channel that have no neuron behind them; return how many there are now."""
    wait_s = noise_wait_s[unit]
    nth = 0
    while wait_s < duration_s and nth < MOST:
        times_s[n], channels[n] = start_s + wait_s, unit
        wait_s -= math.log(1.0 - random.uniform(key, 4 * unit + 2 + nth * LANES)) / noise_hz
        n += 1
        nth += 1
    noise_wait_s[unit] = wait_s - duration_s
    return n


@part
def spikes_of_span(m):
    """Return the spikes that `fire` has drawn, f8[2, spike]: time (s), channel; those behind its count are older."""
    return m.spikes


@part
def drives_of(m):
    """Return the drive of each neuron (Hz), as `drive` has left it."""
    return m.drive_hz


@part
def spikes_of(key, neuron, expected):
    """Draw a Poisson number of spikes with one uniform number, by inversion; `expected` is below about 20."""
    draw = random.uniform(key, 4 * neuron)
    if draw < 1.0 - expected:  # and so below exp(-expected), which takes longer
        return 0
    below = math.exp(-expected)
    n = 0
    term = below
    while draw >= below and n < MOST:
        n += 1
        term *= expected / n
        below += term
    return n


@part
def time_of(key, neuron, nth, start_s, step_s):
    """Return the time of the nth spike of a Poisson neuron in a step: uniform in it."""
    return start_s + step_s * random.uniform(key, 4 * neuron + 1 + nth * LANES)
