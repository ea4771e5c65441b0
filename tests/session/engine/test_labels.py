"""Issue 14, 7: no key stamped an event with a label of the protocol."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pynwb
import pytest

from bmi_app.analysis.told_moments import read_told
from bmi_app.record import nwb
from bmi_app.rt import markers, publish
from bmi_app.rt.records import CommandKind, EventKind
from bmi_app.session.recompute.replay import verify
from bmi_app.session.view.narrator import Narrator
from protocols.load import load
from protocols.problems import ProtocolError

from .conftest import Live

LABELS = ("artefact", "subject moved")


def test_a_label_is_recorded_told_replayed_and_exported(engine: Callable[..., Live], tmp_path: Path) -> None:
    live = engine(f"session.event_labels={list(LABELS)}")
    live.wait_for_tick(20)
    ticks = [live.did("label", label=label) for label in ("subject moved", "artefact", "artefact")]
    assert "`label` must be one of artefact, subject moved" in live.refused("label", label="juice")
    lines = "\n".join(Narrator(live.view).fresh_lines())
    live.stop()
    assert f"label subject moved (F2) · tick {ticks[0]:,}" in lines
    recording = live.recording()
    stamped = recording.events[recording.events["kind"] == EventKind.LABELLED]
    assert stamped["tick"].tolist() == ticks
    assert stamped["code"].tolist() == [1, 0, 0]
    commands = recording.commands[recording.commands["kind"] == CommandKind.LABEL]
    assert commands["tick"].tolist() == ticks
    assert commands["acted"].tolist() == [1, 1, 1]
    told = [(moment.tick, moment.text) for moment in read_told(live.folder).moments if moment.sort == "label"]
    assert told == list(zip(ticks, ("label subject moved (F2)", *["label artefact (F1)"] * 2), strict=True))
    found = verify(live.folder)
    assert found.is_exact, found.difference
    path = nwb.export(live.folder, tmp_path)
    with pynwb.NWBHDF5IO(str(path), "r") as reading:
        table = reading.read().get_events_table("labelled")
        assert list(table["label"][:]) == ["subject moved", "artefact", "artefact"]
        assert list(table["tick"][:]) == ticks


def test_the_marker_carries_the_label() -> None:
    text = np.zeros(markers.MARKER_BYTES, np.uint8)
    tables = markers.tables({EventKind.LABELLED: LABELS})
    for code, marker in ((0, "labelled/artefact"), (1, "labelled/subject moved"), (2, "labelled/2")):
        length = publish.marker_into(int(EventKind.LABELLED), code, 0.0, *tables, text)
        assert text[:length].tobytes().decode() == marker
    longest = markers.tables({EventKind.LABELLED: ["x" * 24] * 8})
    length = publish.marker_into(int(EventKind.LABELLED), 7, 0.0, *longest, text)
    assert text[:length].tobytes().decode() == "labelled/" + "x" * 24


def test_without_labels_the_refusal_names_the_key(engine: Callable[..., Live]) -> None:
    live = engine()
    live.wait_for_tick(5)
    assert "session.event_labels" in live.refused("label", label="artefact")
    live.stop()


@pytest.mark.parametrize(
    "labels", [["a", "a"], ["x" * 25], ["a/b"], ["{b}"], [""], [" a"], [f"label {number}" for number in range(9)]]
)
def test_labels_that_keys_markers_or_people_could_not_tell_apart_are_refused(labels: list[str]) -> None:
    with pytest.raises(ProtocolError, match="event_labels"):
        load("center_out", [f"session.event_labels={labels}"])
