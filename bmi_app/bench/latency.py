"""Compare the engine's latency with that of a bare loop, over real LSL, at ticks of 1 ms.

Blocks of the two are interleaved, and the order within a pair alternates, so that a machine that changes its pace
does so for both. The figures of a pair make one ratio; the ratios' median and interval are the result.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from bmi_app.bench import machine
from bmi_app.bench.blocks import Block, Consumer, Plan, measure
from bmi_app.bench.blocks import View as BlockView
from bmi_app.bench.figures import paired_ratio, percentiles

View = Literal["none", "busy", "both"]

AIMS = {"p50": 1.3, "p999": 2.0}
_QUANTITIES = {"latency_us": "published - max(edge + grace, arrival)", "from_stamp_us": "published - stamp at source"}
_FLOOR_S = 5.0


def compare(
    units: Sequence[int], view: View, n_pairs: int, block_s: float, say: Callable[[str], object]
) -> dict[str, Any]:
    """Measure every case; return a report ready for JSON.

    Parameters
    ----------
    units
        Numbers of units, one case each.
    view
        Without a view beside it, with a busy one, or both, one case each.
    n_pairs, block_s
        Pairs of blocks of a case, and the length of a block.
    say
        Told what is measured now.

    Raises
    ------
    ChildError
        If a process failed.
    """
    views: tuple[BlockView, ...] = ("none", "busy") if view == "both" else (view,)
    plans = [Plan(n_units, beside, block_s) for beside in views for n_units in units]
    report: dict[str, Any] = {
        "machine": machine.describe(),
        "load_before": machine.load_average(),
        "timer_us": machine.timer_floor(min(_FLOOR_S, block_s)),
        "quantities": _QUANTITIES,
        "aims": AIMS,
        "block_s": block_s,
        "cases": [_compare(plan, n_pairs, say) for plan in plans],
    }
    report["load_after"] = machine.load_average()
    return report


def _compare(plan: Plan, n_pairs: int, say: Callable[[str], object]) -> dict[str, Any]:
    blocks: dict[Consumer, list[Block]] = {"engine": [], "bare": []}
    order: tuple[Consumer, Consumer] = ("bare", "engine")
    for pair in range(n_pairs):
        for consumer in order:
            say(
                f"{plan.n_units} units, {'busy view' if plan.view == 'busy' else 'alone'}, {pair + 1}/{n_pairs}: {consumer}"
            )
            blocks[consumer].append(measure(consumer, plan))
        order = (order[1], order[0])
    return {
        "units": plan.n_units,
        "view": plan.view,
        "tick_ms": plan.period_s * 1e3,
        "grace_ms": plan.grace_s * 1e3,
        "scheduling": {**blocks["bare"][0].scheduling, **blocks["engine"][0].scheduling},
        "complete": all(block.is_complete for done in blocks.values() for block in done),
        "samples": sum(block.samples_sent for done in blocks.values() for block in done),
        **{quantity: _figures(quantity, blocks) for quantity in _QUANTITIES},
    }


def _figures(quantity: str, blocks: dict[Consumer, list[Block]]) -> dict[str, Any]:
    """Return one quantity's percentiles, of all blocks together and of each, and the ratios of the pairs."""
    values = {consumer: [getattr(block, quantity) for block in done] for consumer, done in blocks.items()}
    each = {consumer: [percentiles(block) for block in done] for consumer, done in values.items()}
    ratios = {
        name: paired_ratio([block[name] for block in each["engine"]], [block[name] for block in each["bare"]])
        for name in each["engine"][0]
    }
    found: dict[str, Any] = {
        consumer: {"all": percentiles(np.concatenate(values[consumer])), "blocks": each[consumer]}
        for consumer in values
    }
    return found | {"ratio": ratios}
