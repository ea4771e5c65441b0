"""Say which arrays a session consists of: names, dtypes and shapes, in one place.

Only numpy is imported here. The same list is allocated in ordinary memory (`--speed max`, replay, tests) or laid into
the live file (`bmi_app.rt.livefile`) that views read.
"""

from dataclasses import dataclass

import numpy as np

from bmi_app.rt import cells, records, rings, state, stored
from bmi_app.rt.memory import Layout, length

# Bins that a spike may lie ahead of the tick in which it arrives, before its stamp counts as one from the future.
FUTURE_TICKS = 64
N_STAGING_SLOTS = 4


@dataclass(frozen=True)
class Sizes:
    """Hold every size that shapes a session's arrays."""

    n_units: int
    n_axes: int
    n_populations: int
    n_targets: int
    n_blocks: int
    n_transitions: int
    decoder_words: int
    rule_words: int
    boxcar_ticks: int
    trial_samples: int  # that a trial has at most
    sample_rows: int  # for those of one trial, or of all that is kept
    model_rows: int  # of the decoder's model where rules adapt that, else 0
    frame_slots: int
    spike_slots: int
    event_slots: int = 1 << 13
    command_slots: int = 1 << 10
    weight_slots: int = 1 << 8
    update_slots: int = 1 << 9

    def slots_of(self, ring: rings.Ring) -> int:
        """Return how many records a ring holds."""
        return ring.slots if isinstance(ring.slots, int) else int(getattr(self, ring.slots))

    @property
    def row(self) -> Layout:
        """Return the shapes of the parts of a stored row of weights."""
        return stored.ROW.shapes(units=self.n_units, axes=self.n_axes, model_rows=self.model_rows)

    @property
    def model(self) -> Layout:
        """Return the shapes of the model in the decoder's memory, where rules adapt it, and of what follows from it there."""
        return stored.MODEL.shapes(units=self.n_units, model_rows=self.model_rows, decoder_words=self.decoder_words)

    @property
    def adapted(self) -> Layout:
        """Return the shapes of what a rule may change."""
        return stored.ADAPTED.shapes(units=self.n_units, axes=self.n_axes, rows=self.model_rows or self.n_axes)

    @property
    def good(self) -> Layout:
        """Return the shapes of what the guard may come back to."""
        return stored.GOOD.shapes(
            units=self.n_units, axes=self.n_axes, model_rows=self.model_rows, decoder_words=self.decoder_words
        )

    @property
    def blob(self) -> Layout:
        """Return the shapes of the parts of a blob."""
        return stored.BLOB.shapes(units=self.n_units, axes=self.n_axes, decoder_words=self.decoder_words)


def power_of_two(at_least: float) -> int:
    """Return the smallest power of two that is at least `at_least`."""
    return 1 << max(int(np.ceil(at_least)) - 1, 1).bit_length()


def describe(sizes: Sizes) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
    """Return every array of a session as name -> (dtype, shape)."""
    f8, f4, i8 = np.dtype("<f8"), np.dtype("<f4"), np.dtype("<i8")
    units, axes = sizes.n_units, sizes.n_axes
    blob = length(sizes.blob)
    return {
        "ctl": (i8, (cells.N_WORDS,)),
        "config": (state.CONFIG, (1,)),
        "state": (state.STATE, (1,)),
        # model
        "weights": (f8, (axes, units)),
        "bias": (f8, (axes,)),
        "gain": (f8, (axes,)),
        "mask": (f8, (axes, units)),
        "decoder_memory": (f8, (max(sizes.decoder_words, 1),)),
        "unit_population": (i8, (units,)),
        "population_axis": (f8, (sizes.n_populations, axes)),
        # features
        "pending": (f4, (2 * FUTURE_TICKS, units)),
        "rates": (f8, (units,)),
        "boxcar": (f8, (sizes.boxcar_ticks + 1, units)),  # the last row is their sum
        "feature_offset": (f8, (units,)),
        "feature_scale": (f8, (units,)),
        "features": (f8, (units,)),
        "rest_sum": (f8, (2, units)),
        # one trial or more, for learning
        "trial_features": (f8, (sizes.sample_rows, units)),
        "trial_intent": (f8, (sizes.sample_rows, axes)),
        "trial_noise": (f8, (sizes.sample_rows, axes)),
        "trial_position": (f8, (sizes.sample_rows, axes)),
        "trial_place": (records.PLACE, (sizes.sample_rows,)),
        "backup": (f8, (length(sizes.adapted),)),
        "episode_start": (f8, (length(sizes.adapted),)),
        "good": (f8, (length(sizes.good),)),
        "rule_memory": (f8, (max(sizes.rule_words, 1),)),
        "vectors": (f8, (5, axes)),  # decoded, velocity, intent, noise and aim of this tick
        # task
        "targets": (f8, (max(sizes.n_targets, 1), 2)),
        "target_order": (i8, (max(sizes.n_targets, 1),)),
        "blocks": (state.BLOCK, (sizes.n_blocks,)),
        "transitions": (i8, (sizes.n_transitions, 4)),
        # rings
        **{ring.array: (ring.dtype, (sizes.slots_of(ring),)) for ring in rings.RINGS.values()},
        "counts": (f4, (sizes.frame_slots, units)),
        "weights_rows": (f8, (sizes.weight_slots, length(sizes.row))),
        "staging": (f8, (N_STAGING_SLOTS, blob)),
    }


def allocate(sizes: Sizes) -> dict[str, np.ndarray]:
    """Allocate a session's arrays in ordinary memory, zeroed."""
    return {name: np.zeros(shape, dtype) for name, (dtype, shape) in describe(sizes).items()}
