"""Protocols and saved decoders that are no such thing: one line, no hang, little memory."""

import io
import json
import os
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmi_app import small_files
from bmi_app.session.engine import saved_decoder
from bmi_app.session.engine.build import BuildError, build
from protocols.load import load, parse
from protocols.problems import ProtocolError
from tests.support.places import ROOT

SHIPPED = (ROOT / "protocols" / "center_out.toml").read_text()
MOST_BYTES = 64 << 20


def problems_of(path: str | Path, *overrides: str) -> list[str]:
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError) as refusal:
            load(path, overrides)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
    found = [str(problem) for problem in refusal.value.problems]
    assert all("\n" not in problem and len(problem) < 1000 for problem in found)
    return found


@pytest.mark.parametrize(
    "value",
    [
        "[" * 1000 + "]" * 1000,
        "{a=" * 1000 + "1" + "}" * 1000,
        "1" * 4301,
        "0x" + "f" * 5000,
        str(1 << 63),
        "[" * 40 + "]" * 40,
    ],
    ids=("lists", "tables", "4301 digits", "hexadecimal", "2^63", "40 lists"),
)
def test_values_that_no_protocol_has_are_one_line(tmp_path: Path, value: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f"{SHIPPED}\n[extra]\nx = {value}\n")
    (problem,) = problems_of(path)
    assert "nested too deep" in problem or "beyond 64 bits" in problem or "not valid TOML" in problem
    for problem in problems_of("center_out", f"task.hold_ms={value}"):
        assert "hold_ms" in problem


def test_dotted_keys_of_any_depth_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f"{SHIPPED}\n[{'.'.join('a' * 1000)}]\nx = 1\n")
    assert "nested too deep" in problems_of(path)[0]
    assert "more parts" in problems_of("center_out", f"{'.'.join('a' * 1000)}=1")[0]
    assert "has no entry" in problems_of("center_out", f"blocks.{'9' * 5000}.kind=rest")[0]


@pytest.mark.parametrize(
    "key",
    [
        "session.duration_s",
        "task.timeout_ms",
        "task.hold_ms",
        "task.inter_trial_ms",
        "task.reward_ms",
        "task.failed_ms",
        "task.path_ms",
        "blocks.0.duration_s",
        "safety.watchdog_ms",
        "learning.sample_ms",
        "learning.every_s",
        "learning.exploration_tau_ms",
        "neurons.shared_tau_ms",
        "task.target_radius_cm",
        "axes.x.gain",
    ],
)
@pytest.mark.parametrize("value", ["1e308", "1e12", "inf", "nan"])
def test_numbers_that_nothing_can_be_computed_with_are_refused_by_the_check(key: str, value: str) -> None:
    """1e308 ms passed the check, and the session crashed at its start."""
    more = ("learning.when=seconds",) if key == "learning.every_s" else ()
    assert any(key in problem for problem in problems_of("center_out", f"{key}={value}", *more))


def test_the_greatest_numbers_that_are_allowed_can_be_computed_with() -> None:
    protocol = parse(SHIPPED, "a", ["session.duration_s=1e7", "task.timeout_ms=3.6e6", "safety.watchdog_ms=3.6e6"])
    assert protocol.session.duration_s == 1e7
    build(protocol)


def test_what_is_no_file_is_refused_without_opening_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "circle.toml").symlink_to(tmp_path / "circle.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "large.toml").write_bytes(b"#" * (small_files.TEXT_BYTES + 1))
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    for path, said in (
        ("/dev/zero", "is a device or a pipe"),
        (tmp_path / "pipe.toml", "is a device or a pipe"),
        (tmp_path / "circle.toml", "symbolic links"),
        (tmp_path / "folder.toml", "is a folder"),
        (tmp_path / "large.toml", "holds more than 4 MB"),
        (tmp_path / "latin.toml", "is not UTF-8"),
        ("~nosuchuser/a.toml", "no such file"),
        ("a" * 300 + ".toml", "File name too long"),
        ("a\0b.toml", "no file can have this name"),
    ):
        (problem,) = problems_of(path)
        assert said in problem
    for named in (
        "~nosuchuser/x.npz",
        str(tmp_path / "circle.toml"),
        str(tmp_path / "pipe.toml"),
        "/dev/zero",
        "a" * 300,
    ):
        assert problems_of("center_out", f'decoder.start_from="{named}"')
        settings = f'decoder={{kind="linear",settings={{file="{named}"}}}}'
        assert problems_of("center_out", settings)


# Saved decoders


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    protocol = load("center_out")
    core = build(protocol)
    path = tmp_path / "saved.npz"
    parts: dict[str, np.ndarray] = {}
    saved_decoder.save(path, "groupweight", core.arrays, parts, saved_decoder.MadeFor.of(protocol))
    return path


def said_of(path: Path) -> str:
    tracemalloc.start()
    try:
        protocol = parse(SHIPPED, "a", [f'decoder.start_from="{path}"'])
        with pytest.raises(BuildError) as refusal:
            build(protocol)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)
    return str(refusal.value)


def bomb(n_bytes: int, *, claimed: bool) -> bytes:
    """Make an archive of a few kB whose array says that it takes gigabytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (n_bytes // 8,)})
        with archive.open("weights.npy", "w", force_zip64=True) as member:
            member.write(header.getvalue())
            if claimed:
                for _ in range(n_bytes >> 20):
                    member.write(bytes(1 << 20))
    return file.getvalue()


def test_a_saved_decoder_that_is_none_is_one_line(saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    build(parse(SHIPPED, "a", [f'decoder.start_from="{saved}"']))
    for content, said in (
        (b"", "is no archive"),
        (whole[: len(whole) // 2], "is no archive"),
        (whole[:-1], "is no archive"),
        (b"\x93NUMPY\x01\x00" + bytes(100), "is a single array"),
        (bomb(3 << 30, claimed=False), "is damaged"),
        (bomb(300 << 20, claimed=True), "would take"),
    ):
        path = tmp_path / "odd.npz"
        path.write_bytes(content)
        assert said in said_of(path)


@pytest.mark.parametrize(
    "made_for",
    [
        "{",
        "[]",
        "3",
        json.dumps({"settings": {}}),
        json.dumps({"settings": 3, "features": 4}),
        json.dumps({"x": {}}),
        "[" * 1000,
    ],
)
def test_a_malformed_made_for_is_one_line(saved: Path, made_for: str) -> None:
    with np.load(saved) as archive:
        content: dict[str, Any] = dict(archive) | {"made_for": np.array(made_for)}
    np.savez(saved, **content)
    assert "made_for is damaged" in said_of(saved)


def test_every_changed_byte_of_a_saved_decoder_is_one_line_or_nothing(saved: Path) -> None:
    whole, rng = saved.read_bytes(), np.random.default_rng(1)
    for _ in range(60):
        content = bytearray(whole)
        content[rng.integers(len(content))] ^= int(rng.integers(1, 256))
        saved.write_bytes(content)
        try:
            build(parse(SHIPPED, "a", [f'decoder.start_from="{saved}"']))
        except BuildError as error:
            text = str(error)
            assert "\n" not in text  # either way is right


def test_a_file_without_m2_is_not_ignored(tmp_path: Path) -> None:
    path = tmp_path / "linear.npz"
    np.savez(path, M1=np.zeros((2, 2)))
    protocol = parse(SHIPPED, "a", [f'decoder={{kind="linear",settings={{file="{path}"}}}}'])
    with pytest.raises(BuildError, match=r"linear\.npz: has no array M2; it has: M1"):
        build(protocol)
