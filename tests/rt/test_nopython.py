"""Test that the real-time loops allocate nothing and never need the GIL: in their code, and while they run."""

import ctypes
import sys
import threading

import numba
import numpy as np
import pytest

from bmi_app.bench import machine_code
from bmi_app.rt import cells
from bmi_app.rt.clock import now_s, sleep_until
from bmi_app.rt.contracts import decode_signature
from bmi_app.rt.loop import acquire, run_live
from bmi_app.rt.records import StopReason
from bmi_app.rt.ring import read_cell, write_cell
from bmi_app.session.engine.build import build
from bmi_app.session.engine.lsl_outlets import Outlets
from drivers import simulated
from protocols.load import load

CORE = [name for name in machine_code.kernels() if name.startswith("bmi_app.rt.")]
HELD_S = 0.3


@pytest.mark.parametrize("name", CORE)
def test_kernel_neither_allocates_nor_calls_python(name: str) -> None:
    calls = machine_code.calls_of(machine_code.kernels()[name])
    assert not machine_code.forbidden(calls)


def test_what_is_found_is_what_is_called() -> None:
    kernels = machine_code.kernels()
    assert "lsl_push_sample_ftp" in machine_code.calls_of(kernels["bmi_app.rt.publish.publish_loop"])
    assert "clock_nanosleep" in machine_code.calls_of(kernels["bmi_app.rt.loop.run_live"]) or sys.platform != "linux"


def allocates(weights, bias, memory, features, velocity_out):
    velocity_out[:] = np.zeros(weights.shape[0])


def prints(weights, bias, memory, features, velocity_out):
    print(features[0])


@pytest.mark.parametrize("function", [allocates, prints])
def test_kernel_that_does_is_found(function) -> None:
    kernel = numba.njit(decode_signature, nogil=True)(function)
    assert machine_code.forbidden(machine_code.calls_of(kernel))


@pytest.mark.skipif(sys.platform == "win32", reason="holds the GIL with usleep")
def test_loops_go_on_while_another_thread_holds_the_gil() -> None:
    protocol = load("center_out", ["tick.period_ms=1", "tick.grace_ms=0"])
    core = build(protocol)
    ctl, arrays = core.arrays["ctl"], core.arrays
    driver = simulated.Driver(protocol, simulated.Settings())
    driver.open(1.0)
    outlets = Outlets("gil", 0.001)
    threads = [
        threading.Thread(
            target=acquire, args=(simulated.POLL, driver.act, driver.memory, arrays["spikes"], ctl, arrays["frames"])
        ),
        threading.Thread(target=run_live, args=(core.decode, core.learn, core.session)),
        threading.Thread(target=outlets.publish, args=(ctl, arrays["frames"], arrays["events"])),
    ]
    counters = [cells.FRAMES_HEAD, cells.SPIKES_HEAD, cells.PUBLISHED]
    start_s = now_s()
    core.config["start_s"] = start_s
    driver.start(start_s, False)
    try:
        for thread in threads:
            thread.start()
        sleep_until(start_s + 0.2)
        before = [read_cell(ctl, cell) for cell in counters]
        ctypes.PyDLL(None).usleep(int(HELD_S * 1e6))  # a PyDLL does not let go of the GIL while its function runs
        after = ctl[counters].tolist()
    finally:
        write_cell(ctl, cells.STOP, int(StopReason.OPERATOR))
        for thread in threads:
            thread.join()
        driver.close()
        outlets.close()
    ticks, spikes, published = np.subtract(after, before)
    assert ticks > 0.5 * HELD_S * 1e3  # a machine that does much else may be behind
    assert spikes > 0
    assert published > 0.5 * HELD_S * 1e3
