"""Save a decoder to a file, and start from one: a NumPy archive that says what it is.

decoder        name of the plugin
weights        f8[axis, unit]      bias, gain    f8[axis]
feature_offset, feature_scale      f8[unit]
memory_NAME    each part of the decoder's memory that is not mere state
half_width_95  f8[axis, unit]: half of each weight's 95 % interval, where the rule knows it; not read when loading
made_for       JSON: the decoder's settings, and how counts became features (not in files of older versions)
"""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app import plugins, small_files
from bmi_app.record import new_file
from bmi_app.rt.memory import MemoryLayout
from protocols.schema import Protocol

_ADDED = {"memory_drift"}  # parts that files of before lack: 0 says the same
MODEL = ("weights", "bias", "gain", "feature_offset", "feature_scale")


@dataclass(frozen=True)
class MadeFor:
    """Hold what a protocol must say alike for a saved decoder to mean the same.

    Attributes
    ----------
    settings
        Of the decoder, defaults included.
    features
        How counts became features: tick_ms, input, smoothing, smoothing_ms (where there is smoothing), square_root, zscore.
    """

    settings: dict[str, Any]
    features: dict[str, Any]

    @classmethod
    def of(cls, protocol: Protocol) -> "MadeFor":
        """Return what a protocol says."""
        decoder = protocol.decoder
        features = {
            "tick_ms": protocol.tick.period_ms,
            "input": decoder.input,
            "smoothing": decoder.smoothing,
            **({} if decoder.smoothing == "none" else {"smoothing_ms": decoder.smoothing_ms}),
            "square_root": decoder.square_root,
            "zscore": decoder.zscore,
        }
        return cls(dict(decoder.settings), features)


_KEYS = {"tick_ms": "tick.period_ms"}  # of `features`, where a protocol's key is not decoder.NAME


def save(
    path: Path,
    kind: str,
    arrays: dict[str, np.ndarray],
    memory: dict[str, np.ndarray],
    made_for: MadeFor | None = None,
    half_width_95: np.ndarray | None = None,
    *,
    replace: bool = False,
) -> None:
    """Write a decoder, whole or not at all; see `new_file.write` for where it may stand.

    Raises
    ------
    OSError
        If it cannot be written; `strerror` says why.
    """
    content = {name: arrays[name] for name in MODEL}
    if half_width_95 is not None:
        content["half_width_95"] = half_width_95
    content |= {f"memory_{name}": part for name, part in memory.items()}
    if made_for is not None:
        content["made_for"] = np.array(json.dumps(asdict(made_for)))
    archive = io.BytesIO()
    np.savez(archive, decoder=np.array(kind), **content)  # type: ignore[arg-type]
    new_file.write(path, archive.getvalue(), replace=replace)


def load_into(path: str, protocol: Protocol, arrays: dict[str, np.ndarray], memory: dict[str, np.ndarray]) -> None:
    """Read a decoder into the arrays of a protocol's session.

    Raises
    ------
    ValueError
        If there is none, it is of another kind or made for other settings or features, or a shape does not fit; the
        message names the file, and what differs.
    """
    kind = protocol.decoder.kind
    try:
        content = small_files.read_arrays(small_files.user_path(path))
    except (OSError, ValueError) as error:
        why = (error.strerror or error) if isinstance(error, OSError) else error
        raise ValueError(f"decoder.start_from: {path}: cannot be read as a saved decoder: {why}") from error
    saved_kind = str(content.get("decoder", "unknown"))
    if saved_kind != kind:
        raise ValueError(f"decoder.start_from: {path}: holds a {saved_kind!r} decoder; decoder.kind is {kind!r}")
    _refuse_other_features(path, content, MadeFor.of(protocol))
    layout = plugins.load("decoders", kind).layout
    sizing = layout.sizing(memory) if isinstance(layout, MemoryLayout) else {}
    wanted = {name: arrays[name] for name in MODEL} | {f"memory_{name}": part for name, part in memory.items()}
    for name, into in wanted.items():
        if name in _ADDED and name not in content:
            content[name] = np.zeros(into.shape)
        if name not in content or content[name].shape != into.shape:
            shape = content[name].shape if name in content else "none"
            raise ValueError(f"decoder.start_from: {path}: {name} has shape {shape}; this protocol needs {into.shape}")
        if content[name].dtype.kind not in "biuf" or not np.isfinite(content[name]).all():
            raise ValueError(f"decoder.start_from: {path}: {name} must hold finite numbers only")
        into[:] = content[name]
    for name, needed in sizing.items():
        if (found := layout.number(memory, name)) != needed:
            raise ValueError(
                f"decoder.start_from: {path}: its memory says {name} = {found:g}; this protocol needs {needed:g}"
            )
    arrays["weights"][arrays["mask"] == 0.0] = 0.0


def _made_for(path: str, text: str) -> MadeFor:
    """Return what a saved decoder says that it was made for."""
    try:
        said = small_files.parse_json(text)
    except ValueError as error:
        raise ValueError(f"decoder.start_from: {path}: made_for is damaged: {error}") from error
    parts = ("settings", "features")
    if not isinstance(said, dict) or set(said) != set(parts) or not all(isinstance(said[key], dict) for key in parts):
        raise ValueError(f"decoder.start_from: {path}: made_for is damaged: it must hold the tables {', '.join(parts)}")
    return MadeFor(**said)


def _refuse_other_features(path: str, content: dict[str, np.ndarray], here: MadeFor) -> None:
    """Refuse a decoder whose settings or features are not those of the protocol; older files do not say."""
    if "made_for" not in content:
        return
    there = _made_for(path, str(content["made_for"]))
    settings = {f"decoder.settings.{key}": value for key, value in there.settings.items()}
    now = {f"decoder.settings.{key}": value for key, value in here.settings.items()}
    settings |= {_KEYS.get(key, f"decoder.{key}"): value for key, value in there.features.items()}
    now |= {_KEYS.get(key, f"decoder.{key}"): value for key, value in here.features.items()}
    for key, value in settings.items():
        if key in now and now[key] != value:
            raise ValueError(
                f"decoder.start_from: {path}: was made for {key} = {value!r}; this protocol has {now[key]!r}"
            )
