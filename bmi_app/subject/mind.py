"""Name what the autonomous subject keeps in mind: the parts of its memory, and the words of the first of them.

Each part begins where the table of offsets at the head of the memory says, so that a kernel finds any of them in one
look and a part that a subject does not need takes no room.
"""

import numpy as np

from bmi_app.rt.jit import part

# Parts, in their order in the memory.
(
    OFFSETS,
    HEAD,
    BASELINE,  # f8[unit]: rate at rest (Hz)
    WEIGHTS,  # f8[axis, feature]: the forward model W^, c^; of a rule that learns actions Theta, f8[unit, axis]
    BIAS,  # zeros: the constant feature does its work
    MASK,  # ones
    INVERSE,  # f8[unit, axis]: Hz per cm/s
    RULE,  # memory of the learning rule
    COPY,  # f8[feature]: the efference copy, smoothed as the decoder smooths
    COPIES,  # f8[step, feature]: the last ones
    PREDICTED,  # f8[step, axis]: velocity that the model gives for each of them (cm/s)
    AIMED,  # f8[step]: speed that was wanted with each of them, smoothed likewise (cm/s)
    EXPLORATION,  # f8[unit] (Hz)
    PATTERNS,  # f8[unit, pattern]: of low-dimensional exploration
    LATENTS,  # f8[pattern] or f8[unit]: standard noise that exploration follows
    FEATURES,  # samples of the trial: features, or of a rule that learns actions exploration
    TARGETS,  # samples of the trial: seen velocity (cm/s), or of a rule that learns actions context
    CURIOSITY,  # what `curiosity` keeps
    BABBLED,  # f8[before and now, pattern]: amplitudes
    VIEWS,  # f8[before and after, channel]: what was seen when each had acted
    BODY,  # f8[word]: constants of the body whose movement is encoded (`body`)
    MOTION,  # f8[word]: what that body is to do now
    IMAGINED,  # f8[2]: velocity that it imagines (m/s)
    DEPTH,  # f8[unit]: modulation of the encoding
    DIRECTIONS,  # f8[unit, 2]: preferred directions
    HELD_NOISE,  # of the eyes (`noise`)
    MANIFOLD,  # f8[unit, pattern]: the patterns that it can make, orthonormal; empty: all
    IN_MANIFOLD,  # f8[axis, pattern]: room for what the model makes of them
    LOG,  # f8[slot, word]: what was learnt, a row a trial
) = range(29)
PARTS = (
    "offsets",
    "head",
    "baseline_hz",
    "weights",
    "bias",
    "mask",
    "inverse",
    "rule",
    "copy",
    "copies",
    "predicted",
    "aimed",
    "exploration",
    "patterns",
    "latents",
    "features",
    "targets",
    "curiosity",
    "babbled",
    "views",
    "body",
    "motion",
    "imagined",
    "depth",
    "directions",
    "held_noise",
    "manifold",
    "in_manifold",
    "log",
)

# Words of HEAD: constants first, then what changes.
(
    N_UNITS,
    N_AXES,
    STEP_S,
    GAIN_PER_S,
    SPEED_CM_S,
    DAMPING,
    SIGHT_CM,
    SIGHT_CM_S,
    MOTOR_CM_S,
    MOTOR_KEEP,
    MAX_HZ,
    RIDGE,  # lambda of the inversion, (cm/s/Hz)^2
    DELAY_STEPS,
    REACTION_STEPS,
    LAG_KEEP,
    SAMPLE_STEPS,  # between two samples; not a whole number where steps do not divide the time
    RATE,
    HAS_RULE,  # 1: it learns its tool by a rule of `tool_rules`, which is called at LEARN_AT
    LEARN_AT,  # int64
    AT_ONCE,  # 1: the rule takes samples as they come, or there is none; else it gets whole trials
    AT_REST,  # 1: the rule is called without samples while the subject rests
    ACTIONS,  # 1: the rule learns Theta, what to fire for a direction, instead of a model of the tool
    BY_MOUSE,  # 1: a person's hand is the intention
    HOW_EXPLORES,
    EXPLORATION_HZ,
    EXPLORATION_KEEP,
    EXPLORATION_FLOOR,
    N_PATTERNS,
    N_MANIFOLD,  # dimensions of the manifold; 0: none
    LAPSE,
    SKILL_KEEP,
    TRIAL_SAMPLES,
    BABBLE_STEPS,  # how long curiosity stays with a pattern
    ENCODING,  # what units fire for: 0 the learnt tool, else 1 + index in `body.ENCODINGS`
    JUDGED_CM_S,  # confidence is judged by movements that were to be faster than this
    # what changes
    STEP,
    FRAME_S,  # time of the newest frame that was seen
    AGE_STEPS,  # steps since it was first seen
    STATE,  # of the task in it
    SHOWN_STEPS,  # since the target appeared
    TARGET_X,
    TARGET_Y,
    LAPSED,  # 1: this trial is not attended to
    NEXT_SAMPLE,  # step from which on the next sample is due
    N_SAMPLES,  # of this trial
    ESTIMATE_X,  # where the cursor should be now (cm)
    ESTIMATE_Y,
    WANTED_X,  # velocity wanted (cm/s)
    WANTED_Y,
    MOTOR_X,
    MOTOR_Y,
    TRIALS,
    ERROR_SQUARE,  # running means of the squared error of prediction and of the squared velocity, (cm/s)^2
    VELOCITY_SQUARE,
    TRIAL_ERROR,  # sum of the squared errors over the samples of the trial
    TRIAL_SEEN,  # how many they were
    CONFIDENCE,
    REWARD,  # seen in this trial
    VIEWED,  # 1: curiosity has a view to compare the next one with
    LOG_ROWS,  # int64: how many were ever written
) = range(60)
HEAD_WORDS = 64

LOG_SLOTS = 128
# Words of a row of LOG; the model follows.
LOG_TIME_S, LOG_TRIAL, LOG_REWARD, LOG_SAMPLES, LOG_ERROR_CM_S, LOG_CONFIDENCE, LOG_EXPLORATION_HZ = range(7)
LOG_WORDS = 8


@part
def vector(memory, which):
    """Return a part of the memory as a vector."""
    offsets = memory.view(np.int64)
    return memory[offsets[which] : offsets[which + 1]]


@part
def matrix(memory, which, columns):
    """Return a part of the memory as a matrix of so many columns."""
    found = vector(memory, which)
    return found.reshape(found.shape[0] // columns, columns)
