"""State the one signature of each kind of kernel, and the tuples of arrays that the tick takes.

Because every kernel of a kind has one explicit signature, one compiled `tick`, cached on disk, serves any decoder with
any rule. The arrays travel as plain tuples, because named tuples in a signature would miss numba's cache; a kernel gives them
their names at its top (`named`), and its parts take the named groups.
"""

from collections import namedtuple
from typing import Any

import numpy as np
from numba.core import types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

from bmi_app.rt.jit import f4_2, f8, f8_1, f8_2, i8, i8_1, i8_2, kernel, records, u8, void
from bmi_app.rt.records import COMMAND, EVENT, FRAME, HEALTH, PLACE, UPDATE, WEIGHTS
from bmi_app.rt.ring import spikes_t
from bmi_app.rt.state import BLOCK, CONFIG, STATE

frames_t = records(FRAME)
config_t = records(CONFIG)
state_t = records(STATE)
events_t = records(EVENT)
commands_t = records(COMMAND)

# DECODE(weights[axis, unit], bias[axis], memory, features[unit], velocity_out[axis])
decode_signature = void(f8_2, f8_1, f8_1, f8_1, f8_1)
# LEARN(weights, bias, mask[axis, unit], memory, features[t, unit], intent[t, axis], noise[t, axis], position[t, axis], rate,
#   reward) -> 0 nothing changed, 1 changed, 2 the rule itself refuses the update
learn_signature = i8(f8_2, f8_1, f8_2, f8_1, f8_2, f8_2, f8_2, f8_2, f8, f8)
# ACT(memory, key, seen[history, field], rates_out_hz[unit])
act_signature = void(f8_1, u8, f8_2, f8_1)

DECODE = types.FunctionType(decode_signature)
LEARN = types.FunctionType(learn_signature)
ACT = types.FunctionType(act_signature)

# POLL(act, memory, spikes, ctl, frames, until_s) -> entries published, or a negative fault code
poll_signature = i8(ACT, f8_1, spikes_t, i8_1, frames_t, f8)
POLL = types.FunctionType(poll_signature)

NOTHING, CHANGED, REFUSED = 0, 1, 2  # what LEARN returns

# Fields of a row of `seen`: what a subject (in the engine or behind LSL) may know of the task, newest row first.
SEEN_TIME_S, SEEN_X, SEEN_Y, SEEN_VX, SEEN_VY, SEEN_TARGET_X, SEEN_TARGET_Y, SEEN_RADIUS, SEEN_STATE, SEEN_REWARD = (
    range(10)
)
SEEN_CONTROL = 10  # what moves the cursor: 0 the decoder, 1 the hand, 2 the hand's force
SEEN_HAND_X, SEEN_HAND_Y = 11, 12  # the person's hand (cm), newest row only and without delay; NaN: none
N_SEEN = 13

# The arrays of a session, in groups; the order is that of the plain tuples, and nobody else knows it.
_GROUPS: dict[str, dict[str, Any]] = {
    "core": {"ctl": i8_1, "config": config_t, "state": state_t},
    "model": {
        "weights": f8_2,
        "bias": f8_1,
        "gain": f8_1,
        "mask": f8_2,
        "decoder_memory": f8_1,
        "unit_population": i8_1,
        "population_axis": f8_2,
        "adapted": f8_2,  # what rules change: the weights, or the decoder's model (the same memory, not a copy)
    },
    "signal": {
        "pending": f4_2,
        "rates": f8_1,
        "boxcar": f8_2,
        "feature_offset": f8_1,
        "feature_scale": f8_1,
        "features": f8_1,
        "rest_sum": f8_2,
    },
    "trial": {
        "trial_features": f8_2,
        "trial_intent": f8_2,
        "trial_noise": f8_2,
        "trial_position": f8_2,
        "trial_place": records(PLACE),
        "vectors": f8_2,
        "rule_memory": f8_1,
        "backup": f8_1,
        "episode_start": f8_1,
        "good": f8_1,
    },
    "task": {"targets": f8_2, "target_order": i8_1, "blocks": records(BLOCK), "transitions": i8_2},
    "frame_rings": {"frames": frames_t, "counts": f4_2, "health": records(HEALTH)},
    "logs": {
        "events": events_t,
        "commands_done": commands_t,
        "weights_log": records(WEIGHTS),
        "weights_rows": f8_2,
        "updates": records(UPDATE),
    },
    "inputs": {"spikes": spikes_t, "queue": commands_t, "staging": f8_2},
}

# What kernels are given: plain tuples, because named ones in a signature would miss numba's cache.
session_t = types.Tuple(tuple(types.Tuple(tuple(group.values())) for group in _GROUPS.values()))


def bundle(arrays: dict[str, np.ndarray]) -> tuple[tuple[np.ndarray, ...], ...]:
    """Arrange a session's arrays as the nested tuple that the loops take."""
    return tuple(tuple(arrays[name] for name in group) for group in _GROUPS.values())


def _named_group(name: str, group: dict[str, Any]) -> types.BaseTuple:
    """Return the type of a group with names; an array of one record is that record there."""
    kinds = tuple(kind.dtype if kind in (config_t, state_t) else kind for kind in group.values())
    return types.BaseTuple.from_types(kinds, namedtuple(name.capitalize(), group))


_named_t = types.BaseTuple.from_types(
    tuple(_named_group(name, group) for name, group in _GROUPS.items()), namedtuple("Session", _GROUPS)
)


@intrinsic  # type: ignore[untyped-decorator]
def named(typing_context: Any, session: Any) -> Any:
    """Give a session's arrays their names: `s = named(session)`, then `s.core.state`, `s.trial.vectors`.

    The one place in which kernels tell them apart by their order. `config` and `state` are records there, not arrays.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        groups = []
        for g, (plain_t, group_t) in enumerate(zip(session_t.types, _named_t.types, strict=True)):
            plain = builder.extract_value(args[0], g)
            values = [builder.extract_value(plain, i) for i in range(len(plain_t))]
            for i, kind in enumerate(plain_t):
                if kind in (config_t, state_t):
                    values[i] = context.make_array(kind)(context, builder, values[i]).data
            groups.append(context.make_tuple(builder, group_t, values))
        whole = context.make_tuple(builder, _named_t, groups)
        return impl_ret_borrowed(context, builder, _named_t, whole)

    return (_named_t(session_t), codegen) if session == session_t else None


@kernel(poll_signature)
def NO_POLL(act, memory, spikes, ctl, frames, until_s):
    """Stand for the driver where ticks are not fed by one."""
    return 0


@kernel(act_signature)
def NO_ACT(memory, key, seen, rates_out):
    """Stand for the subject where a driver has none."""


@kernel(learn_signature)
def NO_LEARN(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Stand for the rule in the tick where it is computed beside it."""
    return NOTHING
