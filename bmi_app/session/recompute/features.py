"""Write down what the decoder read at every tick of a recording, as it is recomputed."""

from bmi_app.rt.contracts import DECODE, LEARN, frames_t, session_t
from bmi_app.rt.jit import f4_2, f8_2, kernel, void
from bmi_app.rt.what_if import run_what_if


@kernel(void(DECODE, LEARN, session_t, frames_t, f4_2, f8_2))
def log_features(decoder, rule, session, recorded, counts, features_out):  # type: ignore[no-untyped-def]
    """Recompute ticks one by one, and copy the features of each to its row, f8[tick, unit]."""
    features = session[2][5]
    for k in range(recorded.shape[0]):
        run_what_if(decoder, rule, session, recorded[k : k + 1], counts[k : k + 1])
        for u in range(features.shape[0]):
            features_out[k, u] = features[u]
