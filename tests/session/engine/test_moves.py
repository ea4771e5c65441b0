"""A unit that is moved while a session runs, undone and moved again: recorded, told, replayed, and asked what if."""

from collections.abc import Callable

import numpy as np

from bmi_app.record import audit
from bmi_app.session.recompute.replay import verify, what_if
from bmi_app.session.view.narrator import Narrator

from .conftest import Live


def test_a_move_and_its_undo_are_told_recorded_and_replayed(engine: Callable[..., Live]) -> None:
    live = engine()
    live.wait_for_tick(40)
    moved = live.did("move_unit", unit=5, population="vertical")
    assert live.do("move_unit", unit=5, population="vertical")["acted"] is False
    back = live.did("undo", to_tick=moved)
    again = live.did("undo")
    idle = live.do("skip_trial") if live.view.latest()["trial"] < 0 else None
    told = "\n".join(Narrator(live.view).fresh_lines())
    live.stop()
    assert idle is None or idle["why"].startswith("did nothing: no trial")
    assert "weights back to before " in told
    assert "undone: 1 x unit moved; unit 5 back in horizontal" in told
    assert "undone: 1 x undo or load; unit 5 back in vertical" in told
    assert "move unit 5 to vertical: did nothing: the unit was there already" in told

    recording = live.recording()
    rows, ticks = recording.weight_rows, recording.weights["tick"]
    horizontal, vertical = 0.0, 1.0
    populations = {tick: rows[ticks == tick][-1, -96 + 5] for tick in (moved, back, again)}
    assert populations == {moved: vertical, back: horizontal, again: vertical}
    assert recording.commands["acted"].tolist()[:4] == [1, 0, 1, 1]
    found = verify(live.folder)
    assert found.is_exact, found.difference
    undone = {row["tick"]: row["undone"] for row in audit.rows(live.folder)[1]}
    assert undone[back]
    assert not undone[again]

    # As recorded, a what-if has the recorded weights; a unit that is held by hand is moved by nobody.
    np.testing.assert_array_equal(what_if(live.folder, []).frames["weights_hash"], recording.frames["weights_hash"])
    for population in ("vertical", "control", "horizontal"):
        hashes = what_if(live.folder, [], {5: population}).frames["weights_hash"]
        assert len(np.unique(hashes)) == 1, population


def test_a_final_map_or_mask_that_is_not_the_recorded_one_is_named(engine: Callable[..., Live], monkeypatch) -> None:
    from bmi_app.record import populations

    live = engine()
    live.wait_for_tick(40)
    live.did("move_unit", unit=5, population="vertical")
    live.stop()
    assert verify(live.folder).is_exact
    truly = populations.mask_of

    def falsely(protocol, population):
        mask = truly(protocol, population)
        mask[1, 5] = 0.0
        return mask

    monkeypatch.setattr(populations, "mask_of", falsely)
    found = verify(live.folder)
    assert found.difference is not None
    assert found.difference.what == "final mask of the units"
