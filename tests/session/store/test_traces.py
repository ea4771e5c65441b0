"""A session's texts may name anything: only what an engine made may be read and removed."""

import contextlib
import json
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmi_app.record import session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.journal import Journal
from bmi_app.rt import livefile
from bmi_app.rt.arrays import Sizes
from bmi_app.session.store import catalogue, traces

PID = 4_194_303  # of no process: the greatest that there may be
SIZES = Sizes(5, 2, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 64, 64)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    monkeypatch.setenv("BMI_LIVE_FOLDER", str(tmp_path))

    def session(live: object = "", address: object = "", pid: object = PID) -> Path:
        engine = {"pid": pid, "start": "another boot:1", "live_file": live, "socket": address}
        described = {"protocol": "p", "dt_s": 0.01, "n_units": 5, "n_axes": 2, "engine": engine}
        folder = session_folder.create(tmp_path / "sessions", "p", described, "")
        Journal(folder, 5, 2).close()
        return folder

    return session


@pytest.mark.parametrize("act", [catalogue.recover, catalogue.remove])
@pytest.mark.parametrize("name", ["thesis.tex", f"bmi-{PID}-1f.live", f"p-{PID}.sock"])
@pytest.mark.parametrize("key", ["live", "address"])
def test_what_no_engine_made_is_never_removed(
    tmp_path: Path, make: Callable[..., Path], act, name: str, key: str
) -> None:
    thesis = tmp_path / name
    thesis.write_text("five years")
    act(make(**{key: str(thesis)}))
    assert thesis.read_text() == "five years"


@pytest.mark.parametrize("act", [catalogue.recover, catalogue.remove])
def test_neither_a_link_nor_a_foreign_place_nor_another_engines_is_removed(tmp_path: Path, make, act) -> None:
    (tmp_path / "thesis.tex").write_bytes(livefile.MAGIC + b" five years")
    link = tmp_path / f"bmi-{PID}-2f.live"
    link.symlink_to("thesis.tex")
    elsewhere = tmp_path / "elsewhere" / f"bmi-{PID}-2f.live"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(livefile.MAGIC)
    others = tmp_path / f"bmi-{PID - 1}-2f.live"
    others.write_bytes(livefile.MAGIC)
    for live in (link, elsewhere, others, tmp_path, tmp_path / "missing", "bmi-1-2.live", "\0"):
        act(make(str(live) if isinstance(live, Path) else live))
    for live in (5, ["a"]):  # no texts: recovery refuses such a session, removal does not read so far
        with pytest.raises(JournalError) if act is catalogue.recover else contextlib.nullcontext():
            act(make(live))
    assert (tmp_path / "thesis.tex").read_bytes() == livefile.MAGIC + b" five years"
    assert link.is_symlink()
    assert elsewhere.exists()
    assert others.exists()


@pytest.mark.parametrize("act", [catalogue.recover, catalogue.remove])
def test_what_the_engine_made_is_removed(tmp_path: Path, make, act) -> None:
    live = tmp_path / f"bmi-{PID}-3f.live"
    livefile.create(live, SIZES)
    address = tmp_path / f"bmi-{os.getuid()}" / f"p-{PID}.sock"
    address.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        act(make(str(live), str(address)))
    assert not live.exists()
    assert not address.exists()


def test_live_files_of_engines_are_listed_and_nothing_else(tmp_path: Path, make) -> None:
    for name in (f"bmi-{PID}-4f.live", "bmi-x-1.live", "bmi-thesis.live", "bmi-1-zz.live"):
        (tmp_path / name).write_bytes(livefile.MAGIC)
    (tmp_path / "bmi-7-7.live").symlink_to("bmi-x-1.live")
    assert traces.live_files() == {tmp_path / f"bmi-{PID}-4f.live": PID}


def described(path: Path) -> dict:
    raw = path.read_bytes()
    return json.loads(raw[16 : 16 + struct.unpack("<q", raw[8:16])[0]])


def rewrite(path: Path, content: dict) -> None:
    text = json.dumps(content).encode()
    with path.open("r+b") as file:
        file.seek(8)
        file.write(struct.pack("<q", len(text)) + text)


def test_a_live_file_may_not_say_what_types_there_are(tmp_path: Path, make) -> None:
    """A dtype |O made numpy follow pointers that the file held: recovery crashed."""
    for number, kind in enumerate(("|O", "<f8", [["tick", "|O"]], [["tick", "<i8"]], "V8", None, {"a": 1})):
        live = tmp_path / f"bmi-{PID}-{number:x}.live"
        livefile.create(live, SIZES)
        content = described(live)
        content["arrays"]["frames"]["dtype"] = kind
        rewrite(live, content)
        with pytest.raises(livefile.LiveFileError, match="frames is of another type"):
            livefile.attach(live)
        folder = make(str(live))
        assert catalogue.recover(folder).added_ticks == 0


CRAFTED = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.none(),
    st.text(max_size=3),
    st.lists(st.integers(-5, 2**40), max_size=3),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["ctl", "frames", "counts", "health", "spikes", "weights_rows", "updates", "weights"]),
    st.sampled_from(["shape", "offset", "dtype"]),
    CRAFTED,
)
def test_no_place_in_a_live_file_is_believed(tmp_path: Path, name: str, key: str, value: object) -> None:
    live = tmp_path / "crafted.live"
    live.unlink(missing_ok=True)
    livefile.create(live, SIZES)
    content = described(live)
    content["arrays"][name][key] = value
    rewrite(live, content)
    try:
        arrays = livefile.attach(live)
    except livefile.LiveFileError:
        return
    for array in arrays.values():  # every byte can be read
        np.array(array)
    assert arrays["frames"].shape[0] == arrays["counts"].shape[0] == arrays["health"].shape[0]


def test_heads_and_records_in_a_live_file_may_say_anything(tmp_path: Path, make) -> None:
    rng = np.random.default_rng(0)
    for number in range(60):
        live = tmp_path / f"bmi-{PID}-a{number:x}.live"
        other_width = SIZES if number % 2 else Sizes(7, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 64, 64)
        arrays = livefile.create(live, other_width)
        for name, array in arrays.items():
            flat = array.reshape(-1).view(np.uint8)
            flat[:] = rng.integers(0, 256, len(flat), np.uint8)
            if number % 3 == 0 and array.dtype.names and "tick" in array.dtype.names:
                array["tick"] = np.arange(array.size).reshape(array.shape)  # which would continue the journal
            if number % 3 == 0 and name == "ctl":
                array[:] = 40
        folder = make(str(live))
        (folder / "summary.json").unlink(missing_ok=True)
        report = catalogue.recover(folder)
        assert report.last_tick >= -1
