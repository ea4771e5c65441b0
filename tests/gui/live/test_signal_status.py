"""What is wrong with the signal is shown while it happens, in the window and on the terminal alike."""

from dataclasses import replace
from typing import Any

import pytest
from PyQt6.QtWidgets import QApplication

from bmi_app.gui.live.status_panel import StatusPanel
from bmi_app.rt.records import EventKind
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.dashboard import _line
from bmi_app.session.view.observer import Figures, Observer

NOW_S = 1000.0


def shown(figures: Figures) -> tuple[dict[str, str], str]:
    panel = StatusPanel("source")
    panel.show_figures(figures)
    return {name: label.text() for name, label in panel.values.items()}, _line(figures)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("unmapped_spikes", "7 unmapped"),
        ("bad_values", "7 no numbers"),
        ("future_spikes", "7 far ahead"),
        ("ahead_spikes", "7 stamped ahead"),
        ("no_offset_spikes", "7 clock unknown"),
        ("no_stamp_spikes", "7 without stamp"),
        ("before_spikes", "7 before bin 0"),
        ("ignored_spikes", "7 ignored"),
    ],
)
def test_what_is_not_used_is_counted_while_it_happens(stepped: Any, qapp: QApplication, field: str, words: str) -> None:
    session = stepped("center_out")
    session.step(200)
    view = Attachment(session.folder)
    observer = Observer(view, lambda: NOW_S)
    values, line = shown(observer.figures())
    assert values["Not used"] == "nothing"
    assert words not in line
    session.core.arrays["health"][field] = 7
    values, line = shown(observer.figures())
    assert values["Not used"] == words
    assert f"not used: {words}" in line
    view.close()


def test_a_rest_without_a_spike_is_an_alarm_until_one_has_some(stepped: Any, qapp: QApplication) -> None:
    session = stepped("center_out")
    session.step(200)
    view = Attachment(session.folder)
    observer = Observer(view, lambda: NOW_S)
    for kind, is_alarm in ((EventKind.BASELINE_SILENT, True), (EventKind.BASELINE_FROZEN, False)):
        session.event(kind, 0)
        values, line = shown(observer.figures())
        alarm = "no spike in the rest block: baselines stay as they were"
        assert (values["Alarm"] == alarm) is is_alarm
        assert (f"ALARM: {alarm}" in line) is is_alarm
    view.close()


def test_the_ages_of_the_signal_stand_beside_the_programs_own_latency(stepped: Any, qapp: QApplication) -> None:
    session = stepped("center_out")
    session.step(200)
    view = Attachment(session.folder)
    figures = Observer(view, lambda: NOW_S).figures()
    signal = replace(figures.signal, arrival_ms=(0.33, 0.9), stamp_ms=(51.0, 100.0))
    values, line = shown(replace(figures, signal=signal, latency_us=(330.0, 900.0)))
    assert values["Latency"] == "p50 330 µs, p99 900 µs"
    assert values["Signal age"] == "arrival 0.33, p99 0.9 ms\nstamp 51, p99 100 ms"
    assert "signal age arrival 0.33, p99 0.9 ms; stamp 51, p99 100 ms" in line
    view.close()
