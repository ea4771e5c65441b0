"""Declare how weights lie where they are stored: rows of weights, blobs that are adopted, and what the guard comes back to.

Nobody else counts places in them: Python takes the parts from here by name, and so do kernels. Only numpy is imported here.
"""

import numpy as np

from bmi_app.rt.memory import MemoryLayout, Shape, length, named_parts

_READOUT: dict[str, Shape] = {"weights": ("axes", "units"), "bias": ("axes",), "gain": ("axes",)}
READOUT = MemoryLayout(_READOUT)
# A row of weights, as the journal has it: with the decoder's model where rules adapt that, and the units' populations.
ROW = MemoryLayout({**_READOUT, "model": ("model_rows", "units"), "population": ("units",)})
# A blob, which is adopted whole; where it is NaN the present value stays.
BLOB = MemoryLayout(
    {
        **_READOUT,
        "feature_offset": ("units",),
        "feature_scale": ("units",),
        "decoder_memory": ("decoder_words",),
        "population": ("units",),
    }
)
# What a rule may change: the readout's weights or the decoder's model, and the bias.
ADAPTED = MemoryLayout({"adapted": ("rows", "units"), "bias": ("axes",)})
# A decoder's memory of which rules adapt the model: it begins with it, and the rest follows from it.
MODEL = MemoryLayout({"model": ("model_rows", "units"), "derived": ("decoder_words - model_rows * units",)})
# What the guard comes back to: what a rule may change, and with a model (`model_rows` is not 0) what follows from it.
GOOD = MemoryLayout(
    {
        **ADAPTED.parts,
        "weights": ("axes if model_rows else 0", "units"),
        "derived": ("decoder_words - model_rows * units if model_rows else 0",),
    },
    where={"rows": "model_rows if model_rows else axes"},
)


def named_row(rows: np.ndarray, n_units: int, n_axes: int) -> dict[str, np.ndarray]:
    """Return the parts of a row of weights by name, f8[words], or of many, f8[row, words]."""
    without = length(ROW.shapes(units=n_units, axes=n_axes, model_rows=0))
    model_rows = max(rows.shape[-1] - without, 0) // max(n_units, 1)
    return named_parts(rows, ROW.shapes(units=n_units, axes=n_axes, model_rows=model_rows))
