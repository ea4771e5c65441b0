"""Check blocks, task and targets."""

from collections.abc import Iterator, Sequence

from bmi_app.rt.block_kinds import BY_HAND, WITH_TARGETS, words_of
from protocols.problems import Finding
from protocols.schema import Protocol

# Keys of the task that belong to one pattern: (pattern, key).
PATTERN_KEYS = (
    ("ring", "count"),
    ("ring", "distance_cm"),
    ("list", "positions_cm"),
    ("uniform", "margin_cm"),
    ("grid", "grid"),
    ("grid", "spacing_cm"),
)

HAND_KINDS = words_of(BY_HAND)  # of blocks in which the hand moves the cursor, not the decoder
_TOUCH_CM = 1e-9  # a target that touches the edge is inside, whatever the rounding


def check_blocks(protocol: Protocol) -> Iterator[Finding]:
    """Find blocks without an end, with two, or with help where there is nothing to help with."""
    last = len(protocol.blocks) - 1
    for index, block in enumerate(protocol.blocks):
        path = f"blocks.{index}"
        lengths = (f"{path}.kind", f"{path}.duration_s", f"{path}.trials")
        if block.kind not in words_of(WITH_TARGETS):
            if block.trials is not None:
                yield Finding(f"{path}.trials", f"a {block.kind} block has no trials; allowed: duration_s", lengths[:1])
            if block.duration_s is None:
                yield Finding(f"{path}.duration_s", f"is missing; a {block.kind} block needs it", lengths)
            if block.assist != 0:
                yield Finding(
                    f"{path}.assist", f"a {block.kind} block has no target to assist toward; allowed: 0", lengths
                )
            continue
        if block.kind in HAND_KINDS and block.assist != 0:
            yield Finding(
                f"{path}.assist",
                f"has no effect in a block of kind {block.kind!r}, where the hand moves the cursor; allowed: 0",
                lengths,
            )
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
    if task.wrong_target_fails and task.pattern == "uniform":
        yield Finding(
            "task.wrong_target_fails", 'needs several targets at once; not with pattern = "uniform"', ("task.pattern",)
        )
    if task.pattern == "grid" and task.spacing_cm is not None and task.spacing_cm < 2 * task.target_radius_cm:
        yield Finding(
            "task.spacing_cm",
            f"{task.spacing_cm:g} lets keys overlap; allowed: at least twice target_radius_cm ({task.target_radius_cm:g})",
            ("task.target_radius_cm",),
        )
    if task.hold_ms >= task.timeout_ms:
        yield Finding(
            "task.hold_ms",
            f"{task.hold_ms:g} is not shorter than timeout_ms ({task.timeout_ms:g}), so no trial could succeed",
            ("task.timeout_ms",),
        )


def check_targets(protocol: Protocol) -> Iterator[Finding]:
    """Find targets that are not wholly inside the workspace, or that the cursor cannot reach."""
    task = protocol.task
    radius_cm = task.target_radius_cm
    half_cm = [size / 2 for size in protocol.workspace.size_cm]
    edge = f"the edge is {half_cm[0]:g} x {half_cm[1]:g} cm from the centre (workspace.size_cm)"
    if task.pattern == "uniform" and task.margin_cm is not None:
        rests_on = ("workspace.size_cm", "task.pattern", "task.target_radius_cm", "axes")
        if task.margin_cm < radius_cm:
            yield Finding(
                "task.margin_cm",
                f"{task.margin_cm:g} lets targets reach over the edge; allowed: at least target_radius_cm ({radius_cm:g})",
                rests_on,
            )
        if task.margin_cm >= min(half_cm[: protocol.n_axes]):
            yield Finding("task.margin_cm", f"{task.margin_cm:g} leaves no room for targets; {edge}", rests_on)
    positions_cm = task.target_positions_cm()
    outside = [
        index
        for index, position in enumerate(positions_cm)
        if any(abs(at) + radius_cm > half + _TOUCH_CM for at, half in zip(position, half_cm, strict=True))
    ]
    unreachable = [index for index, position in enumerate(positions_cm) if protocol.n_axes == 1 and position[1] != 0]
    key = {"ring": "task.distance_cm", "grid": "task.spacing_cm"}.get(task.pattern, "task.positions_cm")
    because = (
        *("task.pattern", "task.count", "task.distance_cm", "task.first_angle_deg", "task.positions_cm"),
        *("task.grid", "task.spacing_cm"),
    )
    if outside:
        where = f"{_name_targets(outside, positions_cm)} with radius {radius_cm:g}"
        yield Finding(
            key,
            f"{where} out of the workspace; {edge}",
            ("workspace.size_cm", "task.target_radius_cm", *because),
        )
    if unreachable:
        where = _name_targets(unreachable, positions_cm)
        yield Finding(key, f"{where} off the cursor's line; without axes.y allowed: y = 0", ("axes", *because))


def check_path(protocol: Protocol) -> Iterator[Finding]:
    """Find a path that is missing where a target is to move along it, or that leaves the workspace."""
    size_cm, radius_cm = protocol.task.path_size_cm, protocol.task.target_radius_cm
    key, rests_on = "task.path_size_cm", ("blocks", "workspace.size_cm", "task.target_radius_cm")
    drawing = [index for index, block in enumerate(protocol.blocks) if block.kind == "drawing"]
    if not drawing:
        return
    if size_cm is None:
        where = f"blocks.{drawing[0]}"
        yield Finding(key, f"is missing; {where}, a drawing block, needs it; allowed: [width, height]", rests_on)
    elif min(size_cm) < 0 or max(size_cm) == 0:
        yield Finding(key, f"[{size_cm[0]:g}, {size_cm[1]:g}] is no path; allowed: two sizes of at least 0, not both 0")
    elif any(
        size / 2 + radius_cm > room / 2 + _TOUCH_CM
        for size, room in zip(size_cm, protocol.workspace.size_cm, strict=True)
    ):
        room = " x ".join(f"{max(side - 2 * radius_cm, 0.0):g}" for side in protocol.workspace.size_cm)
        yield Finding(
            key, f"[{size_cm[0]:g}, {size_cm[1]:g}] leads targets over the edge; allowed: up to {room}", rests_on
        )


def _name_targets(indices: Sequence[int], positions_cm: Sequence[tuple[float, float]]) -> str:
    """Name the first of some targets, counted from 1 as in the window, and say how many others there are."""
    x_cm, y_cm = positions_cm[indices[0]]
    others = f" and {len(indices) - 1} more" if len(indices) > 1 else ""
    return f"target {indices[0] + 1} at ({x_cm:g}, {y_cm:g}){others}"
