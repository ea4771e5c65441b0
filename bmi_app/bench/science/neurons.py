"""Check the spiking neurons: the rate asked for, intervals, variability, and how fast they are."""

import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bmi_app import own_python
from bmi_app.api.simulation import run_trials
from bmi_app.bench.science.checks import Check, near, report
from bmi_app.bench.science.firing import Population, intervals
from bmi_app.session.request import SessionRequest
from protocols.load import load

_SHAPES = ((0.0, 0.0, 10.0), (3.0, 0.0, 10.0), (3.0, 3.0, 15.0), (4.0, 8.0, 30.0))  # D (ms), eta0, tau (ms)
_RATES_HZ = (2.0, 20.0, 80.0)
_N_UNITS, _SPIKES = 96, 400_000
_LOW_HZ, _HIGH_HZ, _HALF_S, _HALVES = 5.0, 60.0, 0.1, 100  # of the square wave
_LARGE = (
    "units.count=1024",
    'populations={horizontal="0-399",vertical="400-799",control="rest"}',
    'axes={x={population="horizontal",gain=0.006},y={population="vertical",gain=0.006}}',
)
_SESSION = """
import resource
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest
run_fast(SessionRequest.of_json({request!r}), lambda _: None, lambda _: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
_KB_PER_MB = 1024.0  # Linux tells kilobytes
_ALLOWED_S = {"poisson": 3.6, "srm": 8.0}  # for an hour of 96 units
# Whose sessions are timed: the subject that knows its tool, and each that learns it.
_SUBJECTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "subject plain": ("center_out", ()),
    **{
        f"learner {learner}": ("learning_subject", (f"subject.learner={learner}",))
        for learner in ("lms", "batched", "gated", "reinforcement", "regression")
    },
}


def measure(simulated_s: float, say: Callable[[str], object]) -> dict[str, Any]:
    """Make every check; `simulated_s` is the length of the sessions whose speed is measured."""
    say("rates and intervals")
    checks = [check for shape in _SHAPES for check in _rates(*shape)]
    checks += [_fano(*shape) for shape in _SHAPES]
    checks += _steps()
    say("speed")
    checks += _speeds(simulated_s)
    say("memory")
    checks.append(_memory())
    return report("Spiking neurons", checks)


def _population(refractory_ms: float, eta0: float, eta_tau_ms: float, rate_hz: float) -> Population:
    neurons = Population("srm", _N_UNITS, refractory_ms=refractory_ms, eta0=eta0, eta_tau_ms=eta_tau_ms)
    neurons.fire(rate_hz, 5.0)
    return neurons


def _named(refractory_ms: float, eta0: float, eta_tau_ms: float) -> str:
    return f"D {refractory_ms:g} ms, eta0 {eta0:g}, tau {eta_tau_ms:g} ms"


def _rates(refractory_ms: float, eta0: float, eta_tau_ms: float) -> list[Check]:
    found = []
    for rate_hz in _RATES_HZ:
        duration_s = _SPIKES / (_N_UNITS * rate_hz)
        neurons = _population(refractory_ms, eta0, eta_tau_ms, rate_hz)
        channel, time_s = neurons.fire(rate_hz, duration_s)
        name = f"{_named(refractory_ms, eta0, eta_tau_ms)}, {rate_hz:g} Hz"
        found.append(Check(f"{name}: rate", *near(len(channel) / (_N_UNITS * duration_s), rate_hz, 0.01, " Hz")))
        if eta0 == 0.0 and rate_hz > 10.0:
            gaps, refractory_s = intervals(channel, time_s), refractory_ms / 1e3
            rho = 1.0 / (1.0 / rate_hz - refractory_s)
            mean_ms = 1e3 * (refractory_s + 1.0 / rho)
            found.append(Check(f"{name}: mean interval D + 1/rho", *near(1e3 * gaps.mean(), mean_ms, 0.01, " ms")))
            cv = 1.0 - refractory_s * rate_hz
            found.append(Check(f"{name}: CV 1 - D/mean", *near(gaps.std() / gaps.mean(), cv, 0.01)))
    return found


def _fano(refractory_ms: float, eta0: float, eta_tau_ms: float) -> Check:
    n_seconds, rate_hz = 300, 40.0
    neurons = _population(refractory_ms, eta0, eta_tau_ms, rate_hz)
    begin_s = neurons.step * neurons.step_s
    channel, time_s = neurons.fire(rate_hz, float(n_seconds))
    counts = np.zeros((_N_UNITS, n_seconds))
    np.add.at(counts, (channel, np.minimum((time_s - begin_s).astype(int), n_seconds - 1)), 1)
    fano = float((counts.var(axis=1, ddof=1) / counts.mean(axis=1)).mean())
    poisson = refractory_ms == eta0 == 0.0
    expected = "1 (it is Poisson)" if poisson else "below 1"
    holds = abs(fano - 1.0) < 0.03 if poisson else fano < 1.0
    return Check(
        f"{_named(refractory_ms, eta0, eta_tau_ms)}, 40 Hz: Fano factor over 1 s", expected, f"{fano:.3f}", holds
    )


def _steps() -> list[Check]:
    """Ask for a square wave between 5 and 60 Hz: what is delivered is more, since neurons that fired slowly have recovered."""
    neurons = Population("srm", 400)
    neurons.fire(_LOW_HZ, 2.0)
    spikes, early = 0, 0
    for _ in range(_HALVES):
        begin_s = neurons.step * neurons.step_s
        time_s = neurons.fire(_HIGH_HZ, _HALF_S)[1]
        early += int((time_s - begin_s < neurons.step_s).sum())
        spikes += len(time_s) + len(neurons.fire(_LOW_HZ, _HALF_S)[0])
    seconds = 400 * _HALVES
    mean_hz = spikes / (seconds * 2 * _HALF_S)
    excess = mean_hz / ((_LOW_HZ + _HIGH_HZ) / 2) - 1
    first_hz = early / (seconds * neurons.step_s)
    what = f"square wave of {_LOW_HZ:g} and {_HIGH_HZ:g} Hz, {_HALF_S * 1e3:g} ms each"
    return [
        Check(
            f"{what}: mean rate beside that asked for",
            "+5 % (steady rates only are kept)",
            f"{excess:+.1%}",
            0.03 < excess < 0.07,
        ),
        Check(f"{what}: first 10 ms at {_HIGH_HZ:g} Hz", "104 Hz", f"{first_hz:.0f} Hz", abs(first_hz - 104.0) < 6.0),
    ]


def _memory(short_min: float = 5.0, long_min: float = 60.0) -> Check:
    """Compare the most memory that a short and a long recorded session take."""
    short_mb, long_mb = peak_mb(short_min), peak_mb(long_min)
    return Check(
        f"memory of a recorded session of {long_min:g} min beside one of {short_min:g} min",
        "the same within 10 %",
        f"{long_mb:.0f} MB, {short_mb:.0f} MB",
        long_mb <= 1.1 * short_mb,
    )


def peak_mb(minutes: float) -> float:
    """Return the most memory (resident, MB) of a process that runs and records a learning subject's session at full speed."""
    with tempfile.TemporaryDirectory() as folder:
        request = SessionRequest(protocol="learning_subject", duration_s=60 * minutes, out=folder, speed="max")
        program = _SESSION.format(request=request.to_json())
        done = subprocess.run(own_python.command("-c", program), check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1]) / _KB_PER_MB


