"""A person's hand moves the cursor of an arm block, over the socket of a real engine; the session replays bit for bit."""

from collections.abc import Callable

import numpy as np

from bmi_app.rt.records import Flag
from bmi_app.session.recompute.replay import verify

from .conftest import Live, wait_until

Start = Callable[..., Live]


def test_the_cursor_is_where_the_person_has_the_hand(engine: Start) -> None:
    live = engine('blocks=[{kind="arm"}]')
    live.wait_for_tick(1)
    assert live.do("hand", x_cm=2.5, y_cm=-1.25) == {"ok": True}
    wait_until(lambda: float(live.view.latest()["cursor_x_cm"]) == 2.5)
    assert live.do("hand") == {"ok": True}
    wait_until(lambda: np.isnan(live.view.latest()["hand_x_cm"]))
    live.do("hand", x_cm=50, y_cm=0)
    wait_until(lambda: float(live.view.latest()["cursor_x_cm"]) == 12.0)
    wait_until(lambda: np.isnan(live.view.latest()["hand_x_cm"]))  # nobody has told of it for a while
    assert "`y_cm` must be a number from -1000 to 1000" in live.refused("hand", x_cm=1.0)
    assert "`x_cm` must be" in live.refused("hand", x_cm=1e4, y_cm=0)
    live.stop()
    frames = live.recording().frames
    by_hand = frames[np.isfinite(frames["hand_x_cm"])]
    assert set(by_hand["cursor_x_cm"].tolist()) <= {0.0, 2.5, 12.0}
    assert np.all(frames["flags"][frames["block"] >= 0] & Flag.HAND)
    found = verify(live.folder)
    assert found.is_exact, found.difference
