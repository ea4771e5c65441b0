"""A source without an id that is started again is opened anew, and its clock is not taken for that of the one before."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bmi_app.rt.records import EventKind, Flag, Stamping
from bmi_app.session.recompute.report import verify
from bmi_app.session.view.attachment import Attachment
from tests.session.conftest import Session

from .test_clock_matrix import LOST, N_UNITS, RATE_HZ, Account, Sender, spikes_of, why_not

pytestmark = [pytest.mark.realtime, pytest.mark.skipif(sys.platform != "linux", reason="time namespaces are Linux's")]


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sender]:
    """A source without an id, which liblsl cannot connect anew by itself."""
    made = Sender("", tmp_path, "restart", False, [])
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def test_after_an_inlet_is_opened_again_arrivals_are_stamps_until_its_clock_is_measured(
    sender: Sender, start_session: Callable[..., Session], wait_until: Callable[[Callable[[], object]], None]
) -> None:
    if why := why_not("restart"):
        pytest.skip(why)
    first = sender.start(0, 200, None)
    session = start_session(
        "center_out",
        f"units.count={N_UNITS}",
        "populations={horizontal='0-7',vertical='8-15'}",
        "blocks=[{kind='rest',duration_s=1},{kind='closed_loop'}]",
        "safety.watchdog_ms=1000",
        match="stream=clocks",
    )
    view = Attachment(session.folder)
    account = Account(view)
    sent = spikes_of(first)
    first.communicate()  # it has gone
    wait_until(lambda: account.total() >= sent and view.latest()["flags"] & Flag.SOURCE_LOST)
    sent += spikes_of(sender.start(0, 500, None, shift_s=86_400.0))  # as if on another machine
    wait_until(lambda: account.total() >= sent)
    view.close()
    summary, recording = session.stop(), session.recording()
    assert verify(session.folder)["exact"]
    assert summary["spikes"] + sum(summary[name] for name in LOST) == sent
    assert any("the source is back" in text for text in recording.event_texts)
    steps = [
        text
        for event, text in zip(recording.events, recording.event_texts, strict=True)
        if event["kind"] == EventKind.CLOCK_STEP
    ]
    assert len(steps) == 2, steps
    assert "connected anew" in steps[0]
    assert re.search(r"measured anew: its offset is -86(400\.0|399\.9)", steps[1]), steps

    spikes = recording.spikes
    unknown = spikes["stamping"] == Stamping.NO_OFFSET
    assert 0 < np.count_nonzero(unknown) < 0.9 * 5.0 * N_UNITS * RATE_HZ
    assert summary["no_offset_spikes"] == np.count_nonzero(unknown)
    assert set(np.round(spikes["offset_s"][~unknown] / 86_400).astype(int)) == {0, -1}
    # Never the old offset for the new source: no spike lies a day from its arrival.
    ages_s = spikes["arrival_s"] - spikes["stamp_s"] - spikes["offset_s"]
    assert np.abs(ages_s).max() < 5.0
    assert np.all(ages_s[unknown] == pytest.approx(0.0, abs=1e-6))
