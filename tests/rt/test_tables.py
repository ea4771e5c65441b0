"""What is declared once is complete, and agrees with what stands beside it."""

from typing import get_args

import numpy as np
import pytest

from bmi_app.rt import cells, livefile, rings
from bmi_app.rt.arrays import Sizes, allocate, describe
from bmi_app.rt.block_kinds import BY_HAND, WITH_TARGETS, BlockKind, BlockName
from bmi_app.rt.event_kinds import FIRST_BY_THREADS, EventKind
from bmi_app.rt.operator_commands import BUTTONS, BY_KIND, COMMANDS, CommandKind, guide_table
from bmi_app.rt.published import DECODER, STATE
from bmi_app.rt.records import COMMAND, FRAME, RECORDS
from tests.support.places import ROOT

SIZES = Sizes(3, 2, 1, 1, 1, 1, 1, 1, 1, 4, 4, 0, 8, 16, 8, 8, 8, 8)


def test_every_ring_has_its_arrays_and_a_length_of_a_power_of_two() -> None:
    arrays = describe(SIZES)
    for ring in rings.RINGS.values():
        for name in filter(None, (ring.array, ring.rows)):
            slots = arrays[name][1][0]
            assert slots == arrays[ring.array][1][0]
            assert slots & (slots - 1) == 0
    for beside, ring_array in rings.BESIDE.items():
        assert arrays[beside][1][0] == arrays[ring_array][1][0]
    for kind, ring in rings.RINGS.items():
        if kind in RECORDS:
            assert arrays[ring.array][0] == RECORDS[kind]
    assert livefile  # it takes its rings from here


@pytest.mark.parametrize("n", [0, 1, 5, 8, 9, 30])
@pytest.mark.parametrize("safe", [None, 4, 7])
def test_a_reader_takes_what_is_new_and_says_what_it_missed(n: int, safe: int | None) -> None:
    arrays = allocate(SIZES)
    reader = rings.Reader(arrays, "events")
    for k in range(n):
        arrays["events"][k % 8]["tick"] = k
    arrays["ctl"][cells.EVENTS_HEAD] = n
    kept = min(n, reader.slots if safe is None else safe)
    taken = reader.take(safe)
    assert taken.records["tick"].tolist() == list(range(n - kept, n))
    assert (taken.first, taken.n_missed) == (n - kept, n - kept)
    assert len(reader.take(safe).records) == 0
    reader.tail = n - kept
    in_pieces = np.concatenate([reader.records[piece] for piece in reader.pieces(n)] or [reader.records[:0]])
    assert in_pieces["tick"].tolist() == list(range(n - kept, n))


def test_every_block_kind_has_its_word() -> None:
    assert [kind.word for kind in BlockKind] == list(get_args(BlockName))
    assert set(BY_HAND) <= set(WITH_TARGETS)
    assert [kind.word for kind in BlockKind if not kind.has_targets] == ["rest", "free"]


def test_what_is_published_are_fields_of_a_frame() -> None:
    for channel in (*STATE, *DECODER):
        assert channel.field in FRAME.names
        assert channel.field in (channel.label, "state") or channel.field.startswith(channel.label)


def test_what_is_told_of_an_event_can_be_said_for_every_code() -> None:
    for kind in EventKind:
        for code in [*(kind.event.codes or ()), 99, -1]:
            told = kind.told(int(code), 1.5, "words", "block")
            assert bool(told) == bool(kind.event.tells)
            assert "{" not in told
    assert [kind.is_by_tick for kind in (EventKind.CAUGHT_UP, EventKind.OUTPUT_FIRED)] == [True, False]
    assert EventKind.OUTPUT_FIRED == FIRST_BY_THREADS
    said = EventKind.DIVERGED.told(6)
    assert said == "guard: diverged: back to the last good weights, learning waits"


def test_every_command_that_a_tick_takes_is_declared_once() -> None:
    assert set(BY_KIND) == set(CommandKind) - {CommandKind.ADOPT}
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)
    assert len({button.key for button in BUTTONS.values()}) == len(BUTTONS)
    for command in COMMANDS:
        for argument in command.arguments:
            assert (argument.field in COMMAND.names) == (command.kind is not None)
        assert set(command.fixed) <= set(COMMAND.names)
        assert command.button is None or not command.arguments
    assert all(kind.nothing for kind in CommandKind)


def test_the_guide_has_the_table_of_the_declared_commands() -> None:
    guide = (ROOT / "docs" / "reference" / "operator_commands.md").read_text()
    assert guide_table() in guide, "print it with `python -m bmi_app.rt.operator_commands`"
