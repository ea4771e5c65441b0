"""Name what a protocol may say, but probably does not mean."""

import math
from collections.abc import Callable, Iterable, Iterator

from bmi_app import plugins
from bmi_app.rt.block_kinds import WITH_TARGETS, words_of
from bmi_app.traits import DecoderTraits, LearningTraits, SubjectTraits
from protocols.schema import Protocol
from protocols.task_checks import HAND_KINDS

_WITH_TARGETS = words_of(WITH_TARGETS)
_PATH_PLACES = 256  # at which a path is looked at


def cautions(protocol: Protocol) -> list[str]:
    """Return one line for each thing that is allowed, but may not be what was meant, as `key: what and why`."""
    return [
        *_baselines(protocol),
        *_decoder(protocol),
        *_learning(protocol),
        *_hand(protocol),
        *_reach(protocol),
        *_subject(protocol),
    ]


def _baselines(protocol: Protocol) -> Iterator[str]:
    kinds = [block.kind for block in protocol.blocks]
    if not any(axis.populations for _, axis in protocol.axes.items()):
        return
    if "rest" not in kinds:
        yield 'blocks: no block of kind "rest", so every baseline stays 0 Hz and rest itself moves the cursor'
    elif kinds[0] != "rest":
        yield 'blocks: until the first block of kind "rest" is over, every baseline is 0 Hz'


def _decoder(protocol: Protocol) -> Iterator[str]:
    """Warn of features that do not suit the decoder."""
    decoder = protocol.decoder
    traits: DecoderTraits = plugins.load("decoders", decoder.kind).TRAITS
    if traits.smoothing_hurts and decoder.smoothing != "none" and decoder.smoothing_ms > protocol.tick.period_ms:
        yield (
            f"decoder.smoothing: {decoder.smoothing!r} over {decoder.smoothing_ms:g} ms does not suit decoder {decoder.kind!r}: "
            f'{traits.smoothing_hurts}; "none" is better'
        )
    yield from _own(traits.cautions, protocol)


def _own(said: Callable[[Protocol], Iterable[str]] | None, protocol: Protocol) -> Iterator[str]:
    """Pass on what a plugin itself cautions against."""
    if said is not None:
        yield from said(protocol)


def _learning(protocol: Protocol) -> Iterator[str]:
    learning = protocol.learning
    if learning.when == "off":
        return
    if not any(block.learning for block in protocol.blocks if block.kind in _WITH_TARGETS):
        yield f"learning.when: {learning.when!r}, but no block with targets has learning = true"
    traits: LearningTraits = plugins.load("learning", learning.rule).TRAITS
    if learning.when in traits.pointless:
        yield f"learning.when: {learning.when!r} does not suit {learning.rule!r}: {traits.pointless[learning.when]}"
    if traits.needs_exploration and learning.exploration_cm_s == 0.0:
        yield (
            f"learning.exploration_cm_s: 0, and {learning.rule!r} learns from this noise only, "
            "so it learns nothing; 1.5 is a good start"
        )
    yield from _own(traits.cautions, protocol)


def _simulated(protocol: Protocol) -> SubjectTraits | None:
    """Return the traits of the subject that is simulated; None where the driver simulates none."""
    if not plugins.load("drivers", protocol.driver.kind).TRAITS.simulates_subject:
        return None
    traits: SubjectTraits = plugins.load("subjects", protocol.subject.kind).TRAITS
    return traits


def _hand(protocol: Protocol) -> Iterator[str]:
    """Warn of a block that the hand moves the cursor of, where the simulated subject has no arm."""
    if not any(block.kind in HAND_KINDS for block in protocol.blocks):
        return  # before every subject is imported, to say which of them have an arm
    traits = _simulated(protocol)
    if traits is None or traits.has_arm:
        return
    armed = " or ".join(f'"{name}"' for name in plugins.having("subjects", lambda traits: traits.has_arm))
    for index, block in enumerate(protocol.blocks):
        if block.kind in HAND_KINDS:
            yield (
                f"blocks.{index}.kind: {block.kind!r} is moved by a hand, and subject {protocol.subject.kind!r} has none; "
                f"take subject.kind = {armed}, or let a person move it over the command socket"
            )


def _reach(protocol: Protocol) -> Iterator[str]:
    """Warn of targets to which the simulated subject's arm does not reach."""
    subject = protocol.subject
    traits = _simulated(protocol)
    if traits is None or traits.reaches is None:
        return
    settings = plugins.load("subjects", subject.kind).Settings(**subject.settings, **subject.choices())
    key = {"ring": "distance_cm", "grid": "spacing_cm", "list": "positions_cm"}.get(protocol.task.pattern, "margin_cm")
    targets = {"arm": (key, _places_cm(protocol)), "drawing": ("path_size_cm", _path_cm(protocol))}
    for kind, (where, places_cm) in targets.items():
        missed = [place for place in places_cm if not traits.reaches(settings, *place)]
        if missed and any(block.kind == kind for block in protocol.blocks):
            x_cm, y_cm = missed[0]
            yield (
                f"task.{where}: the arm of subject {subject.kind!r} does not reach a target at ({x_cm:.3g}, {y_cm:.3g}) cm, "
                "and such trials cannot succeed"
            )


def _places_cm(protocol: Protocol) -> list[tuple[float, float]]:
    """Return where targets are; of those that may be anywhere, the corners, than which none is farther from the body."""
    task = protocol.task
    if task.pattern != "uniform":
        return list(task.target_positions_cm())
    x_cm, y_cm = (size / 2 - (task.margin_cm or 0.0) for size in protocol.workspace.size_cm)
    heights_cm = (-y_cm, y_cm) if protocol.n_axes > 1 else (0.0,)
    return [(x, y) for x in (-x_cm, x_cm) for y in heights_cm]


def _path_cm(protocol: Protocol) -> list[tuple[float, float]]:
    """Return places on the path of drawing blocks, if there is one."""
    task = protocol.task
    if task.path_size_cm is None:
        return []
    (width_cm, height_cm), (x_cycles, y_cycles) = task.path_size_cm, task.path_cycles
    turns = [2 * math.pi * place / _PATH_PLACES for place in range(_PATH_PLACES)]
    lead = math.radians(task.path_phase_deg)
    return [
        (width_cm / 2 * math.sin(x_cycles * turn + lead), height_cm / 2 * math.sin(y_cycles * turn)) for turn in turns
    ]


def _subject(protocol: Protocol) -> Iterator[str]:
    """Warn of neurons that will never come, and of what the simulated subject itself cautions against."""
    traits, neurons = _simulated(protocol), protocol.neurons
    if traits is None:
        return
    if neurons.new_per_h > 0.0 and neurons.loss_per_h == 0.0:
        yield "neurons.new_per_h: a channel finds a new unit when it has lost its own, and neurons.loss_per_h is 0"
    yield from _own(traits.cautions, protocol)
