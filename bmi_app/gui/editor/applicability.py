"""Say which keys of a protocol have no effect beside the other choices in their table, and why."""

from collections.abc import Callable
from typing import Any

from bmi_app import plugins
from bmi_app.rt.block_kinds import WITH_TARGETS, words_of

_LEARNS = ("tick", "trial", "reward", "block", "seconds")
_WITH_TRIALS = words_of(WITH_TARGETS)
_TAKE_STREAM = tuple(plugins.drivers_that(lambda traits: traits.takes_stream))
# Key with the indices of lists left out: (the key beside it on which it depends, the words with which it applies).
_ONLY_WITH: dict[str, tuple[str, tuple[str, ...]]] = {
    "tick.grace_ms": ("source", ("clock",)),
    "units.first_channel": ("map", ("channel", "channel_unit")),
    "units.first_unit": ("map", ("channel_unit",)),
    "units.units_per_channel": ("map", ("channel_unit",)),
    "units.table": ("map", ("table",)),
    "decoder.smoothing_ms": ("smoothing", ("exponential", "boxcar")),
    "learning.rule": ("when", _LEARNS),
    "learning.rate": ("when", _LEARNS),
    "learning.weight_min": ("when", _LEARNS),
    "learning.weight_max": ("when", _LEARNS),
    "learning.max_step": ("when", _LEARNS),
    "learning.on_divergence": ("when", _LEARNS),
    "learning.every_s": ("when", ("seconds",)),
    "learning.settings": ("when", _LEARNS),
    "task.count": ("pattern", ("ring",)),
    "task.distance_cm": ("pattern", ("ring",)),
    "task.first_angle_deg": ("pattern", ("ring",)),
    "task.positions_cm": ("pattern", ("list",)),
    "task.margin_cm": ("pattern", ("uniform",)),
    "task.grid": ("pattern", ("grid",)),
    "task.spacing_cm": ("pattern", ("grid",)),
    "task.order": ("pattern", ("ring", "list", "grid")),
    "blocks.trials": ("kind", _WITH_TRIALS),
    "blocks.assist": ("kind", ("closed_loop",)),
    "blocks.learning": ("kind", _WITH_TRIALS),
    "driver.stream": ("kind", _TAKE_STREAM),
    "driver.type": ("kind", _TAKE_STREAM),
    "driver.source_id": ("kind", _TAKE_STREAM),
    "driver.host": ("kind", _TAKE_STREAM),
    "driver.clock": ("kind", _TAKE_STREAM),
}
# The keys of which one at most may be given.
_NOT_BOTH = {
    "blocks.duration_s": ("trials",),
    "blocks.trials": ("duration_s",),
    "axes.population": ("push", "pull"),
    "axes.push": ("population",),
    "axes.pull": ("population",),
}
# The key beside it that must be given, and not be 0.
_NEEDS = {
    "decoder.scramble_seed": "scramble",
    "learning.exploration_tau_ms": "exploration_cm_s",
    "task.path_cycles": "path_size_cm",
    "task.path_phase_deg": "path_size_cm",
    "task.path_ms": "path_size_cm",
}


def why_not(key: str, value_of: Callable[[str], Any]) -> str:
    """Return why a key has no effect, in a few words, or nothing where it has one.

    Parameters
    ----------
    key : str
        Dotted path.
    value_of : callable
        Gives the value of a key of the same table by its name, its default where the file says nothing, None where
        there is none.
    """
    parts = key.split(".")
    general = f"{parts[0]}.{parts[-1]}" if parts[0] in ("axes", "blocks") else key
    if general in _ONLY_WITH:
        beside, words = _ONLY_WITH[general]
        if value_of(beside) not in words:
            listed = " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
            return f'unless "{beside}" is {listed}'
    if general in _NEEDS and not (beside_is := value_of(_NEEDS[general])):
        return f"unless {_NEEDS[general]} is {'above 0' if beside_is == 0 else 'given'}"
    given = [name for name in _NOT_BOTH.get(general, ()) if value_of(name) is not None]
    return f'beside "{given[0]}"' if given else ""
