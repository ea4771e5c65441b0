"""Save a decoder to a file, and start from one: a NumPy archive that says what it is.

decoder        name of the plugin
weights        f8[axis, unit]      bias, gain    f8[axis]
feature_offset, feature_scale      f8[unit]
memory_NAME    each part of the decoder's memory that is not mere state
"""

from pathlib import Path

import numpy as np

MODEL = ("weights", "bias", "gain", "feature_offset", "feature_scale")


def save(path: Path, kind: str, arrays: dict[str, np.ndarray], memory: dict[str, np.ndarray]) -> None:
    """Write a decoder; an existing file is replaced."""
    content = {name: arrays[name] for name in MODEL}
    content |= {f"memory_{name}": part for name, part in memory.items()}
    with path.open("wb") as file:
        np.savez(file, decoder=np.array(kind), **content)  # type: ignore[arg-type]


def load_into(path: str, kind: str, arrays: dict[str, np.ndarray], memory: dict[str, np.ndarray]) -> None:
    """Read a decoder into a session's arrays.

    Raises
    ------
    ValueError
        If there is none, it is of another kind, or a shape does not fit; the message names file and shapes.
    """
    try:
        with np.load(Path(path).expanduser()) as archive:
            content = {name: archive[name] for name in archive.files}
    except Exception as error:
        raise ValueError(f"decoder.start_from: {path}: cannot be read as a saved decoder: {error}") from error
    saved_kind = str(content.get("decoder", "unknown"))
    if saved_kind != kind:
        raise ValueError(f"decoder.start_from: {path}: holds a {saved_kind!r} decoder; decoder.kind is {kind!r}")
    wanted = {name: arrays[name] for name in MODEL} | {f"memory_{name}": part for name, part in memory.items()}
    for name, into in wanted.items():
        if name not in content or content[name].shape != into.shape:
            shape = content[name].shape if name in content else "none"
            raise ValueError(f"decoder.start_from: {path}: {name} has shape {shape}; this protocol needs {into.shape}")
        if content[name].dtype.kind not in "biuf" or not np.isfinite(content[name]).all():
            raise ValueError(f"decoder.start_from: {path}: {name} must hold finite numbers only")
        into[:] = content[name]
    arrays["weights"][arrays["mask"] == 0.0] = 0.0
