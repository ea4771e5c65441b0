"""Check what no single key of a protocol can show: that its tables fit each other."""

from collections.abc import Iterator

from bmi_app.rt.block_kinds import WITH_TARGETS, words_of
from protocols.durations import check_durations
from protocols.magnitudes import check_magnitudes
from protocols.population_checks import check_axes, check_excluded, check_ignored, check_populations, check_units
from protocols.problems import Finding
from protocols.schema import Protocol
from protocols.task_checks import check_blocks, check_path, check_targets, check_task


def check_tables(protocol: Protocol) -> Iterator[Finding]:
    """Find every contradiction between the keys of a protocol, plugins not counted."""
    yield from check_magnitudes(protocol)
    yield from check_units(protocol)
    yield from check_excluded(protocol)
    yield from check_ignored(protocol)
    yield from check_populations(protocol)
    yield from check_axes(protocol)
    yield from check_labels(protocol)
    yield from check_learning(protocol)
    yield from check_blocks(protocol)
    yield from check_task(protocol)
    yield from check_targets(protocol)
    yield from check_path(protocol)
    yield from check_safety(protocol)
    yield from check_durations(protocol)


def check_labels(protocol: Protocol) -> Iterator[Finding]:
    """Find two labels of one name: nobody could tell their events apart."""
    labels = protocol.session.event_labels
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        yield Finding("session.event_labels", f"{twice[0]!r} is named twice; allowed: different names", ())


def check_learning(protocol: Protocol) -> Iterator[Finding]:
    """Find weight limits that leave no room."""
    learning = protocol.learning
    if learning.weight_min >= learning.weight_max:
        yield Finding(
            "learning.weight_min",
            f"{learning.weight_min:g} is not below weight_max ({learning.weight_max:g})",
            ("learning.weight_max",),
        )
    if learning.when == "seconds" and learning.history_s is not None and learning.history_s < learning.every_s:
        yield Finding(
            "learning.history_s",
            f"{learning.history_s:g} is shorter than every_s ({learning.every_s:g}), so that samples would be lost; "
            f"allowed: at least {learning.every_s:g}",
            ("learning.every_s",),
        )
    for index, block in enumerate(protocol.blocks):
        if block.fit and block.kind not in words_of(WITH_TARGETS):
            yield Finding(
                f"blocks.{index}.fit",
                f"a {block.kind} block has no targets, so that there is nothing to fit to; allowed: false",
                (f"blocks.{index}.kind",),
            )


def check_safety(protocol: Protocol) -> Iterator[Finding]:
    """Find a watchdog that would bark between two ticks."""
    watchdog_ms, period_ms = protocol.safety.watchdog_ms, protocol.tick.period_ms
    if watchdog_ms <= period_ms:
        yield Finding(
            "safety.watchdog_ms",
            f"{watchdog_ms:g} is not longer than a tick; allowed: above {period_ms:g} (tick.period_ms)",
            ("tick.period_ms",),
        )
