"""Wait, without the GIL, for what another thread publishes."""

from bmi_app.rt import cells
from bmi_app.rt.clock import sleep_until
from bmi_app.rt.jit import f8, i8, i8_1, kernel
from bmi_app.rt.lsl import local_clock
from bmi_app.rt.ring import load

_STEP_S = 0.000_2  # adds 0.1 ms to a delay on average


@kernel(i8(i8_1, i8, f8))
def wait_events(ctl, tail, until_s):
    """Wait until the event ring holds more than `tail` entries, or until `until_s`; return how many it holds."""
    head = load(ctl, cells.EVENTS_HEAD)
    while head <= tail and local_clock() < until_s:
        sleep_until(local_clock() + _STEP_S)
        head = load(ctl, cells.EVENTS_HEAD)
    return head
