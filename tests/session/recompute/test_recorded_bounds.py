"""A session that was recorded before lengths and speeds had bounds is read and recomputed to the last bit."""

from pathlib import Path

import pytest

from bmi_app.record.integrity import verify as verify_files
from bmi_app.record.reading import read
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute.replay import verify, what_if
from bmi_app.session.request import SessionRequest
from protocols.problems import ProtocolError
from protocols.schema import Protocol

WILD = ("task.cursor_radius_cm=7000", "safety.max_speed_cm_s=1e6", "session.duration_s=10")


def test_a_session_with_a_cursor_of_70_m_is_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = SessionRequest(
        protocol="center_out", overrides=WILD, out=tmp_path, speed="max", source_timeout_s=1.0, seed=3
    )
    with monkeypatch.context() as before:
        before.setattr("protocols.load.check_bounds", lambda _: ())
        folder = Path(run_fast(request, lambda _: None, lambda _: None)["session"])
    assert verify_files(folder) == []
    assert verify(folder).is_exact
    assert Protocol.of_session(read(folder).protocol_text).task.cursor_radius_cm == 7000
    assert what_if(folder, ["axes.x.gain=0.1"], {}).weight_updates == 0
    with pytest.raises(ProtocolError, match=r"learning\.exploration_cm_s: 20000 cm/s makes no sense in a session"):
        what_if(folder, ["learning.exploration_cm_s=2e4"], {})
