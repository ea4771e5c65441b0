"""Name what a protocol may say, but probably does not mean."""

import math
from collections.abc import Iterator

from bmi_app import plugins
from bmi_app.rt.block_kinds import WITH_TARGETS, words_of
from protocols.schema import Protocol
from protocols.task_checks import HAND_KINDS

_SHORT_BIN_MS = 20.0  # in bins so short a unit of 10 Hz has mostly none or one spike
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
    module = plugins.load("decoders", decoder.kind)
    fits = any(block.fit for block in protocol.blocks)
    hurts = getattr(module, "SMOOTHING_HURTS", None)
    if hurts is not None and decoder.smoothing != "none" and decoder.smoothing_ms > protocol.tick.period_ms:
        yield (
            f"decoder.smoothing: {decoder.smoothing!r} over {decoder.smoothing_ms:g} ms does not suit decoder {decoder.kind!r}: "
            f'{hurts}; "none" is better'
        )
    if decoder.kind == "population_vector" and fits and decoder.smoothing == "none":
        least = decoder.settings.get("least_r2", 0.01)
        if least > 0.0 and protocol.tick.period_ms <= _SHORT_BIN_MS:
            yield (
                f"decoder.settings.least_r2: of raw counts in bins of {protocol.tick.period_ms:g} ms tuning explains less than "
                f"{least:g}, so that hardly any unit may vote; 0 lets all vote, or smooth"
            )


def _learning(protocol: Protocol) -> Iterator[str]:
    learning = protocol.learning
    if learning.when == "off":
        return
    if not any(block.learning for block in protocol.blocks if block.kind in _WITH_TARGETS):
        yield f"learning.when: {learning.when!r}, but no block with targets has learning = true"
    rule = plugins.load("learning", learning.rule)
    pointless: dict[str, str] = getattr(rule, "POINTLESS", {})
    if learning.when in pointless:
        yield f"learning.when: {learning.when!r} does not suit {learning.rule!r}: {pointless[learning.when]}"
    if getattr(rule, "NEEDS_EXPLORATION", False) and learning.exploration_cm_s == 0.0:
        yield (
            f"learning.exploration_cm_s: 0, and {learning.rule!r} learns from this noise only, "
            "so it learns nothing; 1.5 is a good start"
        )
    if protocol.decoder.kind == "groupweight" and not learning.weight_min <= -1.0 <= 1.0 <= learning.weight_max:
        signed = protocol.decoder.scramble > 0.0 or any(axis.pull for _, axis in protocol.axes.items())
        if signed or not learning.weight_min <= 1.0 <= learning.weight_max:
            yield (
                "learning.weight_min, learning.weight_max: weights start at 1 (or -1), outside of these limits, so that "
                "every update will be rejected"
            )


def _hand(protocol: Protocol) -> Iterator[str]:
    """Warn of a block that the hand moves the cursor of, where the simulated subject has no arm."""
    if protocol.driver.kind != "simulated" or getattr(
        plugins.load("subjects", protocol.subject.kind), "HAS_ARM", False
    ):
        return
    for index, block in enumerate(protocol.blocks):
        if block.kind in HAND_KINDS:
            yield (
                f"blocks.{index}.kind: {block.kind!r} is moved by a hand, and subject {protocol.subject.kind!r} has none; "
                'take subject.kind = "arm", or let a person move it over the command socket'
            )


def _reach(protocol: Protocol) -> Iterator[str]:
    """Warn of targets to which the simulated subject's arm does not reach."""
    subject = protocol.subject
    plugin = plugins.load("subjects", subject.kind)
    reaches = getattr(plugin, "reaches", None)
    if protocol.driver.kind != "simulated" or reaches is None:
        return
    settings = plugin.Settings(**subject.settings, **subject.choices())
    key = {"ring": "distance_cm", "grid": "spacing_cm", "list": "positions_cm"}.get(protocol.task.pattern, "margin_cm")
    targets = {"arm": (key, _places_cm(protocol)), "drawing": ("path_size_cm", _path_cm(protocol))}
    for kind, (where, places_cm) in targets.items():
        missed = [place for place in places_cm if not reaches(settings, *place)]
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
    """Warn of a simulated subject that is to learn and cannot, and of neurons that will never come."""
    subject, neurons = protocol.subject, protocol.neurons
    if protocol.driver.kind != "simulated":
        return
    if neurons.new_per_h > 0.0 and neurons.loss_per_h == 0.0:
        yield "neurons.new_per_h: a channel finds a new unit when it has lost its own, and neurons.loss_per_h is 0"
    if subject.kind != "autonomous" or subject.learner == "none":
        return
    if (
        subject.learner == "batched"
        and not subject.settings.get("rule", {}).get("replays_awake")
        and not _rests_late(protocol)
    ):
        yield (
            "subject.learner: 'batched' learns in blocks of kind \"rest\" that follow one with targets, and there is none, "
            "so it learns nothing"
        )
    needs = subject.learner == "reinforcement" or (subject.prior == "nothing" and subject.encoding in (None, "tool"))
    if needs and (subject.exploration == "none" or subject.settings.get("exploration_hz") == 0.0):
        yield (
            f"subject.exploration: none, and learner {subject.learner!r} with prior {subject.prior!r} learns from it only, "
            "so it learns nothing"
        )


def _rests_late(protocol: Protocol) -> bool:
    """Tell whether a rest follows a block from which the subject may have learnt."""
    kinds = [block.kind for block in protocol.blocks]
    moved = [index for index, kind in enumerate(kinds) if kind in ("closed_loop", "observation")]
    return bool(moved) and "rest" in kinds[moved[0] :]
