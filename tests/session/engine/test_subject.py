"""A subject that learns runs in a live engine, on spiking neurons; what it learns is in the session, which replays."""

from collections.abc import Callable

import numpy as np
import pytest

from bmi_app.rt.records import EventKind
from bmi_app.session.replay import verify

from .conftest import Live

pytestmark = pytest.mark.realtime


def test_a_learning_subject_leaves_its_log_in_a_live_session(engine: Callable[..., Live]) -> None:
    live = engine(
        "subject.neurons=srm",
        "subject.learner=lms",
        "task.timeout_ms=400",
        "task.failed_ms=50",
        protocol="learning_subject",
    )
    live.wait_for_event(EventKind.TRIAL_END, 6)
    live.stop()
    recording = live.recording()
    records, models = recording.subject, recording.subject_rows
    assert len(records) >= 5
    np.testing.assert_array_equal(records["trial"], np.arange(len(records)))
    assert models.shape == (len(records), 2 * 97)
    assert (records["samples"] > 0).any()
    assert np.linalg.norm(models[-1]) > np.linalg.norm(models[0]) > 0.0  # from nothing, it has learnt something
    assert recording.counts.sum() > 0
    found = verify(live.folder)
    assert found.is_exact, found.difference
