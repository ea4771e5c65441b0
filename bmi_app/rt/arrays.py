"""Say which arrays a session consists of: names, dtypes and shapes, in one place.

Only numpy is imported here. The same list is allocated in ordinary memory (`--speed max`, replay, tests) or laid into
the live file (`bmi_app.rt.livefile`) that views read.
"""

from dataclasses import dataclass

import numpy as np

from bmi_app.rt import cells, records, state

# Bins that a spike may lie ahead of the tick in which it arrives, before its stamp counts as one from the future.
FUTURE_TICKS = 64
N_STAGING_SLOTS = 4
N_WORDS_SLOTS = 32


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

    @property
    def weight_words(self) -> int:
        """Return the length of weights, bias and gain."""
        return self.n_axes * self.n_units + 2 * self.n_axes

    @property
    def row_words(self) -> int:
        """Return the length of a stored weights row: weights, bias, gain, the decoder's model where rules adapt that, populations."""
        return self.weight_words + self.model_rows * self.n_units + self.n_units

    @property
    def adapted_words(self) -> int:
        """Return the length of what a rule may change: readout or model, and bias."""
        return (self.model_rows or self.n_axes) * self.n_units + self.n_axes

    @property
    def good_words(self) -> int:
        """Return the length of what the guard may come back to; a model with all that is derived from it."""
        if not self.model_rows:
            return self.adapted_words
        return self.adapted_words + self.n_axes * self.n_units + self.decoder_words - self.model_rows * self.n_units

    @property
    def blob_words(self) -> int:
        """Return the length of a staged blob: weights, bias, gain, feature offset and scale, decoder memory, populations."""
        return self.weight_words + 2 * self.n_units + self.decoder_words + self.n_units


def power_of_two(at_least: float) -> int:
    """Return the smallest power of two that is at least `at_least`."""
    return 1 << max(int(np.ceil(at_least)) - 1, 1).bit_length()


def describe(sizes: Sizes) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
    """Return every array of a session as name -> (dtype, shape)."""
    f8, f4, i8 = np.dtype("<f8"), np.dtype("<f4"), np.dtype("<i8")
    units, axes = sizes.n_units, sizes.n_axes
    frames, blob = sizes.frame_slots, sizes.blob_words
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
        "trial_place": (records.PLACE, (sizes.sample_rows,)),
        "backup": (f8, (sizes.adapted_words,)),
        "episode_start": (f8, (sizes.adapted_words,)),
        "good": (f8, (sizes.good_words,)),
        "rule_memory": (f8, (max(sizes.rule_words, 1),)),
        "vectors": (f8, (4, axes)),  # decoded, velocity, intent, noise of this tick
        # task
        "targets": (f8, (max(sizes.n_targets, 1), 2)),
        "target_order": (i8, (max(sizes.n_targets, 1),)),
        "blocks": (state.BLOCK, (sizes.n_blocks,)),
        "transitions": (i8, (sizes.n_transitions, 4)),
        # rings
        "spikes": (records.SPIKE, (sizes.spike_slots,)),
        "frames": (records.FRAME, (frames,)),
        "counts": (f4, (frames, units)),
        "health": (records.HEALTH, (frames,)),
        "events": (records.EVENT, (sizes.event_slots,)),
        "commands_done": (records.COMMAND, (sizes.command_slots,)),
        "weights_log": (records.WEIGHTS, (sizes.weight_slots,)),
        "weights_rows": (f8, (sizes.weight_slots, sizes.row_words)),
        "updates": (records.UPDATE, (sizes.update_slots,)),
        "words": (records.WORDS, (N_WORDS_SLOTS,)),
        "queue": (records.COMMAND, (sizes.command_slots,)),
        "staging": (f8, (N_STAGING_SLOTS, blob)),
    }


def allocate(sizes: Sizes) -> dict[str, np.ndarray]:
    """Allocate a session's arrays in ordinary memory, zeroed."""
    return {name: np.zeros(shape, dtype) for name, (dtype, shape) in describe(sizes).items()}
