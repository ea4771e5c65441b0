"""A view that attaches late says what it cannot tell any more."""

from typing import Any

import numpy as np
import pytest

from bmi_app.rt import cells, records
from bmi_app.rt.records import CommandKind, EventKind
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.narrator import Narrator
from protocols.load import load

N_SLOTS = 16


class Rings(Attachment):
    """The rings of a session, without one."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {
            "config": np.array([(0.01, 0.0)], dtype=[("tick_s", "<f8"), ("start_s", "<f8")]),
            "ctl": np.zeros(cells.N_WORDS, np.int64),
            "commands_done": np.zeros(N_SLOTS, records.COMMAND),
            "words": np.zeros(N_SLOTS, records.WORDS),
            "events": np.zeros(N_SLOTS, records.EVENT),
        }
        self.protocol = load("center_out")

    def push(self, ring: str, head: int, **fields: Any) -> None:
        at = int(self.arrays["ctl"][head])
        for name, value in fields.items():
            self.arrays[ring][name][at & (N_SLOTS - 1)] = value
        self.arrays["ctl"][head] = at + 1


@pytest.mark.parametrize("n", [1, N_SLOTS // 2, N_SLOTS // 2 + 1, 3 * N_SLOTS])
def test_every_command_and_failed_output_stands_in_the_log_or_is_said_not_to(n: int) -> None:
    rings = Rings()
    for tick in range(n):
        rings.push("commands_done", cells.COMMANDS_HEAD, kind=int(CommandKind.REWARD), tick=tick, acted=1)
        rings.push("words", cells.WORDS_HEAD, kind=int(EventKind.OUTPUT_FAILED), tick=tick, text=b"unplugged")
        rings.push("events", cells.EVENTS_HEAD, kind=int(EventKind.SOURCE_LOST), tick=tick)
    narrator = Narrator(rings)
    lines = narrator.fresh_lines()
    gone = max(n - N_SLOTS // 2, 0)
    for words in ("reward by the operator", "OUTPUT FAILED: unplugged", "source lost"):
        assert sum(words in line for line in lines) == n - gone
    said = [line for line in lines if "not told here" in line]
    assert len(said) == (1 if gone else 0)
    if gone:
        s = "s" if gone > 1 else ""
        assert f"{gone} command{s}, {gone} event{s}, {gone} message{s}; the journal has them" in said[0]
        assert lines[0] == said[0]
    assert narrator.fresh_lines() == []
