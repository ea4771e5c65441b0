"""Encode: fire as the cortex of a body that makes the movement wanted, not as the learnt tool needs it.

The velocity that the subject intends becomes an imagined movement of a body whose hand is where the subject estimates the cursor to be;
each unit encodes that as `body.encode_into` says. So the tool that was learnt serves the estimate of the cursor and its
speed alone, and a decoder has to find out what the units encode.
"""

from bmi_app.rt.jit import part
from bmi_app.subject.body import encode_into, imagine_into
from bmi_app.subject.mind import (
    BASELINE,
    BODY,
    DEPTH,
    DIRECTIONS,
    ENCODING,
    ESTIMATE_X,
    ESTIMATE_Y,
    EXPLORATION,
    HEAD,
    IMAGINED,
    MOTION,
    N_AXES,
    STEP_S,
    WANTED_X,
    WANTED_Y,
    matrix,
    vector,
)

_M_PER_CM = 0.01


@part
def encoded_rates_into(memory, acts, rates_out):
    """Ask for the firing that encodes the movement wanted, and explore beside it; without one, for r0."""
    head, motion = vector(memory, HEAD), vector(memory, MOTION)
    noise_hz, baseline_hz = vector(memory, EXPLORATION), vector(memory, BASELINE)
    along_y = _M_PER_CM if head[N_AXES] > 1.0 else 0.0
    place_x = place_y = 0.0
    if acts:
        place_x, place_y = _M_PER_CM * head[ESTIMATE_X], along_y * head[ESTIMATE_Y]
    aim_x, aim_y = _M_PER_CM * head[WANTED_X], along_y * head[WANTED_Y]
    imagine_into(motion, vector(memory, IMAGINED), aim_x, aim_y, place_x, place_y, head[STEP_S])
    directions, depth = matrix(memory, DIRECTIONS, 2), vector(memory, DEPTH)
    encode_into(rates_out, int(head[ENCODING]) - 1, vector(memory, BODY), motion, directions, baseline_hz, depth)
    for u in range(rates_out.shape[0]):
        rates_out[u] += noise_hz[u]
