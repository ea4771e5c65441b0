"""Make one tick by itself, without publishing its frame."""

from bmi_app.rt.contracts import DECODE, LEARN, named, session_t
from bmi_app.rt.jit import kernel, void
from bmi_app.rt.tick import tick as named_tick


@kernel(void(DECODE, LEARN, session_t))
def tick(decoder, rule, session):
    """Make the tick that is due of a session's arrays, as the loops are given them."""
    named_tick(decoder, rule, named(session))
