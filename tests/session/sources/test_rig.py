"""The rig behind LSL: what it sends, when, and what its subject sees."""

import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pylsl
import pytest

from bmi_app.rt.published import STATE
from bmi_app.session.engine.lsl_outlets import describe
from bmi_app.session.sources.rig import RigError, RigRun, _Sight, rig
from drivers import rig_loop
from protocols.load import load
from protocols.schema import Protocol
from tests.session.conftest import PATIENCE_S, RIG

pytestmark = pytest.mark.realtime

OVERRIDES = ("subject.settings.baseline_spread=0", "subject.settings.baseline_hz=20")


class Running:
    """A rig on a thread of its own, and an inlet that receives all that it sends."""

    def __init__(self, protocol: Protocol, source_id: str, duration_s: float) -> None:
        self._run: RigRun | None = None
        self._source_id = source_id
        self._thread = threading.Thread(target=self._be_rig, args=(protocol, duration_s))
        self._thread.start()
        (stream,) = pylsl.resolve_byprop("source_id", source_id, timeout=PATIENCE_S)
        self.inlet = pylsl.StreamInlet(stream, max_buflen=3600, processing_flags=pylsl.proc_none)
        self.inlet.info(PATIENCE_S)  # pulling would ask for it, for ever when the rig has gone
        self.inlet.open_stream(PATIENCE_S)
        self.spikes: list[list[int]] = []
        self.stamps_s: list[float] = []

    def _be_rig(self, protocol: Protocol, duration_s: float) -> None:
        self._run = rig(protocol, duration_s=duration_s, source_id=self._source_id, progress=False)

    def receive(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the spikes so far, and their stamps; while the rig runs."""
        while (more := self.inlet.pull_chunk(max_samples=4096))[1]:
            self.spikes.extend(more[0])
            self.stamps_s.extend(more[1])
        return np.array(self.spikes, int).reshape(-1, 2), np.array(self.stamps_s)

    def rates_hz(self, duration_s: float) -> np.ndarray:
        """Return the mean rate of each population of `center_out` in the next seconds."""
        begin_s = pylsl.local_clock()
        time.sleep(duration_s + 0.01)
        spikes, stamps_s = self.receive()
        now = spikes[(stamps_s >= begin_s) & (stamps_s < begin_s + duration_s), 0]
        return np.bincount(now // 32, minlength=3) / 32 / duration_s

    def end(self) -> RigRun:
        self._thread.join(PATIENCE_S)
        assert self._run is not None
        return self._run


@pytest.fixture
def run_rig(source_id: str) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def run(duration_s: float, *overrides: str, protocol: str = "center_out", source_id: str = source_id) -> Running:
        running.append(Running(load(protocol, [*OVERRIDES, *overrides]), source_id, duration_s))
        return running[-1]

    yield run
    for one in running:
        one.end()


def state(target_x_cm: float) -> list[float]:
    """Write the state of a session that shows a target on the x axis, far from a cursor at the centre."""
    sample = [0.0] * len(STATE)
    sample[4], sample[6], sample[7] = target_x_cm, 1.5, 2.0
    return sample


class Shown:
    """The `BMI-State` of a session that shows one target."""

    def __init__(self, name: str, target_x_cm: float) -> None:
        self.outlet = pylsl.StreamOutlet(
            describe(
                "BMI-State",
                "BMIState",
                STATE,
                100.0,
                pylsl.cf_float32,
                f"bmi-{name}@test.1.{uuid.uuid4().hex[:8]}-state",
            )
        )
        self.outlet.wait_for_consumers(PATIENCE_S)
        self._sample = state(target_x_cm)

    def show(self, duration_s: float) -> None:
        for _ in range(round(duration_s / 0.01)):
            self.outlet.push_sample(self._sample)
            time.sleep(0.01)


def test_spikes_go_out_at_once_under_the_numbers_of_the_protocol(run_rig) -> None:
    units = ("units.map=channel_unit", "units.first_channel=1", "units.first_unit=1", "units.units_per_channel=3")
    running = run_rig(2.0, *units)
    ages_s: list[float] = []
    give_up_s = pylsl.local_clock() + 0.7
    while pylsl.local_clock() < give_up_s:
        sample, stamp_s = running.inlet.pull_sample(0.1)
        if sample is not None:
            running.spikes.append(sample)
            running.stamps_s.append(stamp_s)
            ages_s.append(pylsl.local_clock() - stamp_s)
    print(f"age of a spike when it is received: median {1e3 * np.median(ages_s):.2f} ms")
    assert 0 < min(ages_s) <= np.median(ages_s) < 0.02
    spikes, stamps_s = running.receive()
    assert {tuple(pair) for pair in spikes.tolist()} == {(1 + u // 3, 1 + u % 3) for u in range(96)}
    span_s = stamps_s.max() - stamps_s.min()
    assert len(spikes) / span_s == pytest.approx(96 * 20, rel=0.15)  # at rest
    assert np.diff(np.sort(stamps_s)).max() < 0.02
    run = running.end()
    assert run.duration_s == pytest.approx(2.0)
    assert run.sessions == ()
    assert len(spikes) <= run.spikes == pytest.approx(96 * 20 * 2.0, rel=0.1)


def test_a_subject_whose_hand_would_have_to_travel_is_refused(source_id: str) -> None:
    protocol = load("center_out", ['blocks=[{kind="arm"}]', "subject.kind=arm"])
    with pytest.raises(RigError, match=r"blocks\.0\.kind: 'arm' is moved by a hand, .*driver\.kind"):
        rig(protocol, duration_s=1.0, source_id=source_id, progress=False)


def test_a_subject_that_follows_a_persons_hand_is_refused(source_id: str) -> None:
    protocol = load("learning_subject", ["subject.intent=mouse"])
    with pytest.raises(
        RigError, match=r"^subject\.intent: 'mouse' is a person's hand, .*subject\.intent = \"target\"$"
    ):
        rig(protocol, duration_s=1.0, source_id=source_id, progress=False)


def test_a_log_that_cannot_be_is_refused_and_nothing_is_overwritten(source_id: str, tmp_path: Path) -> None:
    there = tmp_path / "there.jsonl"
    there.write_text("mine")
    for protocol, path, message in (
        ("learning_subject", there, "exists already"),
        ("learning_subject", tmp_path / "no" / "log.jsonl", "No such file"),
        ("center_out", tmp_path / "log.jsonl", "'plain' learns nothing"),
    ):
        with pytest.raises(RigError, match=message) as caught:
            rig(load(protocol), duration_s=1.0, source_id=source_id, log=path, progress=False)
        assert str(path) in str(caught.value)
    assert there.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [there]


@pytest.mark.parametrize("neurons", ["poisson", "srm"])
def test_what_is_sent_is_a_function_of_the_seed(neurons: str, source_id: str) -> None:
    runs = [
        rig(
            load("center_out", [f"session.seed={seed}", f"subject.neurons={neurons}"]),
            duration_s=0.2,
            source_id=source_id,
            progress=False,
        )
        for seed in (3, 3, 4)
    ]
    assert runs[0].spikes == runs[1].spikes != runs[2].spikes


def test_the_subject_sees_a_session_when_it_begins_and_rests_when_it_is_over(run_rig) -> None:
    running = run_rig(5.0)
    before_hz = running.rates_hz(0.4)
    shown = Shown("first", 8.0)
    shown.show(0.3)  # the visual delay, and more
    pushing = threading.Thread(target=shown.show, args=(0.45,))
    pushing.start()
    right_hz = running.rates_hz(0.4)
    pushing.join()
    del shown, pushing  # the session is over
    time.sleep(0.3)
    between_hz = running.rates_hz(0.4)
    shown = Shown("second", -8.0)
    shown.show(0.3)
    pushing = threading.Thread(target=shown.show, args=(0.45,))
    pushing.start()
    left_hz = running.rates_hz(0.4)
    pushing.join()
    run = running.end()
    assert run.sessions == ("first", "second")
    horizontal, vertical, control = range(3)
    assert before_hz == pytest.approx([20.0] * 3, abs=4)
    assert right_hz[horizontal] - before_hz[horizontal] > 2
    assert left_hz[horizontal] - before_hz[horizontal] < -2
    assert between_hz == pytest.approx([20.0] * 3, abs=4)
    for rates_hz in (right_hz, left_hz):
        assert rates_hz[[vertical, control]] == pytest.approx([20.0] * 2, abs=4)


def test_the_subject_stays_with_its_session_while_that_lasts(source_id: str) -> None:
    ctl = np.zeros(rig_loop.N_WORDS, np.int64)
    sight = _Sight(ctl, threading.Thread(), wanted=source_id)
    other, first = offered("another"), offered(f"{source_id}-first")
    look_until(sight, f"{source_id}-first")
    second = offered(f"{source_id}-second")  # newer, and offered beside it
    (stream,) = pylsl.resolve_byprop("source_id", f"bmi-{source_id}-second-state", timeout=PATIENCE_S)
    give_up_s = time.monotonic() + PATIENCE_S
    while stream.uid() not in {one.uid() for one in sight._resolver.results()} and time.monotonic() < give_up_s:
        assert sight.look() == f"{source_id}-first"
    assert sight.look() == f"{source_id}-first"
    del first
    look_until(sight, f"{source_id}-second")
    sight.close()
    assert sight.sessions == [f"{source_id}-first", f"{source_id}-second"]  # never the one that was not wanted
    del other, second


def offered(name: str) -> pylsl.StreamOutlet:
    return pylsl.StreamOutlet(describe("BMI-State", "BMIState", STATE, 100.0, pylsl.cf_float32, f"bmi-{name}-state"))


def look_until(sight: _Sight, name: str) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while sight.look() != name:
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


def test_a_rig_that_was_held_up_sends_all_that_it_owes_with_true_stamps(start_source, source_id) -> None:
    source = start_source(RIG, "center_out", *OVERRIDES)
    (stream,) = pylsl.resolve_byprop("source_id", source_id, timeout=PATIENCE_S)
    inlet = pylsl.StreamInlet(stream, max_buflen=3600, processing_flags=pylsl.proc_none)
    inlet.info(PATIENCE_S)
    inlet.open_stream(PATIENCE_S)
    time.sleep(0.2)
    source.process.send_signal(signal.SIGSTOP)
    stopped_s = pylsl.local_clock()
    time.sleep(0.5)
    inlet.flush()
    source.process.send_signal(signal.SIGCONT)
    stamps_s = [stopped_s]
    give_up_s = time.monotonic() + PATIENCE_S
    while max(stamps_s) < stopped_s + 0.6 and time.monotonic() < give_up_s:
        stamps_s.extend(inlet.pull_chunk(timeout=0.05, max_samples=4096)[1])
    result = source.interrupt()
    owed_s = np.sort([stamp for stamp in stamps_s if stopped_s + 0.01 < stamp < stopped_s + 0.51])
    assert len(owed_s) == pytest.approx(96 * 20 * 0.5, rel=0.2)
    assert np.diff(owed_s).max() < 0.02
    assert 0.4 < result["largest_lag_s"] < 10.0
    assert result["interrupted"]


def test_it_tells_what_it_does_and_ctrl_c_ends_it_without_a_traceback(source_id) -> None:
    code = (
        "import sys; from bmi_app.session.sources.rig import rig; from protocols.load import load\n"
        "print(rig(load('center_out'), source_id=sys.argv[1]).interrupted)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, source_id], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    assert said == f"rig 'BMI-Rig' (source_id {source_id}): sees no session and rests\n"
    assert (out, process.returncode) == ("True\n", 0)
    assert err in ("", said), "rich writes a line again where the signal falls between its writing and its forgetting"
