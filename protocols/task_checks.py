"""Check blocks, task and targets."""

from collections.abc import Iterator

from protocols.problems import Finding
from protocols.schema import Protocol

# Keys of the task that belong to one pattern: (pattern, key).
PATTERN_KEYS = (("ring", "count"), ("ring", "distance_cm"), ("list", "positions_cm"), ("uniform", "margin_cm"))

_TOUCH_CM = 1e-9  # a target that touches the edge is inside, whatever the rounding


def check_blocks(protocol: Protocol) -> Iterator[Finding]:
    """Find blocks without an end, with two, or with help where there is nothing to help with."""
    last = len(protocol.blocks) - 1
    for index, block in enumerate(protocol.blocks):
        path = f"blocks.{index}"
        lengths = (f"{path}.kind", f"{path}.duration_s", f"{path}.trials")
        if block.kind in ("rest", "free"):
            if block.trials is not None:
                yield Finding(f"{path}.trials", f"a {block.kind} block has no trials; allowed: duration_s", lengths[:1])
            if block.duration_s is None:
                yield Finding(f"{path}.duration_s", f"is missing; a {block.kind} block needs it", lengths)
            if block.assist != 0:
                yield Finding(
                    f"{path}.assist", f"a {block.kind} block has no target to assist toward; allowed: 0", lengths
                )
            continue
        if block.duration_s is not None and block.trials is not None:
            yield Finding(path, "has both duration_s and trials; allowed: one of them", lengths)
        if block.duration_s is None and block.trials is None:
            if index != last:
                yield Finding(path, "has no end; only the last block may have neither duration_s nor trials", lengths)
            if isinstance(block.assist, tuple):
                yield Finding(
                    f"{path}.assist", "changes over the block, which has no end; give it duration_s or trials", lengths
                )


def check_task(protocol: Protocol) -> Iterator[Finding]:
    """Find keys that the pattern lacks or does not use, and trials that cannot succeed."""
    task = protocol.task
    for pattern, key in PATTERN_KEYS:
        given = getattr(task, key) is not None
        path = f"task.{key}"
        if pattern == task.pattern and not given:
            yield Finding(path, f'is missing; pattern = "{pattern}" needs it', ("task.pattern", path))
        elif pattern != task.pattern and given:
            yield Finding(path, f'has no effect with pattern = "{task.pattern}"; remove it', ("task.pattern",))
    if task.hold_ms >= task.timeout_ms:
        yield Finding(
            "task.hold_ms",
            f"{task.hold_ms:g} is not shorter than timeout_ms ({task.timeout_ms:g}), so no trial could succeed",
            ("task.timeout_ms",),
        )


def check_targets(protocol: Protocol) -> Iterator[Finding]:
    """Find targets that are not wholly inside the workspace, or that the cursor cannot reach."""
    task = protocol.task
    half_cm = [size / 2 for size in protocol.workspace.size_cm]
    room = f"{half_cm[0]:g} x {half_cm[1]:g} cm from the centre (workspace.size_cm)"
    because = ("workspace", "task.pattern", "task.target_radius_cm", "task.count", "task.distance_cm")
    if task.pattern == "uniform" and task.margin_cm is not None:
        if task.margin_cm < task.target_radius_cm:
            yield Finding(
                "task.margin_cm",
                f"{task.margin_cm:g} lets targets reach over the edge; "
                f"allowed: at least target_radius_cm ({task.target_radius_cm:g})",
                because,
            )
        if task.margin_cm >= min(half_cm[: protocol.n_axes]):
            yield Finding(
                "task.margin_cm", f"{task.margin_cm:g} leaves no room for targets; the edge is {room}", because
            )
    for index, position in enumerate(task.target_positions_cm()):
        key = "task.distance_cm" if task.pattern == "ring" else f"task.positions_cm.{index}"
        where = f"target {index} at ({position[0]:g}, {position[1]:g})"
        reach_cm = [abs(coordinate) + task.target_radius_cm for coordinate in position]
        if any(reach > half + _TOUCH_CM for reach, half in zip(reach_cm, half_cm, strict=True)):
            yield Finding(
                key,
                f"{where} with radius {task.target_radius_cm:g} reaches out of the workspace; the edge is {room}",
                because,
            )
        if protocol.n_axes == 1 and position[1] != 0:
            yield Finding(
                key,
                f"{where} is off the line that the cursor can reach; without axes.y allowed: y = 0",
                ("axes", *because),
            )