def _speeds(simulated_s: float) -> list[Check]:
    """Measure processor time for each simulated hour: 10 ms steps, tick included, journal not."""
    found = []
    for subject, (protocol, overrides) in _SUBJECTS.items():
        run_trials(load(protocol, ["session.duration_s=10", *overrides]))
        for model, most_s in _ALLOWED_S.items():
            took_s = _hour_s(protocol, model, simulated_s, overrides)
            ratio = _hour_s(protocol, model, simulated_s / 10, (*overrides, *_LARGE)) / took_s
            found += [
                Check(
                    f"an hour of 96 units, {model}, {subject}",
                    f"at most {most_s:g} s",
                    f"{took_s:.2f} s",
                    took_s <= most_s,
                ),
                Check(
                    f"1024 units beside 96, {model}, {subject}", "at most 12 times", f"{ratio:.1f} times", ratio <= 12
                ),
            ]
    return found


def _hour_s(protocol: str, model: str, simulated_s: float, overrides: tuple[str, ...]) -> float:
    """Return the processor time (s) of a simulated hour, a twentieth of it rest between two blocks with targets.

    The rest at the beginning is short, so that it does not flatter short sessions.
    """
    work_s, rest_s = round(0.475 * simulated_s), round(0.05 * simulated_s)
    blocks = (
        f"blocks=[{{kind='rest',duration_s=1}},{{kind='closed_loop',duration_s={work_s}}},"
        f"{{kind='rest',duration_s={rest_s}}},{{kind='closed_loop'}}]"
    )
    given = load(protocol, [f"subject.neurons={model}", f"session.duration_s={simulated_s:g}", blocks, *overrides])
    began_s = time.process_time()
    run_trials(given)
    return (time.process_time() - began_s) * 3600.0 / simulated_s
