"""A decoder that yields no number: an alarm at once in every view, and a count in the summary."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from bmi_app.record.reading import read
from bmi_app.record.summary import summarise
from bmi_app.rt.records import FRAME, EventKind
from bmi_app.session.engine.decoder_watch import DecoderWatch
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute.replay import verify
from bmi_app.session.store.printing import _unusual
from bmi_app.session.view import dashboard
from bmi_app.session.view.narrator import Narrator
from bmi_app.session.view.observer import Observer

from .conftest import Live, bmi, request, wait_until

# Its velocity grows by the greatest factor that is allowed a tick, is infinite within 40 ticks, and NaN from then on.
RUNAWAY = ("decoder.kind=linear", "decoder.settings.m1=[[1e9, 0.0], [0.0, 1e9]]")


def test_every_view_is_told_at_once_and_the_summary_counts(engine: Callable[..., Live]) -> None:
    live = engine(*RUNAWAY, "session.duration_s=30")
    observer, narrator, told = Observer(live.view), Narrator(live.view), []

    def is_told() -> bool:
        told.extend(narrator.fresh_lines())
        return any("ALARM: from tick" in line and "yields NaN or infinity" in line for line in told)

    wait_until(is_told)
    figures = observer.figures()
    assert figures.decoder_failed
    console = Console(file=io.StringIO(), width=120, height=40, force_terminal=True)
    console.print(dashboard.picture(live.view, figures, console))
    assert "YIELDS NO NUMBER" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "THE DECODER YIELDS NO NUMBER" in dashboard._line(figures)
    live.wait_for_tick(live.view.head + 50)
    summary = live.stop()
    recording = live.recording()
    failed = ~np.isfinite(recording.frames["decoded_x_cm_s"])
    first = int(recording.frames["tick"][failed][0])
    assert summary["undecoded_ticks"] == int(failed.sum()) > 40
    alarms = [
        text
        for kind, text in zip(recording.events["kind"], recording.event_texts, strict=True)
        if kind == EventKind.ALARM
    ]
    assert len(alarms) == 1
    assert alarms[0].startswith(f"from tick {first:,} on the decoder 'linear' yields NaN or infinity")
    assert verify(live.folder).is_exact
    shown = bmi("sessions", "show", str(live.folder))
    assert f"in {summary['undecoded_ticks']:,} of {summary['ticks']:,} ticks the decoder yielded NaN" in " ".join(
        shown.stdout.split()
    )


def test_at_full_speed_as_well(tmp_path: Path) -> None:
    summary = run_fast(
        request(*RUNAWAY, "session.duration_s=20", speed="max", out=tmp_path), lambda _: None, lambda _: None
    )
    assert summary["undecoded_ticks"] > 1900
    recording = read(Path(summary["session"]))
    assert recording.events["kind"].tolist().count(EventKind.ALARM) == 1
    assert summarise(recording)["undecoded_ticks"] == summary["undecoded_ticks"]
    assert any("the decoder yielded NaN" in said for said in _unusual(summary))


def test_a_decoder_that_fails_now_and_then_is_not_told_of_in_each_tick() -> None:
    frames, ctl = np.zeros(4096, FRAME), np.zeros(64, np.int64)
    config = np.zeros(1, [("tick_s", "f8")])
    config["tick_s"] = 0.01
    watch = DecoderWatch(
        {"frames": frames, "counts": np.zeros((4096, 1), np.uint8), "ctl": ctl, "config": config}, "mine"
    )
    frames["tick"] = np.arange(4096)
    assert list(watch.fresh()) == []
    from bmi_app.rt import cells

    frames["decoded_y_cm_s"][1000:1600:2] = np.inf
    told = []
    for head in range(0, 2000, 10):
        ctl[cells.FRAMES_HEAD] = head
        told += list(watch.fresh())
    assert [text.split()[2] for text in told] == ["1,000", "1,500"]
